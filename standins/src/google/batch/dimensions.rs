//! Rows and columns: in, out, sizes.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

use super::super::a1::Area;
use super::super::book::{Cell, Dimension, Sheet, Spreadsheet, count_of};
use super::super::contract::Contract;
use super::super::metadata;
use super::super::refusal::{Outcome, Refusal};
use super::super::span::{self, Change};

/// Pixels of one character and of the padding, near what Google measures for Arial 10.
const CHARACTER_PIXELS: usize = 7;
const PADDING_PIXELS: usize = 14;

/// The widest a column gets.
const PIXELS_MAX: usize = 50_000;

/// `autoResizeDimensions`: columns as wide as their longest text; rows go back to the standard height.
pub fn auto_resize(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    if what.get("dataSourceSheetDimensions").is_some() {
        return Err(Refusal::unimplemented("data source sheets"));
    }
    let (at, rows, range) = span::dimension(book, &what["dimensions"])?;
    check_inside(&book.sheets[at], rows, &range)?;
    let sheet = &mut book.sheets[at];
    if rows {
        sheet.rows.retain(|row, dimension| {
            if range.contains(row) {
                dimension.pixels = None;
            }
            dimension.hidden || dimension.pixels.is_some()
        });
        return Ok(super::nothing());
    }
    let used = sheet.used_rows();
    for column in range {
        let longest = (0..used)
            .map(|row| sheet.text(row, column).chars().count())
            .max()
            .unwrap_or(0);
        if longest > 0 {
            let pixels = (longest * CHARACTER_PIXELS + PADDING_PIXELS).min(PIXELS_MAX);
            sheet.columns.entry(column).or_default().pixels = u32::try_from(pixels).ok();
        }
    }
    Ok(super::nothing())
}

fn check_inside(sheet: &Sheet, rows: bool, range: &Range<usize>) -> Outcome<()> {
    let (what, count) = if rows {
        ("row", sheet.row_count)
    } else {
        ("column", sheet.column_count)
    };
    if range.end > count {
        return Err(Refusal::invalid(format!(
            "Cannot use {what} index {}: the sheet has {count} {what}s.",
            range.end - 1
        )));
    }
    Ok(())
}

/// `appendDimension`.
pub fn append(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let at = span::named(book, what)?;
    let length = count_of(&what["length"])
        .filter(|length| *length > 0)
        .ok_or_else(|| Refusal::invalid("length must be at least 1."))?;
    let sheet = &mut book.sheets[at];
    match what["dimension"].as_str() {
        Some("ROWS") => sheet.row_count += length,
        Some("COLUMNS") => sheet.column_count += length,
        _ => return Err(Refusal::invalid("No dimension specified.")),
    }
    Ok(super::nothing())
}

/// `insertDimension`.
pub fn insert(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let (at, rows, range) = span::dimension(book, &what["range"])?;
    let inherits = what["inheritFromBefore"] == true;
    if inherits && range.start == 0 {
        return Err(Refusal::invalid(
            "inheritFromBefore cannot be true when startIndex is 0.",
        ));
    }
    let sheet = &mut book.sheets[at];
    let count = if rows { sheet.row_count } else { sheet.column_count };
    if range.start > count {
        return Err(Refusal::invalid(format!(
            "range.startIndex[{}] is outside the grid of {count}.",
            range.start
        )));
    }
    if rows {
        sheet.row_count += range.len();
    } else {
        sheet.column_count += range.len();
    }
    insert_cells(sheet, rows, &range, inherits);
    shift(book, at, rows, &Change::Insert(range));
    Ok(super::nothing())
}

/// New cells take the formats of the line before or after them, as in the editor.
fn insert_cells(sheet: &mut Sheet, rows: bool, range: &Range<usize>, inherits: bool) {
    let like = if inherits {
        range.start.saturating_sub(1)
    } else {
        range.start
    };
    let blank = |cell: Option<&Cell>| Cell {
        format: cell.and_then(|cell| cell.format.clone()),
        ..Cell::default()
    };
    let cells = sheet.cells_mut();
    if rows {
        if range.start < cells.len() {
            let fresh: Vec<Cell> = cells
                .get(like)
                .into_iter()
                .flatten()
                .map(|cell| blank(Some(cell)))
                .collect();
            cells.splice(range.start..range.start, vec![fresh; range.len()]);
        }
        return;
    }
    for line in cells {
        if range.start < line.len() {
            let new = vec![blank(line.get(like)); range.len()];
            line.splice(range.start..range.start, new);
        }
    }
}

/// `deleteDimension`.
pub fn delete(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let (at, rows, range) = span::dimension(book, &what["range"])?;
    check_inside(&book.sheets[at], rows, &range)?;
    let sheet = &mut book.sheets[at];
    let (name, count, frozen) = if rows {
        ("rows", sheet.row_count, sheet.frozen_rows)
    } else {
        ("columns", sheet.column_count, sheet.frozen_columns)
    };
    if range.len() == count {
        return Err(Refusal::invalid(format!(
            "You can't delete all the {name} on the sheet."
        )));
    }
    if range.start <= frozen && range.end == count {
        return Err(Refusal::invalid(format!(
            "Sorry, it is not possible to delete all non-frozen {name}."
        )));
    }
    let frozen = frozen - range.start.min(frozen).abs_diff(range.end.min(frozen));
    if rows {
        sheet.row_count -= range.len();
        sheet.frozen_rows = frozen;
        let end = range.end.min(sheet.cells_mut().len());
        if range.start < end {
            sheet.cells_mut().drain(range.start..end);
        }
    } else {
        sheet.column_count -= range.len();
        sheet.frozen_columns = frozen;
        for line in sheet.cells_mut() {
            let end = range.end.min(line.len());
            if range.start < end {
                line.drain(range.start..end);
            }
        }
    }
    shift(book, at, rows, &Change::Delete(range));
    Ok(super::nothing())
}

/// Moves what is tied to places: bands, merges, sizes, metadata.
fn shift(book: &mut Spreadsheet, at: usize, rows: bool, change: &Change) {
    let sheet = &mut book.sheets[at];
    let moved = |area: &Area| -> Option<Area> {
        Some(if rows {
            Area {
                rows: change.resized(&area.rows)?,
                columns: area.columns.clone(),
            }
        } else {
            Area {
                rows: area.rows.clone(),
                columns: change.resized(&area.columns)?,
            }
        })
    };
    sheet.bands.retain_mut(|band| match moved(&band.area) {
        Some(area) => {
            band.area = area;
            true
        }
        None => false,
    });
    sheet.merges = sheet.merges.iter().filter_map(moved).collect();
    let sizes = if rows { &mut sheet.rows } else { &mut sheet.columns };
    let before: BTreeMap<usize, Dimension> = std::mem::take(sizes);
    *sizes = before
        .into_iter()
        .filter_map(|(index, dimension)| Some((change.moved(index)?, dimension)))
        .collect();
    let id = sheet.id;
    metadata::shift(book, id, rows, change);
}

/// `updateDimensionProperties`: size and hidden.
pub fn update(contract: &Contract, book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    if what.get("dataSourceSheetRange").is_some() {
        return Err(Refusal::unimplemented("data source sheets"));
    }
    let mask = super::fields(contract, what, "DimensionProperties")?;
    let (at, rows, range) = span::dimension(book, &what["range"])?;
    check_inside(&book.sheets[at], rows, &range)?;
    let sent = &what["properties"];
    let sheet = &mut book.sheets[at];
    let sizes = if rows { &mut sheet.rows } else { &mut sheet.columns };
    for index in range {
        let dimension = sizes.entry(index).or_default();
        if mask.takes(&["pixelSize"]) {
            dimension.pixels = count_of(&sent["pixelSize"]).and_then(|pixels| u32::try_from(pixels).ok());
        }
        if mask.takes(&["hiddenByUser"]) {
            dimension.hidden = sent["hiddenByUser"] == true;
        }
    }
    let sheet = &book.sheets[at];
    if (0..sheet.column_count).all(|column| sheet.column_hidden(column)) {
        return Err(Refusal::invalid("You can't hide all the columns in a sheet."));
    }
    Ok(super::nothing())
}
