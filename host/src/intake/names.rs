//! The one rule for an event's `source` and `type`.
//!
//! | | first of these that is there |
//! |---|---|
//! | `source` | the envelope's `source`, the query's `source`, the header `X-Webhook-Source`, else `unknown` |
//! | `type` | the query's `type`, the header `X-Webhook-Type`, the header `X-GitHub-Event`, else `unknown` |
//!
//! The body is the envelope when it is an object with exactly the two keys `source` (a string) and
//! `payload` (anything); every other body is the payload itself.
//!
//! Whitespace around a name is dropped. It must have 1 to 100 characters and no control characters.
//! The first one that is there decides: when it is no name the request is refused, rather than filed
//! under another one.

use ::http::HeaderMap;

use super::request::SourceQuery;
use crate::domain::event::MAX_NAME_CHARS;

/// What an event is called whose sender says nothing.
pub const UNKNOWN: &str = "unknown";

/// A source or type that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin} {why}: a name has 1 to {MAX_NAME_CHARS} characters and no control characters")]
pub struct BadName {
    /// Where it came from, such as `the header X-Webhook-Source`.
    pub origin: &'static str,
    why: &'static str,
}

/// The event's source.
pub(super) fn source(
    envelope: Option<&str>,
    query: &SourceQuery,
    headers: &HeaderMap,
) -> Result<String, BadName> {
    if let Some(name) = envelope {
        return check("the envelope's `source`", name);
    }
    if let Some(name) = &query.source {
        return check("the query parameter `source`", name);
    }
    from_header("the header X-Webhook-Source", headers, "x-webhook-source")
        .unwrap_or_else(|| Ok(UNKNOWN.to_owned()))
}

/// The event's type.
pub(super) fn event_type(query: &SourceQuery, headers: &HeaderMap) -> Result<String, BadName> {
    if let Some(name) = &query.event_type {
        return check("the query parameter `type`", name);
    }
    from_header("the header X-Webhook-Type", headers, "x-webhook-type")
        .or_else(|| from_header("the header X-GitHub-Event", headers, "x-github-event"))
        .unwrap_or_else(|| Ok(UNKNOWN.to_owned()))
}

fn from_header(
    origin: &'static str,
    headers: &HeaderMap,
    name: &'static str,
) -> Option<Result<String, BadName>> {
    let value = headers.get(name)?;
    Some(match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => check(origin, text),
        Err(_) => Err(BadName {
            origin,
            why: "is not UTF-8",
        }),
    })
}

/// The name without the whitespace around it.
pub(super) fn check(origin: &'static str, name: &str) -> Result<String, BadName> {
    let name = name.trim();
    let why = if name.is_empty() {
        "is empty"
    } else if name.chars().count() > MAX_NAME_CHARS {
        "is too long"
    } else if name.chars().any(char::is_control) {
        "has a control character"
    } else {
        return Ok(name.to_owned());
    };
    Err(BadName { origin, why })
}
