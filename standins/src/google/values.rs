//! Reading and writing plain values: what `spreadsheets.values` does.
//!
//! Source: <https://developers.google.com/workspace/sheets/api/guides/values>.

use serde_json::{Value, json};

use super::a1::{self, Area};
use super::batch::cells::check_length;
use super::book::{Sheet, Spreadsheet};
use super::cell::{self, Entered, plain};
use super::refusal::{Outcome, Refusal};
use super::span;

/// How values are shown.
#[derive(Clone, Debug)]
pub struct Render {
    /// `FORMATTED_VALUE`, `UNFORMATTED_VALUE` or `FORMULA`.
    pub values: String,
    /// `SERIAL_NUMBER` or `FORMATTED_STRING`.
    pub dates: String,
    /// Whether lists are columns.
    pub columns: bool,
}

impl Render {
    /// From the three options; each may be absent.
    pub fn of(values: Option<&str>, dates: Option<&str>, major: Option<&str>) -> Self {
        let or = |option: Option<&str>, standard: &str| option.unwrap_or(standard).to_owned();
        Self {
            values: or(values, "FORMATTED_VALUE"),
            dates: or(dates, "SERIAL_NUMBER"),
            columns: major == Some("COLUMNS"),
        }
    }

    fn show(&self, sheet: &Sheet, row: usize, column: usize) -> Value {
        let cell = sheet.cell(row, column);
        if self.values == "FORMATTED_VALUE" {
            return json!(cell.shown());
        }
        match &cell.entered {
            None => json!(""),
            Some(Entered::Number(_)) if cell.is_date() && self.dates == "FORMATTED_STRING" => {
                json!(cell.shown())
            }
            Some(Entered::Number(number)) => plain(*number),
            Some(Entered::Bool(value)) => json!(value),
            Some(Entered::Text(text) | Entered::Formula(text)) => json!(text),
        }
    }
}

/// A `ValueRange` without empty ends.
pub fn read(book: &Spreadsheet, at: usize, area: &Area, render: &Render) -> Value {
    let sheet = &book.sheets[at];
    let (rows, columns) = sheet.touched();
    let used_rows = area.rows.start..area.rows.end.min(rows).max(area.rows.start);
    let used_columns = area.columns.start..area.columns.end.min(columns).max(area.columns.start);
    let line = |cells: Vec<Value>| {
        let kept = cells
            .iter()
            .rposition(|value| *value != "")
            .map_or(0, |last| last + 1);
        Value::Array(cells.into_iter().take(kept).collect())
    };
    let mut lines: Vec<Value> = if render.columns {
        used_columns
            .map(|column| {
                line(
                    used_rows
                        .clone()
                        .map(|row| render.show(sheet, row, column))
                        .collect(),
                )
            })
            .collect()
    } else {
        used_rows
            .map(|row| {
                line(
                    used_columns
                        .clone()
                        .map(|column| render.show(sheet, row, column))
                        .collect(),
                )
            })
            .collect()
    };
    while lines.last().is_some_and(|line| *line == json!([])) {
        lines.pop();
    }
    let mut out = json!({
        "range": a1::name(&sheet.title, area),
        "majorDimension": if render.columns { "COLUMNS" } else { "ROWS" },
    });
    if !lines.is_empty() {
        out["values"] = json!(lines);
    }
    out
}

/// Values to write, row by row; null leaves a cell as it is.
pub struct Table {
    rows: Vec<Vec<Value>>,
    /// How many columns.
    pub width: usize,
}

impl Table {
    /// Reads a `ValueRange`.
    pub fn of(sent: &Value) -> Outcome<Self> {
        let lists: Vec<&[Value]> = sent["values"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|list| list.as_array().map(Vec::as_slice).unwrap_or_default())
            .collect();
        for (outer, list) in lists.iter().enumerate() {
            for (inner, value) in list.iter().enumerate() {
                let kind = match value {
                    Value::Array(_) => "list_value",
                    Value::Object(_) => "struct_value",
                    _ => continue,
                };
                return Err(Refusal::invalid(format!(
                    "Invalid values[{outer}][{inner}]: {kind} {{ }}"
                )));
            }
        }
        let width = lists.iter().map(|list| list.len()).max().unwrap_or(0);
        if sent["majorDimension"] != "COLUMNS" {
            let rows = lists.iter().map(|list| list.to_vec()).collect();
            return Ok(Self { rows, width });
        }
        let turned = |row: usize| {
            lists
                .iter()
                .map(|list| list.get(row).cloned().unwrap_or_default())
                .collect()
        };
        Ok(Self {
            rows: (0..width).map(turned).collect(),
            width: lists.len(),
        })
    }

    /// How many rows.
    pub fn height(&self) -> usize {
        self.rows.len()
    }
}

/// Whether values are parsed as typed; refuses when the option is missing.
pub fn parses(option: Option<&str>) -> Outcome<bool> {
    match option {
        Some("RAW") => Ok(false),
        Some("USER_ENTERED") => Ok(true),
        _ => Err(Refusal::invalid(
            "'valueInputOption' is required but not specified",
        )),
    }
}

/// Writes a table into a range and gives `UpdateValuesResponse` and the cells written.
pub fn update(
    book: &mut Spreadsheet,
    range: &str,
    sent: &Value,
    typed: bool,
) -> Outcome<(Value, usize, Area)> {
    let (at, area) = span::written(book, range)?;
    check_same_range(book, range, sent)?;
    let table = Table::of(sent)?;
    let one_cell = area.rows.len() == 1 && area.columns.len() == 1;
    if !one_cell {
        let title = &book.sheets[at].title;
        let refused = |what: String| {
            Refusal::invalid(format!(
                "Requested writing within range [{}], but tried writing to {what}",
                a1::name(title, &area)
            ))
        };
        if table.height() > area.rows.len() {
            return Err(refused(format!("row [{}]", area.rows.end + 1)));
        }
        if table.width > area.columns.len() {
            return Err(refused(format!("column [{}]", a1::column_name(area.columns.end))));
        }
    }
    let target = Area {
        rows: area.rows.start..area.rows.start + table.height().max(1),
        columns: area.columns.start..area.columns.start + table.width.max(1),
    };
    span::inside(book, at, &target)?;
    let response = write(book, at, &target, &table, typed)?;
    Ok((response, at, target))
}

/// The range in the body, when given, must be that of the path.
pub fn check_same_range(book: &Spreadsheet, range: &str, sent: &Value) -> Outcome<()> {
    match sent["range"].as_str() {
        Some(inner) if span::written(book, inner)? != span::written(book, range)? => Err(Refusal::invalid(
            format!("Requested range [{range}] does not match the range in the body [{inner}]."),
        )),
        _ => Ok(()),
    }
}

/// Writes a table at the start of an area inside the grid.
pub fn write(book: &mut Spreadsheet, at: usize, target: &Area, table: &Table, typed: bool) -> Outcome<Value> {
    let id = book.id.clone();
    let sheet = &mut book.sheets[at];
    let (mut cells, mut widest) = (0, 0);
    for (down, values) in table.rows.iter().enumerate() {
        let mut width = 0;
        for (across, value) in values.iter().enumerate().filter(|(_, value)| !value.is_null()) {
            let (entered, format) = if typed {
                cell::typed(value)
            } else {
                (cell::raw(value), None)
            };
            check_length(entered.as_ref())?;
            sheet
                .cell_mut(target.rows.start + down, target.columns.start + across)
                .enter(entered, format);
            (cells, width) = (cells + 1, across + 1);
        }
        widest = widest.max(width);
    }
    let mut out = json!({"spreadsheetId": id, "updatedRange": a1::name(&sheet.title, target)});
    if cells > 0 {
        out["updatedRows"] = json!(table.height());
        out["updatedColumns"] = json!(widest);
        out["updatedCells"] = json!(cells);
    }
    Ok(out)
}

/// Empties the values of an area; formats stay.
pub fn clear(book: &mut Spreadsheet, at: usize, area: &Area) -> String {
    let sheet = &mut book.sheets[at];
    let (rows, columns) = sheet.touched();
    for row in area.rows.start..area.rows.end.min(rows) {
        for column in area.columns.start..area.columns.end.min(columns) {
            if sheet.cell(row, column).entered.is_some() {
                sheet.cell_mut(row, column).entered = None;
            }
        }
    }
    a1::name(&sheet.title, area)
}
