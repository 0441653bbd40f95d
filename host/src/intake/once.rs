//! Taking an event once: the key that its sender gives, and keys that are being dealt with.
//!
//! The store holds a key and its event in one transaction, so that a second request finds the first
//! whatever happened in between. Here is only what does not reach the store: a request whose key is being
//! dealt with by this node is told to wait. On another node it waits for that one's commit.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::domain::event::{MAX_ONCE_KEY_BYTES, NewEvent, OnceKey};
use crate::domain::time::Timestamp;

/// How long an `Idempotency-Key` is remembered: a day of retries.
pub const IDEMPOTENCY_WINDOW: Duration = Duration::from_hours(24);

/// The header of a sender's key, in lower case.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A key as a sender wrote it in `Idempotency-Key`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// A text that is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the header Idempotency-Key must have 1 to {MAX_ONCE_KEY_BYTES} printable characters of ASCII")]
pub struct BadKey;

impl IdempotencyKey {
    /// Reads the header's value. The draft (draft-ietf-httpapi-idempotency-key-header) has a text in quotes, most
    /// senders have none: both are one key.
    ///
    /// # Errors
    /// When it is empty, too long, or has other characters.
    pub fn read(value: &[u8]) -> Result<Self, BadKey> {
        let text = std::str::from_utf8(value).map_err(|_| BadKey)?.trim();
        let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let text = inner.unwrap_or(text);
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if text.is_empty() || text.len() > MAX_ONCE_KEY_BYTES || !printable {
            return Err(BadKey);
        }
        Ok(Self(text.to_owned()))
    }

    /// The key of this event, for a sender known as `scope`.
    #[must_use]
    pub fn of(&self, scope: &str, event: &NewEvent, now: Timestamp) -> OnceKey {
        let mut digest = Sha256::new();
        for part in [
            event.source.as_bytes(),
            event.event_type.as_bytes(),
            &event.body[..],
        ] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        OnceKey {
            scope: format!("key:{scope}"),
            key: self.0.clone(),
            digest: Some(hex::encode(digest.finalize())),
            expires_at: now.plus(IDEMPOTENCY_WINDOW),
        }
    }
}

/// The keys that this node is dealing with. Bounded by the requests it serves at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight(Arc<Mutex<HashSet<(String, String)>>>);

/// A place among them, free when dropped.
pub(super) struct Held {
    keys: InFlight,
    key: (String, String),
}

impl InFlight {
    /// Takes the key's place; `None` while another request has it.
    pub fn hold(&self, key: &OnceKey) -> Option<Held> {
        let key = (key.scope.clone(), key.key.clone());
        let new = self.set().insert(key.clone());
        new.then(|| Held {
            keys: self.clone(),
            key,
        })
    }

    fn set(&self) -> std::sync::MutexGuard<'_, HashSet<(String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.keys.set().remove(&self.key);
    }
}
