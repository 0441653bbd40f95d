//! What goes into commands that a person copies into a shell.

use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::uri::Authority;

use crate::http::ApiState;

/// The address of a path of the API, as clients reach it.
#[must_use]
pub fn address(state: &ApiState, headers: &HeaderMap, path: &str) -> String {
    match &state.public_url {
        Some(public) => public.of(path),
        None => format!("http://{}{path}", host(headers)),
    }
}

/// The host by which the browser reached us. What is no host, and could be more of a command than one, is left out.
fn host(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = host.and_then(|host| host.parse::<Authority>().ok());
    let is_plain = |authority: &Authority| {
        authority
            .as_str()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
    };
    authority
        .filter(is_plain)
        .map_or_else(|| "localhost:8080".to_owned(), |authority| authority.to_string())
}

/// A text as one word of a shell that follows POSIX, whatever it holds but NUL.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
