//! `mergeCells`, `unmergeCells`, `setBasicFilter`, `clearBasicFilter`.

use serde_json::Value;

use super::super::a1::Area;
use super::super::book::Spreadsheet;
use super::super::refusal::{Outcome, Refusal};
use super::super::span;

fn inside(inner: &Area, outer: &Area) -> bool {
    outer.rows.start <= inner.rows.start
        && inner.rows.end <= outer.rows.end
        && outer.columns.start <= inner.columns.start
        && inner.columns.end <= outer.columns.end
}

/// Refuses a range that cuts a merged one in two.
fn check_whole(book: &Spreadsheet, at: usize, area: &Area) -> Outcome<()> {
    let cut = |merge: &&Area| merge.overlaps(area) && !inside(merge, area);
    if book.sheets[at].merges.iter().any(|merge| cut(&merge)) {
        return Err(Refusal::invalid(
            "You must select all cells in a merged range to merge or unmerge them.",
        ));
    }
    Ok(())
}

/// `mergeCells`: only the value of the first cell of each merged range stays.
pub fn merge(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let (at, area) = span::grid_range(book, &what["range"])?;
    check_whole(book, at, &area)?;
    let parts: Vec<Area> = match what["mergeType"].as_str().unwrap_or("MERGE_ALL") {
        "MERGE_COLUMNS" => area
            .columns
            .clone()
            .map(|column| Area {
                columns: column..column + 1,
                ..area.clone()
            })
            .collect(),
        "MERGE_ROWS" => area
            .rows
            .clone()
            .map(|row| Area {
                rows: row..row + 1,
                ..area.clone()
            })
            .collect(),
        _ => vec![area.clone()],
    };
    let sheet = &mut book.sheets[at];
    sheet.merges.retain(|merge| !inside(merge, &area));
    for part in parts {
        for row in part.rows.clone() {
            for column in part.columns.clone() {
                if (row, column) != (part.rows.start, part.columns.start) {
                    sheet.cell_mut(row, column).entered = None;
                }
            }
        }
        if part.rows.len() * part.columns.len() > 1 {
            sheet.merges.push(part);
        }
    }
    Ok(super::nothing())
}

/// `unmergeCells`.
pub fn unmerge(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let (at, area) = span::grid_range(book, &what["range"])?;
    check_whole(book, at, &area)?;
    book.sheets[at].merges.retain(|merge| !merge.overlaps(&area));
    Ok(super::nothing())
}

/// `setBasicFilter`: kept and shown; rows are not hidden by it.
pub fn set_filter(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let filter = &what["filter"];
    let (at, _) = span::grid_range(book, &filter["range"])?;
    book.sheets[at].filter = Some(filter.clone());
    Ok(super::nothing())
}

/// `clearBasicFilter`.
pub fn clear_filter(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let at = span::named(book, what)?;
    book.sheets[at].filter = None;
    Ok(super::nothing())
}
