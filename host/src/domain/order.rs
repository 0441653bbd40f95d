//! The order of deliveries that belong together: one at a time, as they came.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::event::EventKind;
use super::expression::Facts;

/// Where in a payload the key is: a JSON pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderBy(String);

/// Longest pointer, in bytes: far above what any payload's structure needs.
const MAX_POINTER_BYTES: usize = 256;

/// A text that is no JSON pointer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no JSON pointer; write it like \"/customer/id\" (~1 stands for a slash in a name, ~0 for a tilde)"
)]
pub struct InvalidPointer(String);

impl FromStr for OrderBy {
    type Err = InvalidPointer;

    fn from_str(text: &str) -> Result<Self, InvalidPointer> {
        let tildes_are_right = text
            .split('~')
            .skip(1)
            .all(|rest| rest.starts_with('0') || rest.starts_with('1'));
        if text.starts_with('/') && text.len() <= MAX_POINTER_BYTES && tildes_are_right {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPointer(text.to_owned()))
        }
    }
}

impl fmt::Display for OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl OrderBy {
    /// The key of this payload. `None`, which is no order, when it has no such place or a null there.
    #[must_use]
    pub fn key_of(&self, payload: &Value) -> Option<OrderKey> {
        let value = payload.pointer(&self.0).filter(|value| !value.is_null())?;
        let digest = Sha256::digest(value.to_string());
        Some(OrderKey(hex::encode(digest)))
    }

    /// The key of a delivery of this event. Only webhooks keep an order. Payloads that cannot be looked into share one
    /// key: whose they are nobody knows, so none of them passes another.
    #[must_use]
    pub fn key_for(&self, facts: &Facts<'_>) -> Option<OrderKey> {
        match facts.kind() {
            EventKind::Webhook => match facts.body() {
                Ok(payload) => self.key_of(payload),
                Err(_why) => Some(OrderKey::unreadable()),
            },
            EventKind::Schedule | EventKind::Action => None,
        }
    }
}

/// What deliveries that keep an order share: the SHA-256, in hex, of the value's JSON text. A digest,
/// so that it has one size whatever a sender sends, and the index holds nobody's data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey(String);

/// A text that is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the SHA-256 of an order key in hex")]
pub struct InvalidKey(String);

impl OrderKey {
    /// Of what cannot be looked into. No value has this key: the text is no JSON.
    fn unreadable() -> Self {
        Self(hex::encode(Sha256::digest("cannot be read")))
    }

    /// The digest as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OrderKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_digest {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidKey(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_have_one_key_and_others_have_others() {
        let by: OrderBy = "/customer/id".parse().expect("a pointer");
        let key = |value: Value| by.key_of(&json!({"customer": {"id": value}, "n": 1}));
        assert_eq!(key(json!(7)), key(json!(7)));
        let all = [
            json!(7),
            json!("7"),
            json!(8),
            json!([7]),
            json!({"a": 7}),
            json!(true),
        ];
        let mut keys: Vec<_> = all.into_iter().filter_map(key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 6);
        assert_eq!(key(Value::Null), None);
        assert_eq!(by.key_of(&json!({"customer": 7})), None);
        let key = keys.remove(0);
        assert_eq!(key.as_str().parse(), Ok(key));
    }

    #[test]
    fn no_value_has_the_key_of_what_cannot_be_read() {
        let by: OrderBy = "/id".parse().expect("a pointer");
        for text in ["cannot be read", "\"cannot be read\""] {
            let key = by.key_of(&json!({ "id": text })).expect("a key");
            assert_ne!(key, OrderKey::unreadable());
        }
        let key = OrderKey::unreadable();
        assert_eq!(key.as_str().parse(), Ok(key));
    }

    #[test]
    fn what_is_no_pointer_is_told() {
        for text in ["", "customer/id", "/a~2", "/a~", &format!("/{}", "x".repeat(256))] {
            assert!(text.parse::<OrderBy>().is_err(), "{text}");
        }
        assert!("/a~1b/~0/0".parse::<OrderBy>().is_ok());
    }
}
