//! Bodies as they came, for whoever wants each byte.

use std::fmt::Display;

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::Problem;

/// The body of what has this id. Always a download of `application/octet-stream`, so that no browser takes a sender's
/// bytes for a page.
pub(super) fn body(id: &impl Display, body: Bytes) -> Result<Response, Problem> {
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{id}.body\""))
        .map_err(|error| Problem::internal(error.to_string()))?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (CONTENT_DISPOSITION, disposition),
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; sandbox"),
        ),
    ];
    Ok((headers, body).into_response())
}
