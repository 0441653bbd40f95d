//! Which of a request's headers are kept with the event.

use ::http::{HeaderMap, HeaderName, HeaderValue};

use crate::domain::event::Header;

/// Most headers kept.
pub const MAX_HEADERS: usize = 100;
/// Most bytes of names and values kept: a plugin gets them with every delivery.
pub const MAX_HEADER_BYTES: usize = 16 << 10;

/// Headers that never name a fact about the event: those of the connection, and challenges.
const DROPPED: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];

/// Words that mark a header as a credential or a signature, wherever they stand in its name. It is
/// better to lose a harmless header than to keep a secret.
const DROPPED_WORDS: &[&str] = &[
    "access-key",
    "api-key",
    "apikey",
    "auth-key",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "csrf",
    "hmac",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "private-key",
    "secret",
    "session",
    "signature",
    "token",
    "x-auth-",
    "xsrf",
];

/// The headers to keep, in the order they came, at most [`MAX_HEADERS`] and [`MAX_HEADER_BYTES`].
pub(crate) fn kept(headers: &HeaderMap) -> Vec<Header> {
    let harmless = headers.iter().filter(|(name, _)| !is_dropped(name.as_str()));
    within_bounds(harmless)
        .map(|(name, value)| Header {
            name: name.to_owned(),
            value,
        })
        .collect()
}

/// Of these headers those before the first that is past the bounds.
pub(super) fn within_bounds<'h>(
    headers: impl Iterator<Item = (&'h HeaderName, &'h HeaderValue)>,
) -> impl Iterator<Item = (&'h str, String)> {
    let mut bytes = 0;
    headers
        .take(MAX_HEADERS)
        .take_while(move |(name, value)| {
            bytes += name.as_str().len() + value.len();
            bytes <= MAX_HEADER_BYTES
        })
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str(), value)
        })
}

/// Whether a header is kept with no event. `name` is in lower case.
pub(super) fn is_dropped(name: &str) -> bool {
    DROPPED.contains(&name) || is_credential(name)
}

/// Whether a header holds a credential or a signature, by its name in lower case.
pub(super) fn is_credential(name: &str) -> bool {
    let words = name.replace('_', "-");
    name == "x-auth" || DROPPED_WORDS.iter().any(|word| words.contains(word))
}
