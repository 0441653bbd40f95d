//! Requests say once, and readably, which host they are for (RFC 9112, section 3.2).
//!
//! Two answers to that question are how a request is smuggled past a proxy that believed the other one.

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Problem;

/// Answers 400 unless there is one `Host`; HTTP/1.0 may do without.
pub(super) async fn check(request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(HOST).iter();
    let right = match (hosts.next(), hosts.next()) {
        (None, _) => request.version() == Version::HTTP_10,
        (Some(host), None) => is_authority(host),
        (Some(_), Some(_)) => false,
    };
    if right {
        return next.run(request).await;
    }
    let detail = "A request has one `Host` header with a host and perhaps a port.";
    Problem::new(StatusCode::BAD_REQUEST, "bad-host", detail).into_response()
}

/// An empty one is what a client sends that knows no authority.
fn is_authority(host: &HeaderValue) -> bool {
    let Ok(text) = host.to_str() else { return false };
    text.is_empty() || (text.parse::<Authority>().is_ok() && !text.contains('@'))
}
