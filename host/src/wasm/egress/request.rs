//! One request on its way out: parsed, secrets put in, compared with the rights.

mod fill;
mod headers;

pub(in crate::wasm) use self::fill::replaced;
use std::sync::PoisonError;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use url::Url;
use wasmtime_wasi_http::Error;

use super::errors::Refusal;
use crate::domain::grant::{Grants, HttpPattern, Target};
use crate::domain::trace::TraceParent;
use crate::telemetry;
use crate::wasm::host::{Placeholder, RunContext};
use crate::wasm::mint::Token;
use crate::wasm::rights;
use crate::wasm::tape::{Asked, Text};

/// Longest URL, in bytes: what common servers take.
const MAX_URL_BYTES: usize = 8 << 10;

/// What may not stand in a segment of a path as it is (RFC 3986, section 3.3: `pchar`).
pub(super) const PATH_UNSAFE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// The URL as the record shows it: before any secret is put in, with the secret's name where its
/// placeholder stands.
pub(super) fn shown_url(run: &RunContext, uri: &http::Uri) -> String {
    let mut shown = uri.to_string();
    for known in placeholders(run) {
        shown = shown.replace(&known.word, &mark(&known));
    }
    shown
}

pub(super) fn placeholders(run: &RunContext) -> Vec<Placeholder> {
    run.placeholders
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

/// How a secret's place is written in patterns and records.
fn mark(known: &Placeholder) -> String {
    format!("{{secret:{}}}", known.secret)
}

/// A request between the guest and the wire.
pub(super) struct Outgoing {
    method: Method,
    url: Url,
    headers: HeaderMap,
    /// The secret the URL came from, when it did: then the URL is not to be shown.
    secret_url: Option<String>,
    /// The path as patterns are compared with it: with a mark where a secret stands.
    path: String,
    /// The minted tokens that were put in, with their secrets' names.
    minted: Vec<(String, Token)>,
}

impl Outgoing {
    /// Reads the guest's request.
    pub(super) fn parse(run: &RunContext, parts: &Parts) -> Result<Self, Refusal> {
        let text = parts.uri.to_string();
        let bad = |why: &str| Refusal {
            code: Error::HttpRequestUriInvalid,
            text: format!("the URL {why}"),
        };
        if text.len() > MAX_URL_BYTES {
            return Err(bad("is longer than 8 KiB"));
        }
        let url = Url::parse(&text).map_err(|_| bad("is malformed"))?;
        if !url.username().is_empty()
            || url.password().is_some()
            || text.contains('@') && has_userinfo(&parts.uri)
        {
            return Err(bad("holds a user name; use the header authorization"));
        }
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(bad("must be http or https, with a host"));
        }
        if parts.method == Method::CONNECT || parts.method == Method::TRACE {
            return Err(Refusal {
                code: Error::HttpRequestMethodInvalid,
                text: format!("{}: the method {} is never sent", run.standing.name, parts.method),
            });
        }
        let headers = headers::admitted(&parts.headers)?;
        let marked = |path: String, known: &Placeholder| path.replace(&known.word, &mark(known));
        Ok(Self {
            method: parts.method.clone(),
            path: placeholders(run).iter().fold(url.path().to_owned(), marked),
            url,
            headers,
            secret_url: None,
            minted: Vec::new(),
        })
    }

    /// Compares the request, as it will leave, with manifest and grants.
    pub(super) fn check(&self, run: &RunContext, grants: &Grants) -> Result<(), Refusal> {
        self.ungranted(run, grants)
            .map_or(Ok(()), |why| Err(Refusal::denied(why)))
    }

    /// Why the request may not leave, and what would help; `None` when it may.
    fn ungranted(&self, run: &RunContext, grants: &Grants) -> Option<String> {
        let target = self.target();
        let plugin = &run.standing.name;
        let secret_url = self.secret_url.as_deref();
        let asked = run.settings.asks.iter();
        let asked = asked.into_iter().any(|ask| ask.covers(&target, secret_url));
        if asked && grants.http.iter().any(|grant| grant.matches(&target)) {
            return None;
        }
        let shown = match self.pattern() {
            Ok(shown) => shown,
            Err(why) => return Some(format!("no grant can help: {why}")),
        };
        Some(if asked {
            let lines = rights::http_lines(plugin, grants, &shown);
            format!("`{shown}` is not granted; {lines}")
        } else {
            format!(
                "the manifest of {plugin} does not ask for `{shown}`, so it cannot be granted; the plugin's author \
                 must add it"
            )
        })
    }

    /// As patterns see it.
    fn target(&self) -> Target<'_> {
        Target {
            method: self.method.as_str(),
            scheme: self.url.scheme(),
            host: self.url.host_str().unwrap_or(""),
            port: self.url.port_or_known_default().unwrap_or(0),
            path: &self.path,
        }
    }

    /// Its headers.
    pub(super) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Asks for an answer that can be searched.
    pub(super) fn ask_for_plain_answer(&mut self) {
        self.headers
            .insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }

    /// Tells the far side where it stands in a trace, unless the guest does so itself.
    pub(super) fn goes_on_from(&mut self, place: Option<TraceParent>) {
        let value = place.and_then(|place| HeaderValue::from_str(&place.to_string()).ok());
        if let Some(value) = value {
            self.headers.entry(telemetry::TRACEPARENT).or_insert(value);
        }
    }

    /// As a tape knows it: with the secrets' names where they stand.
    pub(super) fn asked(&self, shown: &str, body: &[u8]) -> Asked {
        Asked {
            method: self.method.to_string(),
            url: shown.to_owned(),
            body: Text::of(body),
        }
    }

    /// Where it goes.
    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    /// The request as reqwest sends it. It sets `Host` and `Content-Length` itself.
    pub(super) fn into_request(self, body: Bytes) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method, self.url);
        *request.headers_mut() = self.headers;
        *request.body_mut() = (!body.is_empty()).then(|| body.into());
        request
    }

    /// Where it goes, for people.
    pub(super) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// A pattern that covers this request, without the path when that is a secret; or why there is none.
    fn pattern(&self) -> Result<String, String> {
        let target = self.target();
        let covers = |text: &String| {
            let pattern = text.parse::<HttpPattern>();
            pattern.is_ok_and(|pattern| pattern.matches(&target))
        };
        let exact = format!("{} {}{}", self.method, self.origin(), self.path);
        let wide = format!("{} {}/**", self.method, self.origin());
        let exact = Some(exact).filter(|_| self.secret_url.is_none());
        if let Some(pattern) = exact.into_iter().chain([wide]).find(covers) {
            return Ok(pattern);
        }
        Err(if target.is_ambiguous() {
            "the path has an empty segment, `.`, `..`, a backslash or an encoded slash, which servers read in \
             different ways; the plugin's author must write it without"
                .to_owned()
        } else {
            format!(
                "a grant names a method in upper-case letters, and `{}` is none; the plugin's author must write it so",
                self.method
            )
        })
    }
}

fn has_userinfo(uri: &http::Uri) -> bool {
    uri.authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
}
