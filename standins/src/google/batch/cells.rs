//! `updateCells`, `appendCells`, `repeatCell`, `setDataValidation`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::a1::Area;
use super::super::book::{Format, Sheet, Spreadsheet, count_of};
use super::super::cell::{CHARACTERS_MAX, Cell, Entered};
use super::super::contract::Contract;
use super::super::look;
use super::super::mask::Mask;
use super::super::refusal::{Outcome, Refusal};
use super::super::span;

/// Formats remembered so that cells which look alike share one: a table has few.
const FORMATS_SHARED: usize = 16;

/// Fields of a cell that the stand-in keeps.
const WRITABLE: [&str; 4] = ["userEnteredValue", "userEnteredFormat", "note", "dataValidation"];

/// Fields of a cell that Google computes; to send them is without effect.
const COMPUTED: [&str; 5] = [
    "effectiveValue",
    "formattedValue",
    "effectiveFormat",
    "hyperlink",
    "dataSourceFormula",
];

/// What a format came to: the one before, the one sent, the one made.
type Written = (Option<Format>, Map<String, Value>, Option<Format>);

/// Writes `CellData` by a mask.
pub struct Writer {
    mask: Mask,
    shared: Vec<Format>,
    last: Option<Written>,
}

impl Writer {
    /// A writer of the fields that a mask names.
    pub fn new(mask: Mask) -> Outcome<Self> {
        let other = mask.0.keys().find(|name| {
            *name != "*" && !WRITABLE.contains(&name.as_str()) && !COMPUTED.contains(&name.as_str())
        });
        match other {
            Some(name) => Err(Refusal::unimplemented(&format!("the cell field {name}"))),
            None => Ok(Self {
                mask,
                shared: Vec::new(),
                last: None,
            }),
        }
    }

    fn write(&mut self, cell: &mut Cell, data: &Value) -> Outcome<()> {
        if let Some(name) = data.as_object().into_iter().flat_map(Map::keys).find(|name| {
            self.mask.takes(&[name.as_str()])
                && !WRITABLE.contains(&name.as_str())
                && !COMPUTED.contains(&name.as_str())
        }) {
            return Err(Refusal::unimplemented(&format!("the cell field {name}")));
        }
        if self.mask.takes(&["userEnteredValue"]) {
            cell.entered = entered(&data["userEnteredValue"])?;
        }
        if let Some(mask) = self.mask.below("userEnteredFormat") {
            cell.format = self.format(cell.format.take(), &mask, &data["userEnteredFormat"]);
        }
        if self.mask.takes(&["note"]) {
            cell.note = data["note"]
                .as_str()
                .filter(|note| !note.is_empty())
                .map(str::to_owned);
        }
        if self.mask.takes(&["dataValidation"]) {
            cell.validation = data.get("dataValidation").cloned().map(Arc::new);
        }
        Ok(())
    }

    fn format(&mut self, before: Option<Format>, mask: &Mask, sent: &Value) -> Option<Format> {
        let sent = sent.as_object().cloned().unwrap_or_default();
        if let Some((was, source, made)) = &self.last
            && *source == sent
            && same(was.as_ref(), before.as_ref())
        {
            return made.clone();
        }
        let mut source = sent.clone();
        look::twin_fields(&mut source);
        let mut format = before.as_deref().cloned().unwrap_or_default();
        mask.merge(&mut format, &source);
        let made = (!format.is_empty()).then(|| self.share(format));
        self.last = Some((before, sent, made.clone()));
        made
    }

    /// The same format as another cell has, when one has it.
    pub fn share(&mut self, format: Map<String, Value>) -> Format {
        if let Some(known) = self.shared.iter().find(|known| ***known == format) {
            return known.clone();
        }
        let format = Arc::new(format);
        if self.shared.len() == FORMATS_SHARED {
            self.shared.remove(0);
        }
        self.shared.push(format.clone());
        format
    }
}

fn same(a: Option<&Format>, b: Option<&Format>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        _ => false,
    }
}

fn entered(value: &Value) -> Outcome<Option<Entered>> {
    let Some((kind, value)) = value.as_object().and_then(|fields| fields.iter().next()) else {
        return Ok(None);
    };
    let entered = match (kind.as_str(), value) {
        ("numberValue", value) => value.as_f64().map(Entered::Number),
        ("boolValue", value) => value.as_bool().map(Entered::Bool),
        ("stringValue", Value::String(text)) => Some(Entered::Text(text.clone())),
        ("formulaValue", Value::String(text)) if text.starts_with('=') => {
            Some(Entered::Formula(text.clone()))
        }
        ("formulaValue", _) => {
            return Err(Refusal::invalid("The formula must begin with '='."));
        }
        (kind, _) => return Err(Refusal::invalid(format!("{kind} may not be written."))),
    };
    check_length(entered.as_ref())?;
    Ok(entered.filter(|entered| *entered != Entered::Text(String::new())))
}

/// Refuses text that no cell takes.
pub fn check_length(entered: Option<&Entered>) -> Outcome<()> {
    match entered {
        Some(Entered::Text(text) | Entered::Formula(text)) if text.chars().count() > CHARACTERS_MAX => {
            Err(Refusal::invalid(format!(
                "Your input contains more than the maximum of {CHARACTERS_MAX} characters in a single cell."
            )))
        }
        _ => Ok(()),
    }
}

fn items<'a>(holder: &'a Value, name: &str) -> &'a [Value] {
    holder[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// `updateCells`.
pub fn update(contract: &Contract, book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let mut writer = Writer::new(super::fields(contract, what, "CellData")?)?;
    let rows = items(what, "rows");
    let (at, area, clears) = match (what.get("range"), what.get("start")) {
        (Some(range), None) => {
            let (at, area) = span::grid_range(book, range)?;
            (at, area, true)
        }
        (None, Some(start)) => {
            let at = span::named(book, start)?;
            let row = count_of(&start["rowIndex"]).unwrap_or(0);
            let column = count_of(&start["columnIndex"]).unwrap_or(0);
            let sheet = &book.sheets[at];
            let area = Area {
                rows: row..sheet.row_count,
                columns: column..sheet.column_count,
            };
            (at, area, false)
        }
        _ => {
            return Err(Refusal::invalid(
                "Exactly one of 'range' and 'start' must be specified.",
            ));
        }
    };
    write_rows(&mut book.sheets[at], &area, rows, clears, &mut writer)?;
    Ok(super::nothing())
}

fn write_rows(
    sheet: &mut Sheet,
    area: &Area,
    rows: &[Value],
    clears: bool,
    writer: &mut Writer,
) -> Outcome<()> {
    let beyond = |what: &str, at: usize, end: usize| {
        Refusal::invalid(format!(
            "Attempting to write {what}: {at}, beyond the last requested {what} of: {}",
            end.saturating_sub(1)
        ))
    };
    if area.rows.start + rows.len() > area.rows.end {
        return Err(beyond("row", area.rows.end.max(area.rows.start), area.rows.end));
    }
    let blank = json!({});
    let height = if clears { area.rows.len() } else { rows.len() };
    for offset in 0..height {
        let values = rows
            .get(offset)
            .map(|row| items(row, "values"))
            .unwrap_or_default();
        if area.columns.start + values.len() > area.columns.end {
            return Err(beyond(
                "column",
                area.columns.end.max(area.columns.start),
                area.columns.end,
            ));
        }
        let width = if clears { area.columns.len() } else { values.len() };
        for across in 0..width {
            let cell = sheet.cell_mut(area.rows.start + offset, area.columns.start + across);
            writer.write(cell, values.get(across).unwrap_or(&blank))?;
        }
    }
    Ok(())
}

/// `appendCells`: below the last row with data; the grid grows when it must.
pub fn append(contract: &Contract, book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    if what.get("tableId").is_some() {
        return Err(Refusal::unimplemented("appendCells with a tableId"));
    }
    let mut writer = Writer::new(super::fields(contract, what, "CellData")?)?;
    let at = span::named(book, what)?;
    let sheet = &mut book.sheets[at];
    let rows = items(what, "rows");
    let start = sheet.used_rows();
    sheet.row_count = sheet.row_count.max(start + rows.len());
    let area = Area {
        rows: start..start + rows.len(),
        columns: 0..sheet.column_count,
    };
    write_rows(sheet, &area, rows, false, &mut writer)?;
    Ok(super::nothing())
}

/// `repeatCell`.
pub fn repeat(contract: &Contract, book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let mut writer = Writer::new(super::fields(contract, what, "CellData")?)?;
    let (at, area) = span::grid_range(book, &what["range"])?;
    let blank = json!({});
    let data = what.get("cell").unwrap_or(&blank);
    for row in area.rows {
        for column in area.columns.clone() {
            writer.write(book.sheets[at].cell_mut(row, column), data)?;
        }
    }
    Ok(super::nothing())
}

/// `setDataValidation`: kept as sent, and shown again; the stand-in does not hold later values against it.
pub fn validate(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let (at, area) = span::grid_range(book, &what["range"])?;
    let rule = what.get("rule").cloned().map(Arc::new);
    for row in area.rows {
        for column in area.columns.clone() {
            book.sheets[at].cell_mut(row, column).validation.clone_from(&rule);
        }
    }
    Ok(super::nothing())
}
