//! A spreadsheet as `spreadsheets.get` shows it.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::a1::Area;
use super::batch::bands::grid_range;
use super::book::{COLUMN_PIXELS, Dimension, ROW_PIXELS, Sheet, Spreadsheet};
use super::cell::{Cell, Entered, plain};
use super::look;

/// Which parts of the cells are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Whether any grid data.
    pub grid: bool,
    /// Ranges of each sheet asked for; empty: everything.
    pub ranges: Vec<(usize, Area)>,
}

/// The whole resource; the mask cuts it afterwards.
pub fn spreadsheet(book: &Spreadsheet, wanted: &Wanted, base_url: &str) -> Value {
    let sheets: Vec<Value> = book
        .sheets
        .iter()
        .enumerate()
        .filter(|(at, _)| wanted.ranges.is_empty() || wanted.ranges.iter().any(|(on, _)| on == at))
        .map(|(at, shown)| sheet(book, shown, at, wanted))
        .collect();
    let mut out = json!({
        "spreadsheetId": book.id,
        "properties": {
            "title": book.title,
            "locale": book.locale,
            "autoRecalc": "ON_CHANGE",
            "timeZone": book.time_zone,
            "defaultFormat": look::default_format(),
        },
        "sheets": sheets,
        "spreadsheetUrl": format!("{base_url}/spreadsheets/d/{}/edit", book.id),
    });
    let metadata = attached(book, |place| place.sheet().is_none());
    if !metadata.is_empty() {
        out["developerMetadata"] = json!(metadata);
    }
    out
}

fn attached(book: &Spreadsheet, at: impl Fn(&super::metadata::Place) -> bool) -> Vec<Value> {
    let found = book.metadata.values().filter(|metadata| at(&metadata.place));
    found.map(super::metadata::Metadata::json).collect()
}

fn sheet(book: &Spreadsheet, sheet: &Sheet, at: usize, wanted: &Wanted) -> Value {
    let mut out = json!({ "properties": sheet.properties(at) });
    if !sheet.merges.is_empty() {
        out["merges"] = sheet
            .merges
            .iter()
            .map(|area| grid_range(sheet.id, area))
            .collect();
    }
    if !sheet.bands.is_empty() {
        out["bandedRanges"] = sheet.bands.iter().map(|band| band.json(sheet.id)).collect();
    }
    if let Some(filter) = &sheet.filter {
        out["basicFilter"] = filter.clone();
    }
    let metadata = attached(book, |place| *place == super::metadata::Place::Sheet(sheet.id));
    if !metadata.is_empty() {
        out["developerMetadata"] = json!(metadata);
    }
    if wanted.grid {
        let areas: Vec<&Area> = wanted
            .ranges
            .iter()
            .filter(|(on, _)| *on == at)
            .map(|(_, area)| area)
            .collect();
        let whole = sheet.whole();
        let areas = if areas.is_empty() { vec![&whole] } else { areas };
        out["data"] = areas.iter().map(|area| data(book, sheet, area)).collect();
    }
    out
}

fn data(book: &Spreadsheet, sheet: &Sheet, area: &Area) -> Value {
    let (rows, columns) = sheet.touched();
    let last_row = rows.min(area.rows.end);
    let lines: Vec<Value> = (area.rows.start..last_row.max(area.rows.start))
        .map(|row| {
            let last = columns.min(area.columns.end).max(area.columns.start);
            let mut cells: Vec<Value> = (area.columns.start..last)
                .map(|column| cell(sheet, row, column))
                .collect();
            while cells.last().is_some_and(|cell| *cell == json!({})) {
                cells.pop();
            }
            if cells.is_empty() {
                json!({})
            } else {
                json!({ "values": cells })
            }
        })
        .collect();
    let mut out = json!({
        "rowMetadata": area.rows.clone().map(|row| dimension(book, sheet, true, row)).collect::<Vec<_>>(),
        "columnMetadata": area.columns.clone().map(|column| dimension(book, sheet, false, column)).collect::<Vec<_>>(),
    });
    if !lines.is_empty() {
        out["rowData"] = json!(lines);
    }
    for (name, start) in [("startRow", area.rows.start), ("startColumn", area.columns.start)] {
        if start > 0 {
            out[name] = json!(start);
        }
    }
    out
}

fn dimension(book: &Spreadsheet, sheet: &Sheet, row: bool, at: usize) -> Value {
    use super::metadata::Place;
    let (set, standard) = if row {
        (sheet.rows.get(&at), ROW_PIXELS)
    } else {
        (sheet.columns.get(&at), COLUMN_PIXELS)
    };
    let mut out = json!({"pixelSize": set.and_then(|set| set.pixels).unwrap_or(standard)});
    if set.is_some_and(|set: &Dimension| set.hidden) {
        out["hiddenByUser"] = json!(true);
    }
    if !book.metadata.is_empty() {
        let here = if row {
            Place::Row(sheet.id, at)
        } else {
            Place::Column(sheet.id, at)
        };
        let metadata = attached(book, |place| *place == here);
        if !metadata.is_empty() {
            out["developerMetadata"] = json!(metadata);
        }
    }
    out
}

/// A cell as `CellData`.
pub fn cell(sheet: &Sheet, row: usize, column: usize) -> Value {
    let cell = sheet.cell(row, column);
    let banded = sheet.bands.iter().any(|band| band.area.contains(row, column));
    if *cell == Cell::EMPTY && !banded {
        return json!({});
    }
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    if let Some(value) = cell.extended() {
        put("userEnteredValue", value.clone());
        put("effectiveValue", effective(cell).unwrap_or(value));
        put("formattedValue", json!(cell.shown()));
    }
    if let Some(format) = &cell.format {
        put("userEnteredFormat", Value::Object(Map::clone(format)));
    }
    put(
        "effectiveFormat",
        Value::Object(sheet.effective_format(row, column)),
    );
    if let Some(note) = &cell.note {
        put("note", json!(note));
    }
    if let Some(rule) = &cell.validation {
        put("dataValidation", Value::clone(Arc::as_ref(rule)));
    }
    Value::Object(out)
}

/// A formula comes to its own text, since nothing is computed here.
fn effective(cell: &Cell) -> Option<Value> {
    match cell.entered.as_ref()? {
        Entered::Formula(formula) => Some(json!({ "stringValue": formula })),
        Entered::Number(number) => Some(json!({ "numberValue": plain(*number) })),
        _ => None,
    }
}
