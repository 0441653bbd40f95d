//! A payload as a member of JSON.
//!
//! | the body is | it is shown as |
//! |---|---|
//! | JSON | itself: every digit, the order of keys, every character |
//! | a form | an object of its fields: a text, or a list of texts where a field comes more than once |
//! | other text in UTF-8 | a text |
//! | anything else | a text in Base64, with `"encoding": "base64"` beside it |
//!
//! Plugins get the bytes as they came, and their media type.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::super::Problem;
use crate::intake::media;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Most fields of a form that are shown: what is shown of a body stays a small multiple of it.
const MAX_FIELDS: usize = 1_000;

/// A payload, ready to be shown.
#[derive(Debug)]
pub struct Payload {
    pub json: Box<RawValue>,
    /// How a text stands for bytes.
    pub encoding: Option<&'static str>,
}

impl Payload {
    /// The bytes as their media type says.
    pub fn of(bytes: &[u8], content_type: &str) -> Result<Self, Problem> {
        if media::is_form(content_type) {
            return Self::plain(&form(bytes));
        }
        if media::is_json(content_type)
            && let Ok(raw) = serde_json::from_slice::<&RawValue>(bytes)
        {
            return Ok(Self {
                json: raw.to_owned(),
                encoding: None,
            });
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::plain(&Value::from(text)),
            Err(_) => Ok(Self {
                encoding: Some("base64"),
                ..Self::plain(&Value::from(STANDARD.encode(bytes)))?
            }),
        }
    }

    /// What cannot be shown.
    pub fn none() -> Result<Self, Problem> {
        Self::plain(&Value::Null)
    }

    fn plain(value: &Value) -> Result<Self, Problem> {
        let json = to_raw_value(value).map_err(|error| Problem::internal(error.to_string()))?;
        Ok(Self { json, encoding: None })
    }
}

fn form(bytes: &[u8]) -> Value {
    let mut fields = Map::new();
    for (name, value) in url::form_urlencoded::parse(bytes).take(MAX_FIELDS) {
        let value = Value::from(value.into_owned());
        match fields.get_mut(&*name) {
            None => {
                fields.insert(name.into_owned(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::Payload;

    #[test]
    fn bodies_are_shown_as_what_they_are() {
        for (media, body, json, encoding) in [
            ("application/json", &b"{\"a\": 1.50}"[..], "{\"a\": 1.50}", None),
            ("application/cloudevents+json", b"[1]", "[1]", None),
            ("application/json", b"{no", "\"{no\"", None),
            (
                "application/x-www-form-urlencoded; charset=utf-8",
                b"a=1&b=x+y&a=%C3%A9&c",
                "{\"a\":[\"1\",\"\u{e9}\"],\"b\":\"x y\",\"c\":\"\"}",
                None,
            ),
            ("text/plain", b"123", "\"123\"", None),
            (
                "application/octet-stream",
                b"\xff\x00",
                "\"/wA=\"",
                Some("base64"),
            ),
            ("", b"", "\"\"", None),
        ] {
            let shown = Payload::of(body, media).expect("shown");
            assert_eq!((shown.json.get(), shown.encoding), (json, encoding), "{media}");
        }
    }
}
