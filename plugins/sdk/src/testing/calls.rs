//! The world's imports, answered by the test's [`super::Host`].

use std::time::SystemTime;

use crate::http::{Error, Request, Response};
use crate::log::Level;
use crate::processes::{Process, ProcessError};
use crate::secrets::SecretError;
use crate::state::{Entry, StateError};

use super::with;

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

pub(crate) fn processes(after: Option<&str>, limit: u32) -> Result<Vec<Process>, ProcessError> {
    let limit = usize::try_from(limit.min(MAX_PAGE)).unwrap_or(usize::MAX);
    let later = |code: &str| after.is_none_or(|after| code > after);
    Ok(with(|scene| {
        scene
            .processes
            .values()
            .filter(|process| later(&process.code))
            .take(limit)
            .cloned()
            .collect()
    }))
}

pub(crate) fn state_get(key: &str) -> Result<Option<Entry>, StateError> {
    let found = with(|scene| scene.state.get(key).cloned());
    Ok(found.map(|(value, version)| Entry { value, version }))
}

pub(crate) fn state_set(key: &str, value: &[u8]) -> Result<u64, StateError> {
    if key.is_empty() || key.len() > MAX_KEY || value.len() > MAX_VALUE {
        return Err(StateError::TooLarge(
            "the key or its value is too large".to_owned(),
        ));
    }
    Ok(with(|scene| {
        let slot = scene.state.entry(key.to_owned()).or_default();
        *slot = (value.to_vec(), slot.1 + 1);
        slot.1
    }))
}

pub(crate) fn state_delete(key: &str) -> Result<bool, StateError> {
    Ok(with(|scene| scene.state.remove(key).is_some()))
}

pub(crate) fn state_list(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, StateError> {
    let limit = usize::try_from(limit.min(MAX_PAGE)).unwrap_or(usize::MAX);
    let wanted = |key: &&String| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
    Ok(with(|scene| {
        scene.state.keys().filter(wanted).take(limit).cloned().collect()
    }))
}

pub(crate) fn state_cas(key: &str, version: Option<u64>, value: &[u8]) -> Result<Option<u64>, StateError> {
    let current = state_get(key)?.map(|entry| entry.version);
    if current != version {
        return Ok(None);
    }
    state_set(key, value).map(Some)
}
