//! JSON pointers (RFC 6901) into a text that is only walked over, never built into values: a body may be
//! large and deep, and one text of it is wanted.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The text, number or truth value at `pointer`, as text; `None` where there is none, or where the body is
/// not JSON. Of keys that come twice the last counts.
#[must_use]
pub fn text_at(body: &[u8], pointer: &str) -> Option<String> {
    let mut raw: &RawValue = serde_json::from_slice(body).ok()?;
    for part in pointer.split('/').skip(1) {
        let key = part.replace("~1", "/").replace("~0", "~");
        raw = step(raw, &key)?;
    }
    scalar(raw)
}

fn scalar(raw: &RawValue) -> Option<String> {
    match raw.get().as_bytes().first()? {
        b'"' => serde_json::from_str(raw.get()).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(raw.get().to_owned()),
    }
}

fn step<'a>(raw: &'a RawValue, key: &str) -> Option<&'a RawValue> {
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    deserializer.deserialize_any(Step { key }).ok()?
}

/// Finds one member of an object or an array.
struct Step<'k> {
    key: &'k str,
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == self.key {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let wanted: Option<usize> = self.key.parse().ok();
        let mut found = None;
        let mut at = 0;
        while let Some(item) = seq.next_element::<&RawValue>()? {
            if Some(at) == wanted {
                found = Some(item);
            }
            at += 1;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::text_at;

    #[test]
    fn texts_numbers_and_truth_values_are_found() {
        let body = br#"{"a":{"b/c":["x",{"d~e":"y\u00e9"}],"n":1.50,"t":true,"z":null},"a2":1,"a2":2,"":3}"#;
        for (pointer, want) in [
            ("/a/b~1c/0", Some("x")),
            ("/a/b~1c/1/d~0e", Some("yé")),
            ("/a/n", Some("1.50")),
            ("/a/t", Some("true")),
            ("/a2", Some("2")),
            ("/", Some("3")),
            ("/a/z", None),
            ("/a/b~1c", None),
            ("/a/b~1c/7", None),
            ("/nothing/at/all", None),
            ("", None),
        ] {
            assert_eq!(text_at(body, pointer).as_deref(), want, "{pointer}");
        }
        assert_eq!(text_at(b"{", "/a"), None);
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(text_at(deep.as_bytes(), "/0/0/0"), None);
    }
}
