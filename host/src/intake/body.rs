//! Bodies: whether one is JSON, and which part of it is the payload.
//!
//! The text is only walked over, never built into values: numbers keep every digit, keys their
//! order, and nesting costs no stack.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::domain::rejected::{Check, Rejection};

/// A body that is no JSON text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("JSON parse error: {why} at line {line} column {column}")]
pub struct BadBody {
    why: String,
    /// 1 for the first.
    pub line: usize,
    /// In bytes; 0 when the line had not begun.
    pub column: usize,
}

/// What a body holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    /// The envelope's source.
    pub source: Option<String>,
    /// Where the envelope's payload is.
    pub payload: Option<Range<usize>>,
}

/// Whether the body is a JSON text.
pub(crate) fn check(body: &[u8]) -> Result<&str, BadBody> {
    let text = std::str::from_utf8(body).map_err(|e| not_utf8(body, e.valid_up_to()))?;
    let _: &RawValue = serde_json::from_str(text).map_err(|e| not_json(&e))?;
    Ok(text)
}

/// The same of a request to a source that says it is JSON.
pub(super) fn check_said(body: &[u8]) -> Result<&str, Rejection> {
    check(body).map_err(|bad| Rejection::new(Check::Body, bad.to_string()))
}

/// Checks the body and looks for the envelope.
pub(super) fn parse(body: &[u8]) -> Result<Parsed, BadBody> {
    let text = check(body)?;
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(text) else {
        return Ok(Parsed::default());
    };
    let payload = envelope.payload.get();
    let start = payload.as_ptr().addr() - text.as_ptr().addr();
    Ok(Parsed {
        source: Some(envelope.source),
        payload: Some(start..start + payload.len()),
    })
}

/// `{"source": text, "payload": any}` in either order, and nothing else.
struct Envelope<'a> {
    source: String,
    payload: &'a RawValue,
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

struct EnvelopeVisitor;

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the two keys `source` and `payload`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut source = None;
        let mut payload = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "source" if source.is_none() => source = Some(map.next_value::<String>()?),
                "payload" if payload.is_none() => payload = Some(map.next_value::<&'de RawValue>()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    return Err(A::Error::custom("another key"));
                }
            }
        }
        match (source, payload) {
            (Some(source), Some(payload)) => Ok(Envelope { source, payload }),
            _ => Err(A::Error::custom("a key is missing")),
        }
    }
}

fn not_json(error: &serde_json::Error) -> BadBody {
    // The library ends its text with the position, which we say ourselves.
    let text = error.to_string();
    let why = text.split(" at line ").next().unwrap_or_default().to_owned();
    BadBody {
        why,
        line: error.line(),
        column: error.column(),
    }
}

fn not_utf8(body: &[u8], valid: usize) -> BadBody {
    let good = body.get(..valid).unwrap_or_default();
    let mut lines = good.split(|byte| *byte == b'\n');
    BadBody {
        why: "a byte that is not UTF-8".to_owned(),
        line: lines.clone().count(),
        column: lines.next_back().map_or(0, <[u8]>::len) + 1,
    }
}
