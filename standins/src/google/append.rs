//! `values.append`: finding the table of a range and writing below it.
//!
//! Source: <https://developers.google.com/workspace/sheets/api/guides/values#append_values>.

use serde_json::{Value, json};

use super::a1::{self, Area};
use super::batch;
use super::book::{Sheet, Spreadsheet};
use super::refusal::Outcome;
use super::span;
use super::values::{self, Table};

/// The table that an append continues: the one around the last filled cell of the range; none when all is empty.
pub fn table_in(sheet: &Sheet, area: &Area) -> Option<Area> {
    let filled = |row: usize, column: usize| sheet.cell(row, column).entered.is_some();
    let used = sheet.used_rows();
    let row = (area.rows.start..area.rows.end.min(used)).rev().find(|row| {
        area.columns
            .clone()
            .take(sheet.row_width(*row))
            .any(|column| filled(*row, column))
    })?;
    let column = area.columns.clone().find(|column| filled(row, *column))?;
    let mut table = Area {
        rows: row..row + 1,
        columns: column..column + 1,
    };
    loop {
        let left = table.columns.start.saturating_sub(1);
        let columns = left..(table.columns.end + 1).min(sheet.column_count);
        let rows = table.rows.start.saturating_sub(1)..(table.rows.end + 1).min(sheet.row_count);
        let row_filled = |row: usize| columns.clone().any(|column| filled(row, column));
        let column_filled = |column: usize| rows.clone().any(|row| filled(row, column));
        let before = table.clone();
        if table.rows.start > 0 && row_filled(table.rows.start - 1) {
            table.rows.start -= 1;
        }
        if table.rows.end < used && row_filled(table.rows.end) {
            table.rows.end += 1;
        }
        if table.columns.start > 0 && column_filled(left) {
            table.columns.start = left;
        }
        if table.columns.end < sheet.column_count && column_filled(table.columns.end) {
            table.columns.end += 1;
        }
        if table == before {
            return Some(table);
        }
    }
}

/// Appends below the table of a range; the grid grows when it must. Gives the table and `UpdateValuesResponse`.
pub fn append(
    book: &mut Spreadsheet,
    range: &str,
    sent: &Value,
    typed: bool,
    inserts: bool,
) -> Outcome<(Option<String>, Value, usize, Area)> {
    let (at, area) = span::written(book, range)?;
    values::check_same_range(book, range, sent)?;
    let table = Table::of(sent)?;
    let sheet = &mut book.sheets[at];
    let found = table_in(sheet, &area);
    let (row, column) = found
        .as_ref()
        .map_or((area.rows.start, area.columns.start), |found| {
            (found.rows.end, found.columns.start)
        });
    let target = Area {
        rows: row..row + table.height().max(1),
        columns: column..column + table.width.max(1),
    };
    if inserts && row < sheet.row_count {
        let what = json!({"range": {"sheetId": sheet.id, "dimension": "ROWS",
            "startIndex": row, "endIndex": row + table.height().max(1)}, "inheritFromBefore": row > 0});
        batch::insert_rows(book, &what)?;
    }
    let sheet = &mut book.sheets[at];
    sheet.row_count = sheet.row_count.max(target.rows.end);
    sheet.column_count = sheet.column_count.max(target.columns.end);
    batch::check_limits(book)?;
    let title = book.sheets[at].title.clone();
    let response = values::write(book, at, &target, &table, typed)?;
    Ok((found.map(|found| a1::name(&title, &found)), response, at, target))
}
