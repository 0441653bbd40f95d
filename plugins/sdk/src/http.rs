//! HTTP through the host, which lets out what the operator granted and follows no redirects.
//!
//! A call waits for the whole answer. An answer of any status is a [`Response`]; only a request
//! that brought no answer is an [`Error`], and `?` makes it the right [`Failure`].

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Failure, host};

mod error;
mod retry_after;
#[cfg(target_arch = "wasm32")]
pub(crate) mod wire;

pub use error::Error;

/// Bytes of an answer that are read unless [`Request::max_body`] says otherwise: far above any
/// JSON answer, far below a component's memory.
pub const DEFAULT_MAX_BODY: usize = 4 * 1024 * 1024;

/// How long a step of a request (connecting, the first byte, the pause between bytes) may take
/// unless [`Request::timeout`] says otherwise. The operator's wall time bounds the whole, and the
/// host waits no longer than 10 s for a connection.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// A request on its way to being sent.
///
/// ```
/// # use hookyard_plugin_sdk::{http::Request, testing};
/// # let host = testing::Host::new();
/// # host.expect("POST https://api.example.com/notes").answer(testing::json(200, &serde_json::json!({"id": 1})));
/// let response = Request::post("https://api.example.com/notes")
///     .header("Authorization", "Bearer …")
///     .json(&serde_json::json!({"text": "hello"}))?
///     .send()?;
/// assert!(response.is_success());
/// # Ok::<(), hookyard_plugin_sdk::Failure>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST` and so on, in upper case.
    pub method: String,
    /// Absolute, with `http` or `https`.
    pub url: String,
    /// In the order they were added.
    pub headers: Vec<(String, String)>,
    /// Empty for a request without one.
    pub body: Vec<u8>,
    /// Per step of the request: connecting, the first byte of the answer, each pause within it.
    pub timeout: Duration,
    /// In bytes; a longer answer is [`Error::TooLarge`].
    pub max_body: usize,
}

impl Request {
    /// A request with any method.
    #[must_use]
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self {
            method: method.to_ascii_uppercase(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: DEFAULT_TIMEOUT,
            max_body: DEFAULT_MAX_BODY,
        }
    }

    /// A `GET`.
    #[must_use]
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A `POST`.
    #[must_use]
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// A body of bytes. Set `Content-Type` beside it.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// A JSON body, with `Content-Type: application/json; charset=utf-8` unless one is set.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self, Failure> {
        self.body = serde_json::to_vec(value)
            .map_err(|error| Failure::reject(format!("the request does not go into JSON: {error}")))?;
        if !self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            self = self.header("content-type", "application/json; charset=utf-8");
        }
        Ok(self)
    }

    /// Adds `name=value` to the URL's query, escaped.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        escape_query(&mut self.url, name);
        self.url.push('=');
        escape_query(&mut self.url, value);
        self
    }

    /// How long one step may take: connecting, the first byte of the answer, each pause within it.
    /// Past it the request is [`Error::Transport`], within the body [`Error::CutOff`]; both are worth
    /// a retry.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many bytes of the answer are read at most.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sends it and waits for the whole answer, of whatever status.
    pub fn send(&self) -> Result<Response, Error> {
        let response = host::send(self)?;
        response.check_length(&self.method)?;
        Ok(response)
    }
}

/// An answer, read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, values as they came; bytes that are no UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| &**value)
    }

    /// Whether the status is 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON. A body that breaks off early is worth a retry, any other misfit is not.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let text = format!(
                "the answer (HTTP {}) is not the JSON expected: {error}",
                self.status
            );
            if error.is_eof() {
                Failure::retry(text)
            } else {
                Failure::reject(text)
            }
        })
    }

    /// The body as text, bytes that are no UTF-8 replaced.
    #[must_use]
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// What `Retry-After` asks for, counted from now: seconds, rounded up, or an HTTP date. Never less than it asks.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after::parse(self.header("retry-after")?, host::now())
    }

    /// A body shorter than its `Content-Length` was cut off, whoever cut it.
    fn check_length(&self, method: &str) -> Result<(), Error> {
        let bodiless = method == "HEAD" || matches!(self.status, 204 | 304);
        if bodiless || self.header("content-encoding").is_some() {
            return Ok(());
        }
        let said = self
            .header("content-length")
            .and_then(|value| value.trim().parse::<usize>().ok());
        match said {
            Some(said) if self.body.len() < said => Err(Error::CutOff(format!(
                "{} of {said} bytes arrived",
                self.body.len()
            ))),
            _ => Ok(()),
        }
    }
}

/// Escapes by the rules of `application/x-www-form-urlencoded`, with `%20` for a space.
fn escape_query(into: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(HEX[usize::from(byte >> 4)]));
            into.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        Response {
            status: 200,
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_query_is_escaped() {
        let request = Request::get("https://x.test/a")
            .query("email", "a+b@x.test")
            .query("n", "é &");
        assert_eq!(
            request.url,
            "https://x.test/a?email=a%2Bb%40x.test&n=%C3%A9%20%26"
        );
    }

    #[test]
    fn a_short_body_was_cut_off() {
        let cut = response(&[("content-length", "10")], "12345");
        assert!(matches!(cut.check_length("GET"), Err(Error::CutOff(_))));
        assert!(cut.check_length("HEAD").is_ok());
        assert!(
            response(&[("content-length", "5")], "12345")
                .check_length("GET")
                .is_ok()
        );
        assert!(
            response(&[("content-length", "10"), ("content-encoding", "gzip")], "12345")
                .check_length("GET")
                .is_ok()
        );
    }

    #[test]
    fn json_that_breaks_off_is_worth_a_retry() {
        assert!(
            response(&[], "{\"ok\":tr")
                .json::<serde_json::Value>()
                .unwrap_err()
                .is_retryable()
        );
        assert!(
            !response(&[], "<html>")
                .json::<serde_json::Value>()
                .unwrap_err()
                .is_retryable()
        );
    }
}
