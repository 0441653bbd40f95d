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
    scalar(at(body, pointer)?)
}

/// As [`text_at`], so that different values are different texts: a text that reads like another value of JSON is in
/// quotes, as JSON has it (`"1"` beside `1`).
#[must_use]
pub fn value_at(body: &[u8], pointer: &str) -> Option<String> {
    let raw = at(body, pointer)?;
    let text = scalar(raw)?;
    let is_text = raw.get().starts_with('"');
    if is_text && serde_json::from_str::<&RawValue>(&text).is_ok() {
        serde_json::to_string(&text).ok()
    } else {
        Some(text)
    }
}

fn at<'b>(body: &'b [u8], pointer: &str) -> Option<&'b RawValue> {
    let mut raw: &RawValue = serde_json::from_slice(body).ok()?;
    for part in pointer.split('/').skip(1) {
        let key = part.replace("~1", "/").replace("~0", "~");
        raw = step(raw, &key)?;
    }
    Some(raw)
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
    use super::{text_at, value_at};

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

    #[test]
    fn different_values_are_different_texts() {
        let body = br#"{"values":[1,"1",1.0,"1.0",true,"true","\"1\"","evt_1","","evt\u005f1",null]}"#;
        let wanted = [
            Some("1"),
            Some("\"1\""),
            Some("1.0"),
            Some("\"1.0\""),
            Some("true"),
            Some("\"true\""),
            Some(r#""\"1\"""#),
            Some("evt_1"),
            Some(""),
            Some("evt_1"),
            None,
        ];
        for (place, want) in wanted.into_iter().enumerate() {
            let pointer = format!("/values/{place}");
            assert_eq!(value_at(body, &pointer).as_deref(), want, "{pointer}");
        }
    }
}
