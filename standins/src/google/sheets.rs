//! The methods of Sheets v4, each from a checked request to an answer.

use serde_json::{Value, json};

use super::append;
use super::batch;
use super::book::Spreadsheet;
use super::contract::Contract;
use super::look;
use super::mask::Mask;
use super::metadata;
use super::query::Query;
use super::refusal::{Outcome, Refusal};
use super::resource::{self, Wanted};
use super::span;
use super::values::{self, Render};

/// A checked call of a method on one spreadsheet.
pub struct Call<'a> {
    /// The method's id without `sheets.spreadsheets.`.
    pub name: &'a str,
    /// What the path holds besides the spreadsheet's id.
    pub range: &'a str,
    /// `metadataId` of the path.
    pub metadata_id: &'a str,
    /// The query.
    pub query: &'a Query,
    /// The body in normal form.
    pub body: &'a Value,
    /// The mask of the answer.
    pub fields: Option<&'a Mask>,
    /// Google's description.
    pub contract: &'a Contract,
    /// The stand-in's origin.
    pub base_url: &'a str,
}

/// Runs the call on the spreadsheet, which is a copy: the caller keeps it only when all went well.
pub fn run(call: &Call<'_>, book: &mut Spreadsheet) -> Outcome<Value> {
    match call.name {
        "get" => get(call, book),
        "getByDataFilter" => get_by_filter(call, book),
        "batchUpdate" => batch_update(call, book),
        "values.get" => {
            let (at, area) = span::written(book, call.range)?;
            Ok(values::read(book, at, &area, &render(call)))
        }
        "values.batchGet" => batch_get(call, book),
        "values.update" => update(call, book),
        "values.append" => append(call, book),
        "values.batchUpdate" => batch_values(call, book),
        "values.clear" => {
            let (at, area) = span::written(book, call.range)?;
            let cleared = values::clear(book, at, &area);
            Ok(json!({"spreadsheetId": book.id, "clearedRange": cleared}))
        }
        "values.batchClear" => batch_clear(call, book),
        "values.batchGetByDataFilter" => get_values_by_filter(call, book),
        "developerMetadata.get" => call
            .metadata_id
            .parse()
            .ok()
            .and_then(|id: i64| book.metadata.get(&id))
            .map(metadata::Metadata::json)
            .ok_or_else(Refusal::no_spreadsheet),
        "developerMetadata.search" => search(call, book),
        other => Err(Refusal::unimplemented(&format!("sheets.spreadsheets.{other}"))),
    }
}

fn render(call: &Call<'_>) -> Render {
    Render::of(
        call.query.one("valueRenderOption"),
        call.query.one("dateTimeRenderOption"),
        call.query.one("majorDimension"),
    )
}

/// How the answer to a write shows what was written; none when it is not asked for.
fn written_back(call: &Call<'_>) -> Option<Render> {
    let of = |name: &str| call.query.one(name).or_else(|| call.body[name].as_str());
    let wanted = call.query.flag("includeValuesInResponse") || call.body["includeValuesInResponse"] == true;
    wanted.then(|| {
        Render::of(
            of("responseValueRenderOption"),
            of("responseDateTimeRenderOption"),
            None,
        )
    })
}

fn list<'a>(body: &'a Value, name: &str) -> &'a [Value] {
    body[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn get(call: &Call<'_>, book: &Spreadsheet) -> Outcome<Value> {
    let grid = match call.fields {
        Some(mask) => mask.takes(&["sheets", "data"]),
        None => call.query.flag("includeGridData"),
    };
    let ranges = call
        .query
        .all("ranges")
        .iter()
        .map(|range| span::written(book, range));
    let wanted = Wanted {
        grid,
        ranges: ranges.collect::<Outcome<_>>()?,
    };
    Ok(resource::spreadsheet(book, &wanted, call.base_url))
}

fn get_by_filter(call: &Call<'_>, book: &Spreadsheet) -> Outcome<Value> {
    let mut ranges = Vec::new();
    for filter in list(call.body, "dataFilters") {
        ranges.extend(metadata::areas(book, filter)?);
    }
    let grid = match call.fields {
        Some(mask) => mask.takes(&["sheets", "data"]),
        None => call.body["includeGridData"] == true,
    };
    Ok(resource::spreadsheet(
        book,
        &Wanted { grid, ranges },
        call.base_url,
    ))
}

fn batch_update(call: &Call<'_>, book: &mut Spreadsheet) -> Outcome<Value> {
    let replies = batch::run(call.contract, book, &call.body["requests"])?;
    let mut out = json!({"spreadsheetId": book.id, "replies": replies});
    if call.body["includeSpreadsheetInResponse"] == true {
        let mut wanted = Wanted {
            grid: call.body["responseIncludeGridData"] == true,
            ranges: Vec::new(),
        };
        for range in list(call.body, "responseRanges").iter().filter_map(Value::as_str) {
            wanted.ranges.push(span::written(book, range)?);
        }
        out["updatedSpreadsheet"] = resource::spreadsheet(book, &wanted, call.base_url);
    }
    Ok(out)
}

fn batch_get(call: &Call<'_>, book: &Spreadsheet) -> Outcome<Value> {
    let mut found = Vec::new();
    for range in call.query.all("ranges") {
        let (at, area) = span::written(book, range)?;
        found.push(values::read(book, at, &area, &render(call)));
    }
    Ok(json!({"spreadsheetId": book.id, "valueRanges": found}))
}

fn update(call: &Call<'_>, book: &mut Spreadsheet) -> Outcome<Value> {
    let typed = values::parses(call.query.one("valueInputOption"))?;
    let (mut response, at, area) = values::update(book, call.range, call.body, typed)?;
    if let Some(render) = written_back(call) {
        response["updatedData"] = values::read(book, at, &area, &render);
    }
    Ok(response)
}

fn append(call: &Call<'_>, book: &mut Spreadsheet) -> Outcome<Value> {
    let typed = values::parses(call.query.one("valueInputOption"))?;
    let inserts = call.query.one("insertDataOption") == Some("INSERT_ROWS");
    let (table, mut updates, at, area) = append::append(book, call.range, call.body, typed, inserts)?;
    if let Some(render) = written_back(call) {
        updates["updatedData"] = values::read(book, at, &area, &render);
    }
    let mut out = json!({"spreadsheetId": book.id, "updates": updates});
    if let Some(table) = table {
        out["tableRange"] = json!(table);
    }
    Ok(out)
}

fn batch_values(call: &Call<'_>, book: &mut Spreadsheet) -> Outcome<Value> {
    let typed = values::parses(call.body["valueInputOption"].as_str())?;
    let mut responses = Vec::new();
    let mut totals = [0_u64; 3];
    let mut sheets = std::collections::BTreeSet::new();
    for (index, data) in list(call.body, "data").iter().enumerate() {
        let range = data["range"].as_str().unwrap_or_default();
        let (mut response, at, area) =
            values::update(book, range, data, typed).map_err(|refusal| Refusal {
                message: format!("Invalid data[{index}]: {}", refusal.message),
                ..refusal
            })?;
        if let Some(render) = written_back(call) {
            response["updatedData"] = values::read(book, at, &area, &render);
        }
        for (total, name) in totals
            .iter_mut()
            .zip(["updatedRows", "updatedColumns", "updatedCells"])
        {
            *total += response[name].as_u64().unwrap_or(0);
        }
        sheets.insert(at);
        responses.push(response);
    }
    Ok(json!({
        "spreadsheetId": book.id,
        "totalUpdatedRows": totals[0],
        "totalUpdatedColumns": totals[1],
        "totalUpdatedCells": totals[2],
        "totalUpdatedSheets": sheets.len(),
        "responses": responses,
    }))
}

fn batch_clear(call: &Call<'_>, book: &mut Spreadsheet) -> Outcome<Value> {
    let mut cleared = Vec::new();
    for range in list(call.body, "ranges").iter().filter_map(Value::as_str) {
        let (at, area) = span::written(book, range)?;
        cleared.push(values::clear(book, at, &area));
    }
    Ok(json!({"spreadsheetId": book.id, "clearedRanges": cleared}))
}

fn get_values_by_filter(call: &Call<'_>, book: &Spreadsheet) -> Outcome<Value> {
    let of = |name: &str| call.body[name].as_str();
    let render = Render::of(
        of("valueRenderOption"),
        of("dateTimeRenderOption"),
        of("majorDimension"),
    );
    let mut found = Vec::new();
    for filter in list(call.body, "dataFilters") {
        for (at, area) in metadata::areas(book, filter)? {
            let range = values::read(book, at, &area, &render);
            found.push(json!({"valueRange": range, "dataFilters": [filter]}));
        }
    }
    Ok(json!({"spreadsheetId": book.id, "valueRanges": found}))
}

fn search(call: &Call<'_>, book: &Spreadsheet) -> Outcome<Value> {
    let filters = list(call.body, "dataFilters");
    if filters.is_empty() {
        return Err(Refusal::invalid("At least one data filter must be specified."));
    }
    let mut matched = Vec::new();
    for metadata in book.metadata.values() {
        let mut by = Vec::new();
        for filter in filters {
            if metadata::selected(book, filter, metadata)? {
                by.push(filter);
            }
        }
        if !by.is_empty() {
            matched.push(json!({"developerMetadata": metadata.json(), "dataFilters": by}));
        }
    }
    Ok(if matched.is_empty() {
        json!({})
    } else {
        json!({ "matchedDeveloperMetadata": matched })
    })
}

/// A new spreadsheet from the body of `spreadsheets.create`.
pub fn create(contract: &Contract, id: String, body: &Value) -> Outcome<Spreadsheet> {
    let properties = &body["properties"];
    let title = properties["title"].as_str().unwrap_or("Untitled spreadsheet");
    let mut book = Spreadsheet::new(id, title);
    for (name, field) in [("locale", &mut book.locale), ("timeZone", &mut book.time_zone)] {
        if let Some(text) = properties[name].as_str() {
            text.clone_into(field);
        }
    }
    for name in ["namedRanges", "dataSources", "dataSourceSchedules"] {
        if body.get(name).is_some() {
            return Err(Refusal::unimplemented(&format!(
                "spreadsheets.create with {name}"
            )));
        }
    }
    let sheets = list(body, "sheets");
    if !sheets.is_empty() {
        book.sheets.clear();
    }
    for (index, sheet) in sheets.iter().enumerate() {
        let other = sheet.as_object().into_iter().flat_map(|fields| fields.keys());
        if let Some(name) = other
            .into_iter()
            .find(|name| *name != "properties" && *name != "data")
        {
            return Err(Refusal::unimplemented(&format!(
                "spreadsheets.create with sheets.{name}"
            )));
        }
        let mut properties = sheet["properties"].as_object().cloned().unwrap_or_default();
        look::twin_fields(&mut properties);
        if index == 0 {
            properties.entry("sheetId").or_insert(json!(0));
        }
        let made = batch::sheets::new_sheet(&book, properties)?;
        let made_id = made.id;
        book.sheets.push(made);
        for data in list(sheet, "data") {
            let start = json!({"sheetId": made_id, "rowIndex": data["startRow"].as_u64().unwrap_or(0),
                "columnIndex": data["startColumn"].as_u64().unwrap_or(0)});
            let request = json!({"start": start, "rows": list(data, "rowData"), "fields": "*"});
            batch::cells::update(contract, &mut book, &request)?;
        }
    }
    batch::check_limits(&book)?;
    Ok(book)
}
