//! What a body must hold to be found: a text somewhere in it, or a value at a place of its JSON. No index knows either,
//! so whoever asks for it says how many bodies are looked into.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::event::Event;

/// Longest text, pointer or value that is looked for, in bytes.
pub const MAX_INSIDE_BYTES: usize = 256;

/// What must be in an event's body; every given condition must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Inside {
    /// Bytes that occur in the body, compared exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// A JSON pointer (RFC 6901) into the payload: something is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// With `pointer`: what is there, as JSON or, for texts, as the text alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A condition that cannot be one, by its name and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` {why}")]
pub struct BadInside {
    pub name: &'static str,
    pub why: &'static str,
}

impl Inside {
    /// The conditions, checked; `None` when there is none.
    ///
    /// # Errors
    /// A text that is too long, a pointer that is none, a value without a pointer.
    pub fn checked(self) -> Result<Option<Self>, BadInside> {
        let wrong = |name, why| Err(BadInside { name, why });
        for (name, text) in [
            ("search", &self.search),
            ("pointer", &self.pointer),
            ("value", &self.value),
        ] {
            if text.as_ref().is_some_and(|text| text.len() > MAX_INSIDE_BYTES) {
                return wrong(name, "must have at most 256 bytes");
            }
        }
        match &self.pointer {
            Some(pointer) if !is_pointer(pointer) => wrong(
                "pointer",
                "must be a JSON pointer such as /customer/id (~1 stands for a slash in a name, ~0 for a tilde)",
            ),
            None if self.value.is_some() => wrong("value", "goes with `pointer`, which says where it is"),
            _ => Ok((self != Self::default()).then_some(self)),
        }
    }

    /// Whether this event's body is like that.
    #[must_use]
    pub fn is_in(&self, event: &Event) -> bool {
        let has_text = |text: &String| memchr::memmem::find(&event.body, text.as_bytes()).is_some();
        let has_value = |pointer: &String| {
            let payload = event.payload();
            at(&payload, pointer)
                .is_some_and(|found| self.value.as_deref().is_none_or(|value| is(found, value)))
        };
        self.search.as_ref().is_none_or(has_text) && self.pointer.as_ref().is_none_or(has_value)
    }
}

/// Whether this leads below the top: the whole payload is what `search` is for.
fn is_pointer(text: &str) -> bool {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    text.starts_with('/') && escapes
}

/// The JSON text at this pointer, as it was sent; `None` when nothing is there or it is no JSON. Of a member that comes
/// twice the last counts, as for whoever reads the text into values.
#[must_use]
pub fn at<'a>(json: &'a [u8], pointer: &str) -> Option<&'a RawValue> {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return None;
    }
    let steps: Vec<_> = pointer.split('/').skip(1).map(unescaped).collect();
    let mut reader = serde_json::Deserializer::from_slice(json);
    Follow(&steps).deserialize(&mut reader).ok().flatten()
}

/// A step of a pointer as the name that it stands for.
fn unescaped(step: &str) -> Cow<'_, str> {
    if step.contains('~') {
        Cow::Owned(step.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(step)
    }
}

/// Whether a JSON text is this value, which is written as JSON or, for texts, as the text alone.
fn is(found: &RawValue, value: &str) -> bool {
    if found.get() == value {
        return true;
    }
    match serde_json::from_str::<Value>(found.get()) {
        Ok(Value::String(text)) if text == value => true,
        Ok(found) => serde_json::from_str::<Value>(value).is_ok_and(|value| value == found),
        Err(_) => false,
    }
}

/// Follows the steps of a pointer through a JSON text, passing over everything else.
struct Follow<'s>(&'s [Cow<'s, str>]);

impl<'de> DeserializeSeed<'de> for Follow<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        match self.0.split_first() {
            None => <&'de RawValue>::deserialize(reader).map(Some),
            Some((step, rest)) => reader.deserialize_any(Walk { step, rest }),
        }
    }
}

/// One step of it.
struct Walk<'s> {
    step: &'s str,
    rest: &'s [Cow<'s, str>],
}

/// What has no parts: nothing is below it.
macro_rules! nothing_below {
    ($($visit:ident: $kind:ty),+ $(,)?) => {$(
        fn $visit<E>(self, _value: $kind) -> Result<Self::Value, E> {
            Ok(None)
        }
    )+};
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    nothing_below!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == self.step {
                found = map.next_value_seed(Follow(self.rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let wanted = index(self.step);
        let mut found = None;
        let mut place = 0;
        loop {
            if wanted == Some(place) {
                match list.next_element_seed(Follow(self.rest))? {
                    Some(value) => found = value,
                    None => return Ok(found),
                }
            } else if list.next_element::<IgnoredAny>()?.is_none() {
                return Ok(found);
            }
            place += 1;
        }
    }
}

/// A step as the place of an element: digits without a zero in front.
fn index(step: &str) -> Option<usize> {
    let is_number = step.bytes().all(|byte| byte.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    step.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(json: &'a str, pointer: &str) -> Option<&'a str> {
        at(json.as_bytes(), pointer).map(RawValue::get)
    }

    #[test]
    fn pointers_lead_to_the_text_as_it_was_sent() {
        let json = r#"{"a": {"b/c": [1.50, {"~": null}], "": "x"}, "n": 1e400, "a": {"b/c": [1.50, {"~": null}], "": "y"}}"#;
        for (pointer, text) in [
            ("/a/b~1c/0", Some("1.50")),
            ("/a/b~1c/1/~0", Some("null")),
            ("/a/", Some("\"y\"")),
            ("/n", Some("1e400")),
            ("/a/b~1c/2", None),
            ("/a/b~1c/01", None),
            ("/a/b~1c/-", None),
            ("/a/b~1c/0/x", None),
            ("/b", None),
            ("n", None),
            ("", Some(json)),
        ] {
            assert_eq!(found(json, pointer), text, "{pointer}");
        }
        assert_eq!(found("no JSON", "/a"), None);
        assert_eq!(found("\"text\"", "/a"), None);
        let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(
            found(&deep, &"/0".repeat(128)),
            None,
            "and does not end the process"
        );
    }

    #[test]
    fn values_are_written_as_json_or_as_the_text_alone() {
        for (json, value, same) in [
            ("7", "7", true),
            ("\"7\"", "7", true),
            ("\"7\"", "\"7\"", true),
            ("7", "\"7\"", false),
            ("1.50", "1.5", true),
            ("1e400", "1e400", true),
            ("1e400", "1e401", false),
            ("\"a\\u00e9\"", "a\u{e9}", true),
            ("{\"b\": 1, \"a\": [2]}", "{\"a\":[2],\"b\":1}", true),
            ("null", "null", true),
            ("true", "false", false),
            ("\"\"", "\"\"", true),
        ] {
            let json: &RawValue = serde_json::from_str(json).expect("JSON");
            assert_eq!(is(json, value), same, "{json} and {value}");
        }
    }

    #[test]
    fn conditions_are_checked() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(Inside::default().checked(), Ok(None));
        let long = "x".repeat(MAX_INSIDE_BYTES + 1);
        for (inside, name) in [
            (
                Inside {
                    search: text(&long),
                    ..Inside::default()
                },
                "search",
            ),
            (
                Inside {
                    pointer: text("a"),
                    ..Inside::default()
                },
                "pointer",
            ),
            (
                Inside {
                    pointer: text("/a~2"),
                    ..Inside::default()
                },
                "pointer",
            ),
            (
                Inside {
                    value: text("1"),
                    ..Inside::default()
                },
                "value",
            ),
        ] {
            assert_eq!(inside.checked().expect_err(name).name, name);
        }
        let right = Inside {
            pointer: text("/a~1b"),
            ..Inside::default()
        };
        assert_eq!(right.clone().checked(), Ok(Some(right)));
    }
}
