//! One cell: what was entered, what it comes to, how it is shown; and reading what a user would have typed.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::book::Format;
use super::number;

/// Characters in a cell at most. Source: <https://support.google.com/drive/answer/37603>.
pub const CHARACTERS_MAX: usize = 50_000;

/// What was entered.
#[derive(Clone, Debug, PartialEq)]
pub enum Entered {
    /// A number; dates are days since 1899-12-30.
    Number(f64),
    /// Text, never computed.
    Text(String),
    /// True or false.
    Bool(bool),
    /// A formula with its `=`.
    Formula(String),
}

/// A cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// What was entered; none when empty.
    pub entered: Option<Entered>,
    /// `userEnteredFormat`.
    pub format: Option<Format>,
    /// The note.
    pub note: Option<String>,
    /// `dataValidation` as sent.
    pub validation: Option<Arc<Value>>,
}

impl Cell {
    /// A cell nobody touched.
    pub const EMPTY: Self = Self {
        entered: None,
        format: None,
        note: None,
        validation: None,
    };

    /// The number format's type and pattern.
    fn number_format(&self) -> (&str, &str) {
        let format = self.format.as_ref().and_then(|format| format.get("numberFormat"));
        let of = |name: &str| {
            format
                .and_then(|format| format.get(name))
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        (of("type"), of("pattern"))
    }

    /// What the cell shows.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.entered {
            None => String::new(),
            Some(Entered::Number(number)) => {
                let (kind, pattern) = self.number_format();
                number::shown(*number, kind, pattern)
            }
            Some(Entered::Text(text)) => text.clone(),
            Some(Entered::Bool(value)) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
            // The stand-in computes nothing; the formula itself is what there is to see.
            Some(Entered::Formula(formula)) => formula.clone(),
        }
    }

    /// Whether its number is a date or a time.
    pub(super) fn is_date(&self) -> bool {
        matches!(self.number_format().0, "DATE" | "TIME" | "DATE_TIME")
    }

    /// What was entered as `ExtendedValue`.
    pub(super) fn extended(&self) -> Option<Value> {
        Some(match self.entered.as_ref()? {
            Entered::Number(number) => json!({ "numberValue": plain(*number) }),
            Entered::Text(text) => json!({ "stringValue": text }),
            Entered::Bool(value) => json!({ "boolValue": value }),
            Entered::Formula(formula) => json!({ "formulaValue": formula }),
        })
    }

    /// Enters a value and, when it brings one, its number format; a format the cell has already stays.
    pub(super) fn enter(&mut self, entered: Option<Entered>, number_format: Option<Value>) {
        self.entered = entered;
        let has_one = self
            .format
            .as_ref()
            .is_some_and(|f| f.contains_key("numberFormat"));
        if let Some(number_format) = number_format.filter(|_| !has_one) {
            let mut format: Map<String, Value> = self.format.as_deref().cloned().unwrap_or_default();
            format.insert("numberFormat".to_owned(), number_format);
            self.format = Some(Arc::new(format));
        }
    }
}

/// A number as JSON, without `.0` when it is whole.
pub fn plain(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        format!("{number:.0}")
            .parse::<i64>()
            .map_or(json!(number), |whole| json!(whole))
    } else {
        json!(number)
    }
}

/// A value entered as it is (`RAW`): text stays text.
pub fn raw(value: &Value) -> Option<Entered> {
    match value {
        Value::Bool(value) => Some(Entered::Bool(*value)),
        Value::Number(number) => number.as_f64().map(Entered::Number),
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(Entered::Text(text.clone())),
        _ => None,
    }
}

/// A value as if typed by a user (`USER_ENTERED`), with the number format that typing brings.
///
/// A sign before what is no number begins a formula, as in the editor.
pub fn typed(value: &Value) -> (Option<Entered>, Option<Value>) {
    let Value::String(text) = value else {
        return (raw(value), None);
    };
    let trimmed = text.trim();
    if text.is_empty() {
        return (None, None);
    }
    if let Some(text) = text.strip_prefix('\'') {
        return (Some(Entered::Text(text.to_owned())), None);
    }
    if trimmed.len() > 1 && trimmed.starts_with('=') {
        return (Some(Entered::Formula(trimmed.to_owned())), None);
    }
    match trimmed.to_ascii_uppercase().as_str() {
        "TRUE" => return (Some(Entered::Bool(true)), None),
        "FALSE" => return (Some(Entered::Bool(false)), None),
        _ => {}
    }
    if let Some((number, format)) = number::read(trimmed) {
        return (Some(Entered::Number(number)), format);
    }
    if trimmed.len() > 1 && trimmed.starts_with(['+', '-']) {
        return (Some(Entered::Formula(format!("={trimmed}"))), None);
    }
    (Some(Entered::Text(text.clone())), None)
}
