//! The one error type of the HTTP interface: problem details (RFC 9457).
//!
//! What a caller may see is in the problem. Its cause is not: [`super::observe`] logs it once, with
//! the id of the request that the caller is given.

mod causes;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// Media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What to wait before asking again when the service is busy or its database away.
const BUSY_RETRY_AFTER: Duration = Duration::from_secs(2);

/// Why a request was not done, as the caller sees it.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<String>,
}

/// The members every problem has. There may be more: the name of a wrong field with a list of what
/// is wrong with it, `line` and `column` of a body that is not JSON, `parameter` for a wrong query.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Names the kind of problem: `urn:hookyard:problem:` and a word that stays the same.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    pub status: u16,
    /// What went wrong and what to do, for people.
    pub detail: String,
    /// This one occurrence: `urn:uuid:` and the answer's `X-Request-Id`.
    pub instance: String,
}

impl Problem {
    /// A problem of the kind `urn:hookyard:problem:{kind}`.
    #[must_use]
    pub fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            detail: detail.into(),
            members: Map::new(),
            headers: Vec::new(),
            cause: None,
        }
    }

    /// Our own fault, or something we did not foresee; `cause` goes to the log only.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        let detail = "Something went wrong on our side. Quote the request id when you report it.";
        let mut problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail);
        problem.cause = Some(cause.into());
        problem
    }

    /// Cannot be done now, but soon.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(BUSY_RETRY_AFTER)
    }

    /// A query parameter that cannot be read.
    #[must_use]
    pub fn bad_parameter(name: &'static str, why: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad-parameter",
            format!("The query parameter `{name}` {why}."),
        )
        .with("parameter", name)
    }

    /// No access token came.
    #[must_use]
    pub fn no_token() -> Self {
        let detail = "Authentication credentials were not provided.";
        Self::new(StatusCode::UNAUTHORIZED, "no-token", detail)
            .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// Nothing of that id, or not yours.
    #[must_use]
    pub fn no_such(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("No such {what}."))
    }

    /// Adds a member to the body.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Says when to ask again, in whole seconds and never too early.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// Notes the cause, for the log only.
    #[must_use]
    pub fn because(mut self, cause: &dyn Error) -> Self {
        self.cause = Some(chain(cause));
        self
    }

    /// The status of the answer.
    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// The cause, for the log.
    pub(super) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The body, naming the request when it has an id.
    pub(super) fn body(&self, request: Option<&str>) -> Vec<u8> {
        let mut body = Map::new();
        body.insert(
            "type".into(),
            json!(format!("urn:hookyard:problem:{}", self.kind)),
        );
        body.insert(
            "title".into(),
            json!(self.status.canonical_reason().unwrap_or("Error")),
        );
        body.insert("status".into(), json!(self.status.as_u16()));
        body.insert("detail".into(), json!(self.detail));
        if let Some(id) = request {
            body.insert("instance".into(), json!(format!("urn:uuid:{id}")));
            if self.status.is_server_error() {
                body.insert("request_id".into(), json!(id));
            }
        }
        for (name, value) in &self.members {
            body.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Value::Object(body).to_string().into_bytes()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl Error for Problem {}

/// The error and its sources in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let own = error.to_string();
        // Many errors already end with the text of their source.
        if !text.ends_with(&own) {
            text.push_str(": ");
            text.push_str(&own);
        }
        source = error.source();
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body(None)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        // For `observe`, which knows the id of the request.
        response.extensions_mut().insert(self);
        response
    }
}
