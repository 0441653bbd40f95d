//! `spreadsheets.batchUpdate`: all requests or none. Each works on a copy, which takes the spreadsheet's place
//! when the last one has passed.

pub mod bands;
mod borders;
pub mod cells;
mod dimensions;
mod merging;
mod notes;
pub mod sheets;

use serde_json::{Value, json};

use super::book::Spreadsheet;
use super::contract::{Contract, Family};
use super::look;
use super::mask::Mask;
use super::metadata;
use super::refusal::{Code, Outcome, Refusal};

/// Cells in a spreadsheet at most. Source: <https://support.google.com/drive/answer/37603>.
pub const CELLS_MAX: usize = 10_000_000;

/// Requests in one batch at most: the API names no limit below its size limit; this one keeps loops bounded.
const REQUESTS_MAX: usize = 100_000;

/// Runs every request on the copy and gives the replies.
pub fn run(contract: &Contract, book: &mut Spreadsheet, requests: &Value) -> Outcome<Vec<Value>> {
    let requests = requests.as_array().map(Vec::as_slice).unwrap_or_default();
    if requests.is_empty() {
        return Err(Refusal::invalid("Must specify at least one request."));
    }
    if requests.len() > REQUESTS_MAX {
        return Err(Refusal::invalid(format!(
            "Too many requests: {}.",
            requests.len()
        )));
    }
    let mut replies = Vec::with_capacity(requests.len());
    for (index, request) in requests.iter().enumerate() {
        let Some((kind, what)) = request.as_object().and_then(|fields| fields.iter().next()) else {
            return Err(Refusal::invalid(format!(
                "Invalid requests[{index}]: No request set."
            )));
        };
        let reply = one(contract, book, kind, what).and_then(|reply| {
            check_limits(book)?;
            Ok(reply)
        });
        replies.push(reply.map_err(|refusal| placed(refusal, index, kind))?);
    }
    Ok(replies)
}

fn placed(refusal: Refusal, index: usize, kind: &str) -> Refusal {
    if refusal.code == Code::InvalidArgument {
        let message = format!("Invalid requests[{index}].{kind}: {}", refusal.message);
        return Refusal { message, ..refusal };
    }
    refusal
}

/// Refuses a spreadsheet that has grown too large.
pub fn check_limits(book: &Spreadsheet) -> Outcome<()> {
    if book.cell_count() > CELLS_MAX {
        return Err(Refusal::invalid(format!(
            "This action would increase the number of cells in the workbook above the limit of {CELLS_MAX} cells."
        )));
    }
    metadata::check_size(book)
}

/// `insertDimension`, for those who insert rows on the way.
pub fn insert_rows(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    dimensions::insert(book, what)
}

fn one(contract: &Contract, book: &mut Spreadsheet, kind: &str, what: &Value) -> Outcome<Value> {
    match kind {
        "updateCells" => cells::update(contract, book, what),
        "appendCells" => cells::append(contract, book, what),
        "repeatCell" => cells::repeat(contract, book, what),
        "updateBorders" => borders::update(book, what),
        "setDataValidation" => cells::validate(book, what),
        "addSheet" => sheets::add(book, what),
        "deleteSheet" => sheets::delete(book, what),
        "updateSheetProperties" => sheets::update(contract, book, what),
        "updateSpreadsheetProperties" => sheets::update_spreadsheet(contract, book, what),
        "addBanding" => bands::add(book, what),
        "updateBanding" => bands::update(contract, book, what),
        "deleteBanding" => bands::delete(book, what),
        "autoResizeDimensions" => dimensions::auto_resize(book, what),
        "appendDimension" => dimensions::append(book, what),
        "insertDimension" => dimensions::insert(book, what),
        "deleteDimension" => dimensions::delete(book, what),
        "updateDimensionProperties" => dimensions::update(contract, book, what),
        "createDeveloperMetadata" => notes::create(book, what),
        "updateDeveloperMetadata" => notes::update(contract, book, what),
        "deleteDeveloperMetadata" => notes::delete(book, what),
        "mergeCells" => merging::merge(book, what),
        "unmergeCells" => merging::unmerge(book, what),
        "setBasicFilter" => merging::set_filter(book, what),
        "clearBasicFilter" => merging::clear_filter(book, what),
        other => Err(Refusal::unimplemented(&format!("the request {other}"))),
    }
}

/// The `fields` of a request, checked against the schema that they are relative to.
fn fields(contract: &Contract, what: &Value, schema: &str) -> Outcome<Mask> {
    let text = what["fields"].as_str().unwrap_or_default();
    if text.trim().is_empty() {
        return Err(Refusal::invalid(
            "At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)",
        ));
    }
    let mut mask =
        Mask::parse(text).ok_or_else(|| Refusal::invalid(format!("Invalid field mask: {text}")))?;
    if let Some(unknown) = contract.unknown_in_mask(Family::Sheets, schema, &mask) {
        return Err(Refusal::invalid(format!(
            "Invalid field: {unknown} is no field of {schema}."
        )));
    }
    look::twin_mask(&mut mask);
    Ok(mask)
}

/// The reply of a request that has nothing to tell.
fn nothing() -> Value {
    json!({})
}
