//! Request bodies: their media type, their size, the time they may take, and forms in JSON.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{ApiState, Problem};
use crate::auth::FieldErrors;
use crate::domain::process::MAX_SCRIPT_BYTES;
use crate::intake::media;

/// How long a body may take to arrive: 1 MiB over a poor mobile line takes about 10 s.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// Most bytes of a form: the largest fields together have about 3 KiB.
pub const MAX_FORM_BYTES: usize = 16 << 10;

/// Most bytes of a form with a script: JSON may write a byte of it as six.
pub const MAX_SCRIPT_FORM_BYTES: usize = 6 * MAX_SCRIPT_BYTES + MAX_FORM_BYTES;

/// Most bytes of an action's arguments: a table of 100,000 cells fits.
pub const MAX_INPUT_BYTES: usize = 8 << 20;

/// Media type taken to be meant when none is given: the old service did so too.
const ASSUMED: &str = "application/json";

/// Longest `Content-Type` that is stored with an event.
const MAX_CONTENT_TYPE_CHARS: usize = 200;

/// Refuses a webhook by its `Content-Length` alone, before anything else is done for it.
pub struct DeclaredSize;

impl FromRequestParts<ApiState> for DeclaredSize {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        check_declared(&parts.headers, state.max_body).map(|()| Self)
    }
}

fn check_declared(headers: &HeaderMap, limit: usize) -> Result<(), Problem> {
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok());
    match declared {
        Some(length) if usize::try_from(length).map_or(true, |length| length > limit) => {
            Err(too_large(limit))
        }
        _ => Ok(()),
    }
}

pub(crate) fn too_large(limit: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        format!("The body is larger than {limit} bytes, the most that is taken here."),
    )
    .with("max_bytes", limit)
    .header(CONNECTION, HeaderValue::from_static("close"))
}

/// The whole body, when it has at most `limit` bytes and arrives in time. Chunked bodies are cut off
/// where they pass the limit.
pub async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let collected = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit).collect());
    match collected.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(_)) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "incomplete-body",
            "The body broke off before its end.",
        )),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "slow-body",
            format!("The body did not arrive within {} s.", BODY_TIMEOUT.as_secs()),
        )
        .header(CONNECTION, HeaderValue::from_static("close"))),
    }
}

/// Refuses a body that is compressed.
fn check_plain(headers: &HeaderMap) -> Result<(), Problem> {
    if headers
        .get(CONTENT_ENCODING)
        .is_none_or(|coding| coding == "identity")
    {
        return Ok(());
    }
    let detail = "Compressed bodies are not taken: send the body as it is.";
    Err(
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-encoding", detail)
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity")),
    )
}

/// The body's media type as it was sent, of whatever kind; not compressed. `None` when none was sent.
pub fn any_content_type(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    check_plain(headers)?;
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    Ok(Some(text.chars().take(MAX_CONTENT_TYPE_CHARS).collect()))
}

/// The body's media type, which must be JSON (`application/json` or `application/…+json`) and not
/// compressed.
pub fn json_content_type(headers: &HeaderMap) -> Result<String, Problem> {
    check_plain(headers)?;
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(ASSUMED.to_owned());
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    if media::is_json(&text) && text.len() <= MAX_CONTENT_TYPE_CHARS {
        return Ok(text.into_owned());
    }
    let shown: String = text.chars().take(MAX_CONTENT_TYPE_CHARS).collect();
    let detail = format!("Unsupported media type \"{shown}\" in request: send application/json.");
    Err(
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", detail).header(
            HeaderName::from_static("accept-post"),
            HeaderValue::from_static("application/json, application/*+json"),
        ),
    )
}

/// A JSON object whose fields are texts. Every wrong field is told, not just the first.
pub struct Form {
    fields: Map<String, Value>,
    errors: FieldErrors,
}

impl Form {
    /// A form of these fields, however they came.
    pub(crate) fn of(fields: Map<String, Value>) -> Self {
        Self {
            fields,
            errors: FieldErrors::default(),
        }
    }

    /// A text that must be there; empty, with the error noted, when it is not.
    pub fn required(&mut self, name: &'static str) -> String {
        match self.take(name) {
            Some(text) if text.is_empty() => {
                self.errors.add(name, "This field may not be blank.");
                text
            }
            Some(text) => text,
            None => String::new(),
        }
    }

    /// A text that may be missing.
    pub fn optional(&mut self, name: &'static str) -> Option<String> {
        self.fields.contains_key(name).then(|| self.take(name)).flatten()
    }

    /// Whether the field came, whatever it holds.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// A text that must be there and may be empty.
    pub fn text(&mut self, name: &'static str) -> String {
        self.take(name).unwrap_or_default()
    }

    /// A text that may be missing, read as a `T`.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, name: &'static str) -> Option<T> {
        match self.optional(name)?.parse() {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.errors.add(name, format!("{wrong}."));
                None
            }
        }
    }

    /// A truth value that may be missing.
    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        let given = self.fields.remove(name)?;
        if given.as_bool().is_none() {
            self.errors.add(name, "Must be a valid boolean.");
        }
        given.as_bool()
    }

    /// A list of texts; empty when it is missing.
    pub fn texts(&mut self, name: &'static str) -> Vec<String> {
        let Some(value) = self.fields.remove(name) else {
            return Vec::new();
        };
        serde_json::from_value(value).unwrap_or_else(|_| {
            self.errors.add(name, "Expected a list of strings.");
            Vec::new()
        })
    }

    /// Notes what is wrong with a field.
    pub fn wrong(&mut self, name: &'static str, why: &str) {
        self.errors.add(name, why);
    }

    /// Fails when anything was wrong.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(self.errors.into())
        }
    }

    fn take(&mut self, name: &'static str) -> Option<String> {
        let why = match self.fields.remove(name) {
            Some(Value::String(text)) => return Some(text),
            Some(Value::Number(number)) => return Some(number.to_string()),
            Some(Value::Null) => "This field may not be null.",
            Some(_) => "Not a valid string.",
            None => "This field is required.",
        };
        self.errors.add(name, why);
        None
    }
}

impl FromRequest<ApiState> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &ApiState) -> Result<Self, Problem> {
        Self::read(request, MAX_FORM_BYTES).await
    }
}

/// A form with a script in it.
pub struct ScriptForm(pub Form);

impl FromRequest<ApiState> for ScriptForm {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &ApiState) -> Result<Self, Problem> {
        Form::read(request, MAX_SCRIPT_FORM_BYTES).await.map(Self)
    }
}

/// A JSON value of any kind, at most [`MAX_INPUT_BYTES`].
pub struct Input(pub Value);

impl FromRequest<ApiState> for Input {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &ApiState) -> Result<Self, Problem> {
        let bytes = json_bytes(request, MAX_INPUT_BYTES).await?;
        if bytes.is_empty() {
            return Ok(Self(Value::Object(Map::new())));
        }
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| bad_json(&error, &bytes))
    }
}

/// A JSON object read as `T`, at most [`MAX_INPUT_BYTES`]; no body counts as one without members.
pub struct Typed<T>(pub T);

impl<T: DeserializeOwned> FromRequest<ApiState> for Typed<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &ApiState) -> Result<Self, Problem> {
        let bytes = json_bytes(request, MAX_INPUT_BYTES).await?;
        let text = if bytes.is_empty() { &b"{}"[..] } else { &bytes[..] };
        serde_json::from_slice(text).map(Self).map_err(|error| {
            if error.is_data() {
                Problem::new(StatusCode::BAD_REQUEST, "bad-input", format!("{error}."))
            } else {
                bad_json(&error, &bytes)
            }
        })
    }
}

/// The body of a request that brings JSON.
async fn json_bytes(request: Request, limit: usize) -> Result<Bytes, Problem> {
    let (parts, body) = request.into_parts();
    check_declared(&parts.headers, limit)?;
    json_content_type(&parts.headers)?;
    read(body, limit).await
}

impl Form {
    async fn read(request: Request, limit: usize) -> Result<Self, Problem> {
        let bytes = json_bytes(request, limit).await?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(fields)) => Ok(Self::of(fields)),
            Ok(_) => {
                let why = "Invalid data. Expected an object.";
                Err(FieldErrors::one("non_field_errors", why).into())
            }
            Err(error) => Err(bad_json(&error, &bytes)),
        }
    }
}

fn bad_json(error: &serde_json::Error, bytes: &[u8]) -> Problem {
    // JSON is UTF-8 (RFC 8259, 8.1). The parser calls another encoding an invalid code point.
    let detail = match std::str::from_utf8(bytes) {
        Ok(_) => format!("JSON parse error: {error}."),
        Err(wrong) => format!(
            "JSON parse error: byte {} is not UTF-8; convert the text (`iconv -f latin1 -t utf-8`).",
            wrong.valid_up_to()
        ),
    };
    Problem::new(StatusCode::BAD_REQUEST, "bad-json", detail)
        .with("line", error.line())
        .with("column", error.column())
}
