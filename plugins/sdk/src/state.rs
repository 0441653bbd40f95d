//! The plugin's own small key-value store, in Hookyard's database.

use crate::{Failure, host};

pub use crate::bindings::hookyard::plugin::state::{Entry, StateError};

/// The value of a key, or none.
pub fn get(key: &str) -> Result<Option<Entry>, StateError> {
    host::state_get(key)
}

/// Writes a value whatever was there, and returns its new version.
pub fn set(key: &str, value: &[u8]) -> Result<u64, StateError> {
    host::state_set(key, value)
}

/// Removes a key. Whether it was there.
pub fn delete(key: &str) -> Result<bool, StateError> {
    host::state_delete(key)
}

/// The keys that begin with `prefix`, in order, after `after` (exclusive); at most `limit`, and
/// never more than 1,000.
pub fn list_keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, StateError> {
    host::state_list(prefix, after, limit)
}

/// Writes only if the key still has this version (none: only if there is no such key). The new
/// version, or none when somebody else was first.
pub fn compare_and_swap(key: &str, version: Option<u64>, value: &[u8]) -> Result<Option<u64>, StateError> {
    host::state_cas(key, version, value)
}

/// A number that stands for a name of any length in a key: FNV-1a, the same in every build
/// (<https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>). Two names rarely have the same.
#[must_use]
pub fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        match error {
            StateError::TooLarge(text) | StateError::Full(text) => Self::reject(text),
            StateError::Unavailable(text) => Self::retry(text),
        }
    }
}
