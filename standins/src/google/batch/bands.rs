//! `addBanding`, `updateBanding`, `deleteBanding`.

use serde_json::{Map, Value, json};

use super::super::a1::Area;
use super::super::book::{Band, Spreadsheet};
use super::super::contract::Contract;
use super::super::look;
use super::super::refusal::{Outcome, Refusal};
use super::super::span;

fn properties(sent: Option<&Value>, what: &str) -> Outcome<Option<Map<String, Value>>> {
    let Some(mut colours) = sent.and_then(Value::as_object).cloned() else {
        return Ok(None);
    };
    look::twin_fields(&mut colours);
    for needed in ["firstBandColor", "secondBandColor"] {
        if !colours.contains_key(needed) {
            return Err(Refusal::invalid(format!("{what}.{needed} must be specified.")));
        }
    }
    Ok(Some(colours))
}

fn find(book: &Spreadsheet, id: &Value) -> Outcome<(usize, usize)> {
    let id = id.as_i64().unwrap_or(0);
    for (at, sheet) in book.sheets.iter().enumerate() {
        if let Some(band) = sheet.bands.iter().position(|band| band.id == id) {
            return Ok((at, band));
        }
    }
    Err(Refusal::invalid(format!("No banded range with id: {id}")))
}

fn check_free(book: &Spreadsheet, at: usize, area: &Area, besides: Option<i64>) -> Outcome<()> {
    let taken = book.sheets[at]
        .bands
        .iter()
        .any(|band| Some(band.id) != besides && band.area.overlaps(area));
    if taken {
        return Err(Refusal::invalid(
            "You cannot add alternating background colors to a range that already has alternating background colors.",
        ));
    }
    Ok(())
}

/// `addBanding`; a range that overlaps another banded one is refused.
pub fn add(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let sent = &what["bandedRange"];
    let (at, area) = span::grid_range(book, &sent["range"])?;
    let rows = properties(sent.get("rowProperties"), "bandedRange.rowProperties")?;
    let columns = properties(sent.get("columnProperties"), "bandedRange.columnProperties")?;
    if rows.is_none() && columns.is_none() {
        return Err(Refusal::invalid(
            "At least one of rowProperties or columnProperties must be specified.",
        ));
    }
    check_free(book, at, &area, None)?;
    let taken = |id: i64| {
        book.sheets
            .iter()
            .flat_map(|sheet| &sheet.bands)
            .any(|band| band.id == id)
    };
    let id = match sent["bandedRangeId"].as_i64() {
        Some(id) if taken(id) => {
            return Err(Refusal::invalid(format!(
                "A banded range with id {id} already exists."
            )));
        }
        Some(id) => id,
        None => span::new_id(taken),
    };
    let band = Band {
        id,
        area,
        rows,
        columns,
    };
    let shown = band.json(book.sheets[at].id);
    book.sheets[at].bands.push(band);
    Ok(json!({ "addBanding": { "bandedRange": shown } }))
}

/// `updateBanding`.
pub fn update(contract: &Contract, book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let mask = super::fields(contract, what, "BandedRange")?;
    let sent = &what["bandedRange"];
    let (at, index) = find(book, &sent["bandedRangeId"])?;
    let mut band = book.sheets[at].bands[index].clone();
    let mut whole = match band.json(book.sheets[at].id) {
        Value::Object(whole) => whole,
        _ => Map::new(),
    };
    let mut source = sent.as_object().cloned().unwrap_or_default();
    look::twin_fields(&mut source);
    mask.merge(&mut whole, &source);
    let range = whole.get("range").cloned().unwrap_or_default();
    let (sheet, area) = span::grid_range(book, &range)?;
    if sheet != at {
        return Err(Refusal::invalid("A banded range may not move to another sheet."));
    }
    check_free(book, at, &area, Some(band.id))?;
    band.area = area;
    band.rows = properties(whole.get("rowProperties"), "bandedRange.rowProperties")?;
    band.columns = properties(whole.get("columnProperties"), "bandedRange.columnProperties")?;
    if band.rows.is_none() && band.columns.is_none() {
        return Err(Refusal::invalid(
            "At least one of rowProperties or columnProperties must be specified.",
        ));
    }
    book.sheets[at].bands[index] = band;
    Ok(super::nothing())
}

/// `deleteBanding`.
pub fn delete(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let (at, index) = find(book, &what["bandedRangeId"])?;
    book.sheets[at].bands.remove(index);
    Ok(super::nothing())
}

impl Band {
    /// As `BandedRange`.
    pub(in crate::google) fn json(&self, sheet: i64) -> Value {
        let mut out = json!({"bandedRangeId": self.id, "range": grid_range(sheet, &self.area)});
        if let Some(rows) = &self.rows {
            out["rowProperties"] = json!(rows);
        }
        if let Some(columns) = &self.columns {
            out["columnProperties"] = json!(columns);
        }
        out
    }
}

/// As `GridRange`.
pub fn grid_range(sheet: i64, area: &Area) -> Value {
    json!({
        "sheetId": sheet,
        "startRowIndex": area.rows.start,
        "endRowIndex": area.rows.end,
        "startColumnIndex": area.columns.start,
        "endColumnIndex": area.columns.end,
    })
}
