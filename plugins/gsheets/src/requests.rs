//! The requests of a `batchUpdate`, as data.
//! <https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/request>

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::cell::Cell;

/// One request of a batch.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Change<'a> {
    /// A small one.
    Plain(Value),
    /// One that carries cells.
    #[serde(rename_all = "camelCase")]
    Update { update_cells: Cells<'a> },
    /// Cells below the last row that has any.
    #[serde(rename_all = "camelCase")]
    Append { append_cells: Cells<'a> },
}

/// Cells and where they go.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cells<'a> {
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) rows: Vec<Line<'a>>,
    pub(crate) fields: &'static str,
}

/// Where cells go.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Place {
    /// Exactly there; what the rows do not cover is cleared.
    Range(Value),
    /// After the last row.
    SheetId(u32),
}

/// Cells of one row.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    pub(crate) values: Vec<Styled<'a>>,
}

/// A cell, perhaps one of the header.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Styled<'a> {
    Cell(&'a Cell),
    Heading(&'a str),
}

impl Serialize for Styled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Cell(cell) => cell.serialize(serializer),
            Self::Heading(title) => json!({
                "userEnteredValue": {"stringValue": title},
                "userEnteredFormat": heading_format(),
            })
            .serialize(serializer),
        }
    }
}

/// Value and whole format.
pub(crate) const VALUE_AND_FORMAT: &str = "userEnteredValue,userEnteredFormat";

/// White on blue (#1A73E8, the blue of Google's own interface), bold, centred.
fn heading_format() -> Value {
    json!({
        "backgroundColorStyle": {"rgbColor": {"red": 0.102, "green": 0.451, "blue": 0.910}},
        "horizontalAlignment": "CENTER",
        "textFormat": {
            "bold": true,
            "foregroundColorStyle": {"rgbColor": {"red": 1, "green": 1, "blue": 1}},
        },
    })
}

/// A block of cells; the ends are not part of it.
pub(crate) fn range(sheet: u32, rows: (usize, usize), columns: (usize, usize)) -> Value {
    json!({
        "sheetId": sheet,
        "startRowIndex": rows.0,
        "endRowIndex": rows.1,
        "startColumnIndex": columns.0,
        "endColumnIndex": columns.1,
    })
}

fn columns_of(sheet: u32, columns: (usize, usize)) -> Value {
    json!({"sheetId": sheet, "dimension": "COLUMNS", "startIndex": columns.0, "endIndex": columns.1})
}

/// Makes a sheet of this size with its first row frozen.
pub(crate) fn add_sheet<'a>(sheet: u32, title: &str, rows: usize, columns: usize) -> Change<'a> {
    Change::Plain(json!({"addSheet": {"properties": {
        "sheetId": sheet,
        "title": title,
        "gridProperties": {"rowCount": rows, "columnCount": columns, "frozenRowCount": 1},
    }}}))
}

/// Gives a sheet another title.
pub(crate) fn rename_sheet<'a>(sheet: u32, title: &str) -> Change<'a> {
    Change::Plain(json!({"updateSheetProperties": {
        "properties": {"sheetId": sheet, "title": title},
        "fields": "title",
    }}))
}

/// Makes a sheet this large and freezes its first row.
pub(crate) fn resize<'a>(sheet: u32, rows: usize, columns: usize) -> Change<'a> {
    Change::Plain(json!({"updateSheetProperties": {
        "properties": {
            "sheetId": sheet,
            "gridProperties": {"rowCount": rows, "columnCount": columns, "frozenRowCount": 1},
        },
        "fields": "gridProperties(rowCount,columnCount,frozenRowCount)",
    }}))
}

/// Freezes the first row.
pub(crate) fn freeze<'a>(sheet: u32) -> Change<'a> {
    Change::Plain(json!({"updateSheetProperties": {
        "properties": {"sheetId": sheet, "gridProperties": {"frozenRowCount": 1}},
        "fields": "gridProperties.frozenRowCount",
    }}))
}

/// Adds columns at the right edge of the grid.
pub(crate) fn append_columns<'a>(sheet: u32, count: usize) -> Change<'a> {
    Change::Plain(json!({"appendDimension": {"sheetId": sheet, "dimension": "COLUMNS", "length": count}}))
}

/// Hides one column.
pub(crate) fn hide_column<'a>(sheet: u32, column: usize) -> Change<'a> {
    Change::Plain(json!({"updateDimensionProperties": {
        "range": columns_of(sheet, (column, column + 1)),
        "properties": {"hiddenByUser": true},
        "fields": "hiddenByUser",
    }}))
}

/// Shows every column.
pub(crate) fn show_columns<'a>(sheet: u32, columns: usize) -> Change<'a> {
    Change::Plain(json!({"updateDimensionProperties": {
        "range": columns_of(sheet, (0, columns)),
        "properties": {"hiddenByUser": false},
        "fields": "hiddenByUser",
    }}))
}

/// Pixels that a date with its time takes in Google's standard font.
const WIDE: u32 = 150;

/// Makes one column wide enough for a date with its time.
pub(crate) fn widen<'a>(sheet: u32, column: usize) -> Change<'a> {
    Change::Plain(json!({"updateDimensionProperties": {
        "range": columns_of(sheet, (column, column + 1)),
        "properties": {"pixelSize": WIDE},
        "fields": "pixelSize",
    }}))
}

/// Takes merged cells apart.
pub(crate) fn unmerge<'a>(range: &Value) -> Change<'a> {
    Change::Plain(json!({"unmergeCells": {"range": range}}))
}

/// Removes alternating colours.
pub(crate) fn delete_banding<'a>(id: i64) -> Change<'a> {
    Change::Plain(json!({"deleteBanding": {"bandedRangeId": id}}))
}

/// Colours every other row light blue.
pub(crate) fn add_banding<'a>(range: &Value) -> Change<'a> {
    Change::Plain(json!({"addBanding": {"bandedRange": {
        "range": range,
        "rowProperties": {
            "firstBandColorStyle": {"rgbColor": {"red": 1, "green": 1, "blue": 1}},
            "secondBandColorStyle": {"rgbColor": {"red": 0.910, "green": 0.941, "blue": 0.996}},
        },
    }}}))
}

/// Thin grey lines round every cell.
pub(crate) fn borders<'a>(range: &Value) -> Change<'a> {
    let line = json!({"style": "SOLID", "colorStyle": {"rgbColor": {"red": 0.8, "green": 0.8, "blue": 0.8}}});
    Change::Plain(json!({"updateBorders": {
        "range": range,
        "top": line, "bottom": line, "left": line, "right": line,
        "innerHorizontal": line, "innerVertical": line,
    }}))
}

/// Makes columns as wide as their content.
pub(crate) fn auto_resize<'a>(sheet: u32, columns: usize) -> Change<'a> {
    Change::Plain(json!({"autoResizeDimensions": {"dimensions": columns_of(sheet, (0, columns))}}))
}
