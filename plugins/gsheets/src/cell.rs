//! One cell: what JSON becomes, and how it goes to Google.
//!
//! Text always goes as `stringValue`, which Google keeps as it is. Text that begins with `=`, `+`,
//! `-` or `@` is therefore text and no formula: nobody who sends a webhook can make the sheet
//! compute or fetch anything. `USER_ENTERED`, which would parse it, is never used.
//! <https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/other#extendedvalue>

use hookyard_plugin_sdk::warn;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Number, Value, json};

use crate::date;

/// The most characters of a cell. Google counts as Java does, in UTF-16 units.
/// <https://support.google.com/drive/answer/37603>
pub(crate) const MAX_CHARACTERS: usize = 50_000;

/// From here on a double does not hold every whole number (2^53).
const EXACT: u64 = 1 << 53;

/// How a column takes its values.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// As JSON has it.
    #[default]
    Auto,
    /// The value's text, or its JSON.
    Text,
    /// A number, also from text such as `"12.5"`.
    Number,
    /// True or false, also from text.
    Boolean,
    /// A day.
    Date,
    /// A moment, in UTC.
    DateTime,
    /// A formula, when it begins with `=`.
    Formula,
}

/// The content of one cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Empty,
    Text(String),
    Number(f64),
    Bool(bool),
    Formula(String),
    Date(f64),
    DateTime(f64),
}

/// A text that Google refuses: longer than [`MAX_CHARACTERS`]. Has its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong(pub(crate) usize);

impl Cell {
    /// The cell of a value in a column of this type. A value that does not fit the type becomes
    /// text, and the log says so: a row with a text is worth more than none.
    pub(crate) fn new(kind: Type, title: &str, value: &Value) -> Result<Self, TooLong> {
        if value.is_null() {
            return Ok(Self::Empty);
        }
        let typed = match kind {
            Type::Auto => Some(Self::auto(value)),
            Type::Text => Some(Self::Text(text(value))),
            Type::Number => number(value),
            Type::Boolean => boolean(value),
            Type::Date => date::serial(value).map(|serial| Self::Date(serial.floor())),
            Type::DateTime => date::serial(value).map(Self::DateTime),
            Type::Formula => formula(value),
        };
        typed
            .unwrap_or_else(|| {
                warn!("column `{title}`: a value does not fit its type and was written as text");
                Self::Text(text(value))
            })
            .checked()
    }

    fn auto(value: &Value) -> Self {
        match value {
            Value::Null => Self::Empty,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(value) => exact(value),
            other => Self::Text(text(other)),
        }
    }

    fn checked(self) -> Result<Self, TooLong> {
        match &self {
            Self::Text(text) | Self::Formula(text) if text.len() > MAX_CHARACTERS => {
                let length = text.encode_utf16().count();
                if length > MAX_CHARACTERS {
                    return Err(TooLong(length));
                }
            }
            _ => {}
        }
        Ok(self)
    }

    /// Whether it needs a number format to look as it should.
    pub(crate) fn is_formatted(&self) -> bool {
        matches!(self, Self::Date(_) | Self::DateTime(_))
    }
}

/// A number as it is, or its digits where a double would change them.
fn exact(number: &Number) -> Cell {
    let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    match (whole, number.as_f64()) {
        (None, Some(value)) => Cell::Number(value),
        (Some(whole), Some(value)) if whole <= EXACT => Cell::Number(value),
        _ => Cell::Text(number.to_string()),
    }
}

fn number(value: &Value) -> Option<Cell> {
    match value {
        Value::Number(number) => Some(exact(number)),
        Value::String(text) => Some(exact(&serde_json::from_str(text.trim()).ok()?)),
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<Cell> {
    match value {
        Value::Bool(value) => Some(Cell::Bool(*value)),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(Cell::Bool(true)),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(Cell::Bool(false)),
        _ => None,
    }
}

fn formula(value: &Value) -> Option<Cell> {
    match value {
        Value::String(text) if text.starts_with('=') => Some(Cell::Formula(text.clone())),
        Value::String(_) => None,
        other => Some(Cell::auto(other)),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// `text` as a literal of Google's formula language: in quotes, with its own doubled.
pub(crate) fn formula_literal(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A cell as Google's `CellData`.
impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (value, format) = match self {
            Self::Empty => return CellData::default().serialize(serializer),
            Self::Text(text) => (Extended::Text(text), None),
            Self::Number(number) => (Extended::Number(*number), None),
            Self::Bool(value) => (Extended::Bool(*value), None),
            Self::Formula(text) => (Extended::Formula(text), None),
            Self::Date(serial) => (Extended::Number(*serial), Some(("DATE", "yyyy-mm-dd"))),
            Self::DateTime(serial) => (
                Extended::Number(*serial),
                Some(("DATE_TIME", "yyyy-mm-dd hh:mm:ss")),
            ),
        };
        let format =
            format.map(|(kind, pattern)| json!({"numberFormat": {"type": kind, "pattern": pattern}}));
        CellData {
            user_entered_value: Some(value),
            user_entered_format: format,
        }
        .serialize(serializer)
    }
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct CellData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_entered_value: Option<Extended<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_entered_format: Option<Value>,
}

#[derive(Serialize)]
enum Extended<'a> {
    #[serde(rename = "stringValue")]
    Text(&'a str),
    #[serde(rename = "numberValue")]
    Number(f64),
    #[serde(rename = "boolValue")]
    Bool(bool),
    #[serde(rename = "formulaValue")]
    Formula(&'a str),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(kind: Type, value: &Value) -> Cell {
        let _host = hookyard_plugin_sdk::testing::Host::new();
        Cell::new(kind, "c", value).unwrap()
    }

    fn text(value: &str) -> Cell {
        Cell::Text(value.to_owned())
    }

    #[test]
    fn json_becomes_what_it_is() {
        for (value, wanted) in [
            (json!(null), Cell::Empty),
            (json!(true), Cell::Bool(true)),
            (json!(5), Cell::Number(5.0)),
            (json!(-1.5), Cell::Number(-1.5)),
            (json!("12"), text("12")),
            (json!(""), text("")),
            (json!({"a": [1]}), text(r#"{"a":[1]}"#)),
            (
                json!(9_007_199_254_740_992_u64),
                Cell::Number(9_007_199_254_740_992.0),
            ),
            (json!(9_007_199_254_740_993_u64), text("9007199254740993")),
            (json!(-9_007_199_254_740_993_i64), text("-9007199254740993")),
            (json!(u64::MAX), text("18446744073709551615")),
        ] {
            assert_eq!(cell(Type::Auto, &value), wanted, "{value}");
        }
    }

    #[test]
    fn only_a_formula_column_makes_formulas() {
        for attack in [
            "=IMPORTXML(\"http://evil.test\")",
            "+1+1",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "＝1",
            "=",
        ] {
            for kind in [
                Type::Auto,
                Type::Text,
                Type::Number,
                Type::Boolean,
                Type::Date,
                Type::DateTime,
            ] {
                assert_eq!(cell(kind, &json!(attack)), text(attack), "{kind:?} {attack:?}");
            }
        }
        assert_eq!(
            cell(Type::Formula, &json!("=A1*2")),
            Cell::Formula("=A1*2".to_owned())
        );
        assert_eq!(cell(Type::Formula, &json!("+A1")), text("+A1"));
        assert_eq!(cell(Type::Formula, &json!(3)), Cell::Number(3.0));
    }

    #[test]
    fn a_type_takes_what_fits_and_the_rest_as_text() {
        assert_eq!(cell(Type::Number, &json!(" 12.5 ")), Cell::Number(12.5));
        assert_eq!(
            cell(Type::Number, &json!("9007199254740993")),
            text("9007199254740993")
        );
        assert_eq!(cell(Type::Number, &json!("12 EUR")), text("12 EUR"));
        assert_eq!(cell(Type::Number, &json!("-1")), Cell::Number(-1.0));
        assert_eq!(cell(Type::Boolean, &json!("TRUE")), Cell::Bool(true));
        assert_eq!(cell(Type::Boolean, &json!(1)), text("1"));
        assert_eq!(cell(Type::Text, &json!(12)), text("12"));
        assert_eq!(
            cell(Type::Date, &json!("2026-01-01T12:00:00Z")),
            Cell::Date(46_023.0)
        );
        assert_eq!(
            cell(Type::DateTime, &json!("2026-01-01T12:00:00Z")),
            Cell::DateTime(46_023.5)
        );
        let host = hookyard_plugin_sdk::testing::Host::new();
        assert_eq!(Cell::new(Type::Date, "born", &json!("soon")), Ok(text("soon")));
        assert!(host.logs()[0].1.contains("`born`"));
    }

    #[test]
    fn the_longest_text() {
        let fits = "é".repeat(MAX_CHARACTERS);
        assert_eq!(cell(Type::Auto, &json!(fits)), text(&fits));
        let long = json!("🦀".repeat(MAX_CHARACTERS / 2 + 1));
        assert_eq!(
            Cell::new(Type::Auto, "c", &long),
            Err(TooLong(MAX_CHARACTERS + 2))
        );
    }

    #[test]
    fn what_goes_to_google() {
        let sent = |cell: &Cell| serde_json::to_value(cell).unwrap();
        assert_eq!(sent(&Cell::Empty), json!({}));
        assert_eq!(
            sent(&text("=1")),
            json!({"userEnteredValue": {"stringValue": "=1"}})
        );
        assert_eq!(
            sent(&Cell::Bool(true)),
            json!({"userEnteredValue": {"boolValue": true}})
        );
        assert_eq!(
            sent(&Cell::Number(2.0)),
            json!({"userEnteredValue": {"numberValue": 2.0}})
        );
        assert_eq!(
            sent(&Cell::Date(46_023.0)),
            json!({"userEnteredValue": {"numberValue": 46_023.0},
                "userEnteredFormat": {"numberFormat": {"type": "DATE", "pattern": "yyyy-mm-dd"}}})
        );
    }

    #[test]
    fn a_literal_cannot_be_left() {
        assert_eq!(
            formula_literal(r#"a") & IMPORTXML("x"#),
            r#""a"") & IMPORTXML(""x""#
        );
    }
}
