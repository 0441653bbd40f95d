//! The answer to a request that made something.

use axum::Json;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::Problem;

/// 201, and where to see what was made.
pub(super) fn created(path: &str, made: impl Serialize) -> Result<Response, Problem> {
    let address = HeaderValue::try_from(path).map_err(|error| Problem::internal(error.to_string()))?;
    Ok((StatusCode::CREATED, [(LOCATION, address)], Json(made)).into_response())
}
