//! The world's imports, answered by the test's [`super::Host`].

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::http::{Error, Request, Response};
use crate::log::Level;
use crate::processes::{Process, ProcessError};
use crate::secrets::SecretError;
use crate::state::{Entry, StateError};

use super::{Scene, Stored, with};

/// The host's bounds, so that a test meets them as well.
const MAX_KEY: usize = 256;
const MAX_VALUE: usize = 64 * 1024;
const MAX_PAGE: u32 = 1000;

pub(crate) fn config() -> String {
    with(|scene| {
        scene
            .config
            .as_ref()
            .map_or_else(|| "{}".to_owned(), ToString::to_string)
    })
}

pub(crate) fn log(level: Level, message: &str) {
    with(|scene| scene.logs.push((level, message.to_owned())));
}

pub(crate) fn now() -> SystemTime {
    super::clock()
}

pub(crate) fn sleep(time: Duration) {
    with(|scene| scene.now += time);
}

pub(crate) fn secret(name: &str) -> Result<String, SecretError> {
    with(|scene| scene.secrets.get(name).cloned()).unwrap_or_else(|| {
        Err(SecretError::NotGranted(format!(
            "the secret {name} is not granted"
        )))
    })
}

pub(crate) fn send(request: &Request) -> Result<Response, Error> {
    let line = format!("{} {}", request.method, request.url);
    let (expected, answer) = with(|scene| {
        scene.requests.push(request.clone());
        scene.expected.pop_front()
    })
    .unwrap_or_else(|| panic!("no request is expected, but {line} was sent"));
    assert_eq!(line, expected, "another request was expected");
    if let Ok(response) = &answer
        && response.body.len() > request.max_body
    {
        return Err(Error::TooLarge(request.max_body));
    }
    answer
}

/// Runs `query` on the stored things, unless the test took the database away.
fn stored<T>(query: impl FnOnce(&mut Scene) -> T) -> Option<T> {
    with(|scene| (!scene.database_down).then(|| query(scene)))
}

fn no_database() -> String {
    "the database does not answer".to_owned()
}

fn bounded(limit: u32) -> usize {
    usize::try_from(limit.min(MAX_PAGE)).unwrap_or(usize::MAX)
}

pub(crate) fn processes(after: Option<&str>, limit: u32) -> Result<Vec<Process>, ProcessError> {
    let later = |process: &&Process| after.is_none_or(|after| &*process.code > after);
    stored(|scene| {
        scene
            .processes
            .values()
            .filter(later)
            .take(bounded(limit))
            .cloned()
            .collect()
    })
    .ok_or_else(|| ProcessError::Unavailable(no_database()))
}

fn state<T>(query: impl FnOnce(&mut BTreeMap<String, Stored>) -> T) -> Result<T, StateError> {
    stored(|scene| query(&mut scene.state)).ok_or_else(|| StateError::Unavailable(no_database()))
}

pub(crate) fn state_get(key: &str) -> Result<Option<Entry>, StateError> {
    state(|store| {
        store.get(key).map(|(value, version)| Entry {
            value: value.clone(),
            version: *version,
        })
    })
}

pub(crate) fn state_set(key: &str, value: &[u8]) -> Result<u64, StateError> {
    if key.is_empty() || key.len() > MAX_KEY || value.len() > MAX_VALUE {
        return Err(StateError::TooLarge(
            "the key or its value is too large".to_owned(),
        ));
    }
    state(|store| {
        let slot = store.entry(key.to_owned()).or_default();
        *slot = (value.to_vec(), slot.1 + 1);
        slot.1
    })
}

pub(crate) fn state_delete(key: &str) -> Result<bool, StateError> {
    state(|store| store.remove(key).is_some())
}

pub(crate) fn state_list(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, StateError> {
    let wanted = |key: &&String| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
    state(|store| {
        store
            .keys()
            .filter(wanted)
            .take(bounded(limit))
            .cloned()
            .collect()
    })
}

pub(crate) fn state_cas(key: &str, version: Option<u64>, value: &[u8]) -> Result<Option<u64>, StateError> {
    let current = state_get(key)?.map(|entry| entry.version);
    if current != version {
        return Ok(None);
    }
    state_set(key, value).map(Some)
}
