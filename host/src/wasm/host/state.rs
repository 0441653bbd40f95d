//! `hookyard:plugin/state`: the plugin's key-value entries in the host's database.

use super::{HostState, RunContext};
use crate::store::{StateExpect, StateQuota, StateWrite, StoreError};
use crate::wasm::abi::v0_1::state::{self, Entry, StateError};

/// Longest key, in bytes; the WIT interface promises it.
const MAX_KEY_BYTES: usize = 256;
/// Largest value, in bytes; the WIT interface promises it.
const MAX_VALUE_BYTES: usize = 64 << 10;
/// Most keys of one list; the WIT interface promises it.
const MAX_LIST: u32 = 1_000;
/// One plugin's share of the database; the WIT interface promises it.
const QUOTA: StateQuota = StateQuota {
    keys: 10_000,
    bytes: 16 << 20,
};

impl state::Host for HostState {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Entry>, StateError>> {
        self.asks()?;
        Ok(self.entries().get(&key).await)
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<u64, StateError>> {
        self.asks()?;
        let written = self.entries().put(&key, &value, StateExpect::Any).await;
        Ok(written.and_then(|version| {
            version.ok_or_else(|| StateError::Unavailable("the write met another; try again".to_owned()))
        }))
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<bool, StateError>> {
        self.asks()?;
        Ok(self.entries().delete(&key).await)
    }

    async fn list_keys(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<String>, StateError>> {
        self.asks()?;
        Ok(self
            .entries()
            .keys(&prefix, after.as_deref(), limit.min(MAX_LIST))
            .await)
    }

    async fn compare_and_swap(
        &mut self,
        key: String,
        version: Option<u64>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<Option<u64>, StateError>> {
        self.asks()?;
        let expect = version.map_or(StateExpect::Absent, StateExpect::Version);
        Ok(self.entries().put(&key, &value, expect).await)
    }
}

impl HostState {
    fn entries(&self) -> Entries<'_> {
        Entries(self.context.as_deref())
    }
}

/// The entries of the plugin whose run this is; `describe` has none.
struct Entries<'a>(Option<&'a RunContext>);

impl Entries<'_> {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StateError> {
        check_key(key)?;
        let run = self.0.ok_or_else(in_describe)?;
        let entry = run
            .deps
            .store
            .state_get(&run.standing.name, key)
            .await
            .map_err(|e| unavailable(&e))?;
        Ok(entry.map(|entry| Entry {
            value: entry.value,
            version: entry.version,
        }))
    }

    /// The new version, or `None` when the expectation did not hold.
    async fn put(&self, key: &str, value: &[u8], expect: StateExpect) -> Result<Option<u64>, StateError> {
        check_key(key)?;
        if value.len() > MAX_VALUE_BYTES {
            return Err(StateError::TooLarge(format!(
                "the value of `{key}` has {} bytes; at most {MAX_VALUE_BYTES} are allowed",
                value.len()
            )));
        }
        let run = self.0.ok_or_else(in_describe)?;
        let write = run
            .deps
            .store
            .state_put(&run.standing.name, key, value, expect, QUOTA)
            .await
            .map_err(|e| unavailable(&e))?;
        match write {
            StateWrite::Written(version) => Ok(Some(version)),
            StateWrite::Conflict => Ok(None),
            StateWrite::Full => Err(StateError::Full(format!(
                "this plugin may keep {} keys and {} MiB",
                QUOTA.keys,
                QUOTA.bytes >> 20
            ))),
        }
    }

    async fn delete(&self, key: &str) -> Result<bool, StateError> {
        check_key(key)?;
        let run = self.0.ok_or_else(in_describe)?;
        let deleted = run.deps.store.state_delete(&run.standing.name, key).await;
        deleted.map_err(|e| unavailable(&e))
    }

    async fn keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, StateError> {
        let run = self.0.ok_or_else(in_describe)?;
        let keys = run
            .deps
            .store
            .state_keys(&run.standing.name, prefix, after, limit)
            .await;
        keys.map_err(|e| unavailable(&e))
    }
}

fn check_key(key: &str) -> Result<(), StateError> {
    if (1..=MAX_KEY_BYTES).contains(&key.len()) && !key.contains('\0') {
        return Ok(());
    }
    Err(StateError::TooLarge(format!(
        "a key has 1 to {MAX_KEY_BYTES} bytes and no NUL; this one has {}",
        key.len()
    )))
}

fn in_describe() -> StateError {
    StateError::Unavailable("`describe` has no state".to_owned())
}

/// The guest is told that the database failed, not its internals.
fn unavailable(error: &StoreError) -> StateError {
    tracing::warn!(%error, "a plugin's state could not be reached");
    StateError::Unavailable("the database did not answer; return a retry failure".to_owned())
}
