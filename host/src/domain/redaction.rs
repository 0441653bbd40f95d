//! Taking values out of JSON text: only their bytes change, the rest stays byte for byte.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// What stands where a value was taken out: JSON, and plain to readers.
pub const REDACTED: &str = "\"[redacted]\"";

/// What the note of an event says when its whole body was taken out.
pub const WHOLE_BODY: &str = "body";

/// Most pointers of one rule: each costs a walk over the text.
pub const MAX_POINTERS: usize = 32;

/// Deepest place a pointer may lead to.
const MAX_DEPTH: usize = 32;

/// A place in a JSON text (RFC 6901), where `*` stands for every member or element: `/items/*/card`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    text: String,
    steps: Vec<String>,
}

/// A text that is no pointer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no JSON pointer below the top: write it like \"/card/number\" or \"/items/*/card\"")]
pub struct BadPointer(String);

impl FromStr for Pointer {
    type Err = BadPointer;

    fn from_str(text: &str) -> Result<Self, BadPointer> {
        let bad = || BadPointer(text.chars().take(100).collect());
        let steps: Vec<String> = text
            .strip_prefix('/')
            .ok_or_else(bad)?
            .split('/')
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .collect();
        if steps.len() > MAX_DEPTH {
            return Err(bad());
        }
        Ok(Self {
            text: text.to_owned(),
            steps,
        })
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A body with values taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted {
    pub body: Bytes,
    pub payload: Option<Range<usize>>,
    /// The pointers that led to something, or [`WHOLE_BODY`].
    pub taken: Vec<String>,
}

/// Takes the values at these pointers out of the payload. `None` when none leads to anything. A body that is not
/// JSON is taken out whole: what a pointer means there nobody can say, and nothing that was to go may stay.
#[must_use]
pub fn redact(body: &Bytes, payload: Option<&Range<usize>>, pointers: &[Pointer]) -> Option<Redacted> {
    let range = payload.cloned().unwrap_or(0..body.len());
    let text = body
        .get(range.clone())
        .and_then(|bytes| std::str::from_utf8(bytes).ok());
    let Some(text) = text.filter(|text| serde_json::from_str::<&RawValue>(text).is_ok()) else {
        return Some(whole());
    };
    let mut spans = Vec::new();
    let mut taken = Vec::new();
    for pointer in pointers {
        let before = spans.len();
        find(text, 0, &pointer.steps, &mut spans);
        if spans.len() > before {
            taken.push(pointer.text.clone());
        }
    }
    if spans.is_empty() {
        return None;
    }
    let (replaced, grown) = replace(body, range.start, outermost(spans));
    let payload = payload.map(|old| old.start..old.end.saturating_add_signed(grown));
    Some(Redacted {
        body: replaced,
        payload,
        taken,
    })
}

/// A body that is taken out whole.
#[must_use]
pub fn whole() -> Redacted {
    Redacted {
        body: Bytes::from_static(REDACTED.as_bytes()),
        payload: None,
        taken: vec![WHOLE_BODY.to_owned()],
    }
}

/// The spans that no other one holds, in order.
fn outermost(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut kept: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        if kept.last().is_none_or(|last| span.start >= last.end) {
            kept.push(span);
        }
    }
    kept
}

/// The body with the spans (counted from `offset`) replaced, and by how much it grew.
fn replace(body: &Bytes, offset: usize, spans: Vec<Range<usize>>) -> (Bytes, isize) {
    let mut replaced = Vec::with_capacity(body.len());
    let mut from = 0;
    for span in spans {
        replaced.extend_from_slice(body.get(from..offset + span.start).unwrap_or_default());
        replaced.extend_from_slice(REDACTED.as_bytes());
        from = offset + span.end;
    }
    replaced.extend_from_slice(body.get(from..).unwrap_or_default());
    let grown = replaced.len().cast_signed() - body.len().cast_signed();
    (Bytes::from(replaced), grown)
}

/// Adds the spans of the values that `steps` lead to within `text`, which stands at `offset`.
fn find(text: &str, offset: usize, steps: &[String], spans: &mut Vec<Range<usize>>) {
    let Some((step, rest)) = steps.split_first() else {
        let start = offset + (text.len() - text.trim_start().len());
        spans.push(start..start + text.trim().len());
        return;
    };
    let Ok(Children(children)) = serde_json::from_str::<Children<'_>>(text) else {
        return;
    };
    for (name, child) in children {
        if step == "*" || *step == name {
            let child = child.get();
            let at = child.as_ptr().addr() - text.as_ptr().addr();
            find(child, offset + at, rest, spans);
        }
    }
}

/// The members of an object, twice where a key comes twice, or the elements of an array under their numbers.
struct Children<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Children<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = Children<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or an array")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut children = Vec::new();
                while let Some(key) = map.next_key()? {
                    children.push((key, map.next_value()?));
                }
                Ok(Children(children))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut children = Vec::new();
                while let Some(element) = seq.next_element()? {
                    children.push((children.len().to_string(), element));
                }
                Ok(Children(children))
            }
        }
        deserializer.deserialize_any(Walk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(texts: &[&str]) -> Vec<Pointer> {
        texts.iter().map(|text| text.parse().expect(text)).collect()
    }

    fn redacted(body: &str, texts: &[&str]) -> Option<String> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let found = redact(&body, None, &pointers(texts))?;
        Some(String::from_utf8(found.body.to_vec()).expect("UTF-8"))
    }

    #[test]
    fn only_the_values_own_bytes_change() {
        let cases = [
            (
                r#"{ "card" : {"number":"4111", "x": 1.50 } }"#,
                "/card/number",
                r#"{ "card" : {"number":"[redacted]", "x": 1.50 } }"#,
            ),
            (
                r#"{"a": [1,{"b":2 },3]}"#,
                "/a/1/b",
                r#"{"a": [1,{"b":"[redacted]" },3]}"#,
            ),
            (
                r#"{"a": [ {"c":1}, {"c":[2]} , 7 ]}"#,
                "/a/*/c",
                r#"{"a": [ {"c":"[redacted]"}, {"c":"[redacted]"} , 7 ]}"#,
            ),
            // A key that comes twice hides nothing.
            (r#"{"a":1,"a":2}"#, "/a", r#"{"a":"[redacted]","a":"[redacted]"}"#),
            (r#"{"\u0061":1}"#, "/a", r#"{"\u0061":"[redacted]"}"#),
            (r#"{"a/b":1,"~":2}"#, "/a~1b", r#"{"a/b":"[redacted]","~":2}"#),
            (r#"{"":1}"#, "/", r#"{"":"[redacted]"}"#),
        ];
        for (body, pointer, wanted) in cases {
            assert_eq!(
                redacted(body, &[pointer]).as_deref(),
                Some(wanted),
                "{body} {pointer}"
            );
        }
        for (body, pointer) in [
            ("{}", "/a"),
            ("[1]", "/1"),
            ("7", "/a"),
            (r#"{"a":1}"#, "/a/b"),
            (r#""x""#, "/0"),
        ] {
            assert_eq!(redacted(body, &[pointer]), None, "{body} {pointer}");
        }
        let both = redacted(r#"{"a":{"b":1},"c":2}"#, &["/a/b", "/a", "/c"]);
        assert_eq!(both.as_deref(), Some(r#"{"a":"[redacted]","c":"[redacted]"}"#));
    }

    #[test]
    fn the_payload_of_an_envelope_stays_where_it_is() {
        let body = Bytes::from_static(br#"{"source":"s","payload": {"a":1,"b":2}, "x":0}"#);
        let (start, end) = (25, 38);
        assert_eq!(&body[start..end], br#"{"a":1,"b":2}"#);
        let found = redact(&body, Some(&(start..end)), &pointers(&["/a", "/source"])).expect("found");
        assert_eq!(found.taken, ["/a"]);
        let payload = found.payload.expect("in the envelope");
        assert_eq!(&found.body[payload], br#"{"a":"[redacted]","b":2}"#);
        assert!(found.body.ends_with(br#", "x":0}"#));
    }

    #[test]
    fn what_is_not_json_goes_whole() {
        for body in [&b"card=4111"[..], b"\xff", b"", b"{\"card\":"] {
            let found = redact(&Bytes::copy_from_slice(body), None, &pointers(&["/card"])).expect("taken");
            assert_eq!(found, whole());
        }
    }

    #[test]
    fn pointers_are_read() {
        for text in ["", "card", "body", &"/a".repeat(MAX_DEPTH + 1)] {
            assert!(text.parse::<Pointer>().is_err(), "{text}");
        }
    }
}
