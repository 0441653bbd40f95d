//! What a person put into a form, as JSON.

use serde_json::{Map, Number, Value};

use super::super::form::Form;
use super::property::{Kind, Property, properties};

/// The JSON pointer (RFC 6901) of a member.
#[must_use]
pub fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The members of an object that were entered; which field cannot be read, and why.
pub fn read_object(
    listed: &[Property<'_>],
    form: &Form,
    pointer: &str,
) -> Result<Map<String, Value>, String> {
    let mut object = Map::new();
    for property in listed {
        let pointer_here = below(pointer, property.name);
        let kind = property.kind(usize::from(!pointer.is_empty()));
        let value = if kind == Kind::Group {
            let inner = properties(property.schema).unwrap_or_default();
            let inner = read_object(&inner, form, &pointer_here)?;
            (property.is_required || !inner.is_empty()).then_some(Value::Object(inner))
        } else {
            let text = form.lines(&pointer_here);
            let read = read_value(kind, &text, property.is_required);
            read.map_err(|why| format!("`{}`: {why}.", pointer_here.trim_start_matches('/')))?
        };
        if let Some(value) = value {
            object.insert(property.name.to_owned(), value);
        }
    }
    Ok(object)
}

/// The value of a field; `None` where nothing was entered, which leaves the member out.
fn read_value(kind: Kind, text: &str, is_required: bool) -> Result<Option<Value>, String> {
    let trimmed = text.trim();
    match kind {
        Kind::Text | Kind::Password => {
            Ok((is_required || !text.is_empty()).then(|| Value::String(text.to_owned())))
        }
        Kind::Lines => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let lines: Vec<_> = lines.map(Value::from).collect();
            Ok((is_required || !lines.is_empty()).then_some(Value::Array(lines)))
        }
        _ if trimmed.is_empty() => Ok(None),
        Kind::Number => {
            let number: Result<Number, _> = serde_json::from_str(trimmed);
            let number = number.map_err(|_| format!("`{trimmed}` is no number"))?;
            Ok(Some(Value::Number(number)))
        }
        Kind::Choice | Kind::Group | Kind::Json => {
            let value = serde_json::from_str(trimmed);
            value
                .map(Some)
                .map_err(|error| format!("this is no JSON: {error}"))
        }
    }
}
