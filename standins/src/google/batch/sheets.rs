//! `addSheet`, `deleteSheet`, `updateSheetProperties`, `updateSpreadsheetProperties`.

use serde_json::{Map, Value, json};

use super::super::book::{Sheet, Spreadsheet, count_of};
use super::super::contract::Contract;
use super::super::look;
use super::super::refusal::{Outcome, Refusal};
use super::super::span;

/// Characters of a sheet's title at most.
const TITLE_MAX: usize = 100;

/// Columns of a sheet at most. Source: <https://support.google.com/drive/answer/37603>.
const COLUMNS_MAX: usize = 18_278;

/// `addSheet`.
pub fn add(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let mut properties = what["properties"].as_object().cloned().unwrap_or_default();
    look::twin_fields(&mut properties);
    let index = count_of(&what["properties"]["index"]).unwrap_or(book.sheets.len());
    let sheet = new_sheet(book, properties)?;
    let index = index.min(book.sheets.len());
    let shown = sheet.properties(index);
    book.sheets.insert(index, sheet);
    Ok(json!({ "addSheet": { "properties": shown } }))
}

/// A sheet from `SheetProperties`, for a spreadsheet that has others.
pub fn new_sheet(book: &Spreadsheet, properties: Map<String, Value>) -> Outcome<Sheet> {
    let kind = properties
        .get("sheetType")
        .and_then(Value::as_str)
        .unwrap_or("GRID");
    if kind != "GRID" && kind != "SHEET_TYPE_UNSPECIFIED" {
        return Err(Refusal::unimplemented(&format!("sheets of type {kind}")));
    }
    let taken = |id: i64| book.sheets.iter().any(|sheet| sheet.id == id);
    let id = match properties.get("sheetId").and_then(Value::as_i64) {
        Some(id) if id < 0 => {
            return Err(Refusal::invalid(format!(
                "Invalid sheet id: {id}. It must be non-negative."
            )));
        }
        Some(id) if taken(id) => {
            return Err(Refusal::invalid(format!(
                "The sheet with id {id} already exists."
            )));
        }
        Some(id) => id,
        None => span::new_id(taken),
    };
    let title = match properties.get("title").and_then(Value::as_str) {
        Some(title) => title.to_owned(),
        None => free_title(book),
    };
    check_title(book, &title, None)?;
    let mut sheet = Sheet::new(id, &title);
    let mut whole = properties;
    whole.insert("title".to_owned(), json!(title));
    check_grid(&whole)?;
    sheet.set_properties(whole);
    check_frozen(&sheet)?;
    Ok(sheet)
}

fn free_title(book: &Spreadsheet) -> String {
    let mut number = book.sheets.len() + 1;
    while book.sheet(&format!("Sheet{number}")).is_some() {
        number += 1;
    }
    format!("Sheet{number}")
}

fn check_title(book: &Spreadsheet, title: &str, besides: Option<i64>) -> Outcome<()> {
    if title.is_empty() || title.chars().count() > TITLE_MAX {
        return Err(Refusal::invalid(format!(
            "The name of a sheet must have 1 to {TITLE_MAX} characters."
        )));
    }
    let lower = title.to_lowercase();
    let taken = book
        .sheets
        .iter()
        .any(|sheet| sheet.title.to_lowercase() == lower && Some(sheet.id) != besides);
    if taken {
        return Err(Refusal::invalid(format!(
            "A sheet with the name \"{title}\" already exists. Please enter another name."
        )));
    }
    Ok(())
}

fn check_grid(properties: &Map<String, Value>) -> Outcome<()> {
    let grid = &properties.get("gridProperties").cloned().unwrap_or_default();
    for name in ["rowCount", "columnCount"] {
        if grid[name].as_i64().is_some_and(|count| count < 1) {
            return Err(Refusal::invalid(format!(
                "gridProperties.{name} must be at least 1."
            )));
        }
    }
    if count_of(&grid["columnCount"]).is_some_and(|count| count > COLUMNS_MAX) {
        return Err(Refusal::invalid(format!(
            "This action would increase the number of columns above the limit of {COLUMNS_MAX} columns."
        )));
    }
    Ok(())
}

fn check_frozen(sheet: &Sheet) -> Outcome<()> {
    for (what, frozen, count) in [
        ("rows", sheet.frozen_rows, sheet.row_count),
        ("columns", sheet.frozen_columns, sheet.column_count),
    ] {
        if frozen >= count {
            return Err(Refusal::invalid(format!(
                "You can't freeze all visible {what} on the sheet."
            )));
        }
    }
    Ok(())
}

/// `deleteSheet`.
pub fn delete(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let at = span::named(book, what)?;
    let visible = |sheet: &&Sheet| !sheet.hidden;
    let gone = book.sheets[at].id;
    if book.sheets.iter().filter(visible).all(|sheet| sheet.id == gone) {
        return Err(Refusal::invalid(
            "You can't remove all the visible sheets in a document.",
        ));
    }
    book.sheets.remove(at);
    book.metadata
        .retain(|_, metadata| metadata.place.sheet() != Some(gone));
    Ok(super::nothing())
}

/// `updateSheetProperties`.
pub fn update(contract: &Contract, book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let mut mask = super::fields(contract, what, "SheetProperties")?;
    mask.0.remove("sheetId");
    let at = span::named(book, &what["properties"])?;
    let mut sent = what["properties"].as_object().cloned().unwrap_or_default();
    look::twin_fields(&mut sent);
    let mut properties = book.sheets[at].properties(at);
    mask.merge(&mut properties, &sent);
    if mask.takes(&["title"]) {
        let title = sent.get("title").and_then(Value::as_str).unwrap_or_default();
        check_title(book, title, Some(book.sheets[at].id))?;
    }
    // A count named by the mask and left out is 0, which no grid may have; a mask of the whole keeps it.
    let grid = properties.get("gridProperties").cloned().unwrap_or_default();
    for name in ["rowCount", "columnCount"] {
        if grid.get(name).is_none() && !mask.is_whole() && mask.takes(&["gridProperties", name]) {
            return Err(Refusal::invalid(format!(
                "gridProperties.{name} must be at least 1."
            )));
        }
    }
    check_grid(&properties)?;
    let mut sheet = book.sheets[at].clone();
    sheet.set_properties(properties);
    check_frozen(&sheet)?;
    book.sheets[at] = sheet;
    if book.sheets.iter().all(|sheet| sheet.hidden) {
        return Err(Refusal::invalid("You can't hide all the sheets in a document."));
    }
    if mask.0.contains_key("index") || mask.0.contains_key("*") {
        let to = sent.get("index").and_then(count_of);
        if let Some(to) = to.or_else(|| mask.0.contains_key("index").then_some(0)) {
            let sheet = book.sheets.remove(at);
            let to = to.min(book.sheets.len());
            book.sheets.insert(to, sheet);
        }
    }
    Ok(super::nothing())
}

/// `updateSpreadsheetProperties`: title, locale and time zone.
pub fn update_spreadsheet(contract: &Contract, book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let mask = super::fields(contract, what, "SpreadsheetProperties")?;
    let sent = &what["properties"];
    for name in mask.0.keys() {
        let text = sent[name].as_str().unwrap_or_default();
        match name.as_str() {
            "title" if text.is_empty() => return Err(Refusal::invalid("The title must not be empty.")),
            "title" => text.clone_into(&mut book.title),
            "locale" => text.clone_into(&mut book.locale),
            "timeZone" => text.clone_into(&mut book.time_zone),
            other => {
                return Err(Refusal::unimplemented(&format!(
                    "the spreadsheet property {other}"
                )));
            }
        }
    }
    Ok(super::nothing())
}
