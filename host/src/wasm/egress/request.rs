//! One request on its way out: parsed, secrets put in, compared with the rights.

use std::sync::PoisonError;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;
use zeroize::Zeroizing;

use super::credentials::is_bound;
use super::errors::Refusal;
use crate::domain::grant::{Grants, HttpPattern, SecretGrant, Target};
use crate::secret::Secret;
use crate::wasm::host::{Placeholder, RunContext};
use crate::wasm::manifest::SecretKind;
use crate::wasm::mint::{self, MintError, Token};
use crate::wasm::tape::{Asked, Text};
use crate::wasm::{rights, secrets};
use wasmtime_wasi_http::Error;

/// Longest URL, in bytes: what common servers take.
const MAX_URL_BYTES: usize = 8 << 10;

/// What may not stand in a segment of a path as it is (RFC 3986, section 3.3: `pchar`).
const PATH_UNSAFE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// Headers that belong to one connection, or that the host alone sets. wasmtime forbids most of
/// them already; this is the list we answer for.
const STRIPPED: [HeaderName; 11] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

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
        let mut headers = parts.headers.clone();
        for name in connection_headers(&headers).into_iter().chain(STRIPPED) {
            headers.remove(name);
        }
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

    /// Puts the secrets in: plain ones in header values, URLs in place of the whole URL. Only
    /// toward where the operator bound them.
    pub(super) async fn put_secrets_in(&mut self, run: &RunContext) -> Result<(), Refusal> {
        for known in placeholders(run) {
            match known.kind {
                SecretKind::Url => self.put_in_url(run, &known).await?,
                SecretKind::Plain | SecretKind::GoogleServiceAccount | SecretKind::GithubApp => {
                    self.put_in_headers(run, &known).await?;
                    self.put_in_path(run, &known).await?;
                }
            }
        }
        Ok(())
    }

    async fn put_in_headers(&mut self, run: &RunContext, known: &Placeholder) -> Result<(), Refusal> {
        let holds = |value: &HeaderValue| known.is_in(value.as_bytes());
        if !self.headers.values().any(holds) {
            return Ok(());
        }
        let (grant, value) = self.resolve(run, known).await?;
        let secret = if mint::mints(known.kind) {
            self.mint(run, known, &grant, &value).await?
        } else {
            value
        };
        run.standing.carried.note(&known.secret, secret.expose());
        for value in self.headers.values_mut().filter(|value| holds(value)) {
            let text = Zeroizing::new(replaced(value.as_bytes(), &known.word, secret.expose()));
            let mut filled = HeaderValue::from_bytes(&text).map_err(|_| {
                Refusal::denied(format!(
                    "the value of the secret `{}` has a character that a header cannot hold",
                    known.secret
                ))
            })?;
            filled.set_sensitive(true);
            *value = filled;
        }
        Ok(())
    }

    /// Puts a secret in the path, where the manifest declares it by `{secret:NAME}`.
    async fn put_in_path(&mut self, run: &RunContext, known: &Placeholder) -> Result<(), Refusal> {
        if !self.url.path().contains(&known.word) {
            return Ok(());
        }
        let mark = mark(known);
        let target = self.target();
        let declared = |ask: &rights::Ask| ask.names(&mark) && ask.covers(&target, None);
        if !run.settings.asks.iter().any(declared) {
            return Err(Refusal::denied(format!(
                "the secret `{}` stands in the path of the URL, which the manifest does not declare; the plugin's \
                 author must ask for a path with {mark} in it",
                known.secret
            )));
        }
        let (grant, value) = self.resolve(run, known).await?;
        let secret = if mint::mints(known.kind) {
            self.mint(run, known, &grant, &value).await?
        } else {
            value
        };
        // A value of dots alone would name another path (RFC 3986, section 5.2.4).
        if secret.expose().bytes().all(|byte| byte == b'.') {
            return Err(Refusal::denied(format!(
                "the secret `{}` is no part of a path",
                known.secret
            )));
        }
        let text = Zeroizing::new(utf8_percent_encode(secret.expose(), PATH_UNSAFE).to_string());
        let path = Zeroizing::new(self.url.path().replace(&known.word, &text));
        self.url.set_path(&path);
        run.standing.carried.note(&known.secret, secret.expose());
        Ok(())
    }

    async fn put_in_url(&mut self, run: &RunContext, known: &Placeholder) -> Result<(), Refusal> {
        if self.url.path().strip_prefix('/') != Some(known.word.as_str()) {
            return Ok(());
        }
        let (_, secret) = self.resolve(run, known).await?;
        let mut url = Url::parse(secret.expose())
            .map_err(|_| Refusal::denied(format!("the secret `{}` is not a URL", known.secret)))?;
        if url.origin() != self.url.origin() {
            return Err(Refusal::denied(format!(
                "the secret `{}` belongs to another host than {}",
                known.secret,
                self.origin()
            )));
        }
        if let Some(query) = self.url.query() {
            let whole = url
                .query()
                .map_or_else(|| query.to_owned(), |own| format!("{own}&{query}"));
            url.set_query(Some(&whole));
        }
        run.standing.carried.note(&known.secret, secret.expose());
        url.path().clone_into(&mut self.path);
        self.url = url;
        self.secret_url = Some(known.secret.clone());
        Ok(())
    }

    /// A token that is valid now.
    async fn mint(
        &mut self,
        run: &RunContext,
        known: &Placeholder,
        grant: &SecretGrant,
        value: &Secret,
    ) -> Result<Secret, Refusal> {
        let name = &known.secret;
        if run.deps.wire.replayed().is_some() {
            return Ok(value.clone());
        }
        let ask = run
            .manifest
            .secret(name)
            .ok_or_else(|| Refusal::denied(format!("the manifest does not ask for a secret `{name}`")))?;
        let token = mint::token(run, ask, grant, value).await.map_err(|error| {
            let text = format!("the secret `{name}`: {error}");
            match error {
                MintError::Refused(_) => Refusal::denied(text),
                MintError::Unavailable(_) => Refusal {
                    code: Error::InternalError(Some(text.clone())),
                    text,
                },
            }
        })?;
        let secret = token.value().clone();
        self.minted.push((name.clone(), token));
        Ok(secret)
    }

    /// The minted tokens that this request carries.
    pub(super) fn take_minted(&mut self) -> Vec<(String, Token)> {
        std::mem::take(&mut self.minted)
    }

    /// The grant and the secret's value, if it may go to this request's origin by the grants of this
    /// moment.
    async fn resolve(&self, run: &RunContext, known: &Placeholder) -> Result<(SecretGrant, Secret), Refusal> {
        let name = &known.secret;
        let spec = run.standing.spec();
        let grants = &spec.grants;
        let grant = grants.secrets.get(name).ok_or_else(|| {
            let lines = rights::secret_lines(&run.standing.name, name);
            Refusal::denied(format!("the secret `{name}` is not granted; {lines}"))
        })?;
        if !is_bound(self, grants, grant) {
            return Err(Refusal::denied(format!(
                "the secret `{name}` may not be sent to {origin}; to allow it grant requests to it, and name it in \
                 `to` of [plugins.{plugin}.grants.secrets.{name}] if that is given",
                origin = self.origin(),
                plugin = run.standing.name,
            )));
        }
        let value = secrets::of_run(run, name, known.kind, &grant.source)
            .await
            .map_err(|why| Refusal::denied(format!("the secret `{name}`: {why}")))?;
        Ok((grant.clone(), value))
    }

    /// Compares the request, as it will leave, with manifest and grants.
    pub(super) fn check(&self, run: &RunContext, grants: &Grants) -> Result<(), Refusal> {
        let target = self.target();
        let shown = self.shown_pattern();
        let plugin = &run.standing.name;
        let asked = run.settings.asks.iter();
        if !asked
            .into_iter()
            .any(|ask| ask.covers(&target, self.secret_url.as_deref()))
        {
            return Err(Refusal::denied(format!(
                "the manifest of {plugin} does not ask for `{shown}`, so it cannot be granted; the plugin's author \
                 must add it"
            )));
        }
        if !grants.http.iter().any(|grant| grant.matches(&target)) {
            let lines = rights::http_lines(plugin, grants, &shown);
            return Err(Refusal::denied(format!("`{shown}` is not granted; {lines}")));
        }
        Ok(())
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

    /// A pattern that covers this request, without the path when that is a secret.
    fn shown_pattern(&self) -> String {
        let path = if self.secret_url.is_some() {
            "/**"
        } else {
            &self.path
        };
        let exact = format!("{} {}{path}", self.method, self.origin());
        if exact.parse::<HttpPattern>().is_ok() {
            return exact;
        }
        format!("{} {}/**", self.method, self.origin())
    }
}

fn has_userinfo(uri: &http::Uri) -> bool {
    uri.authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
}

/// The headers that `Connection` names, which are the connection's too.
fn connection_headers(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect()
}

/// `text` with `value` wherever `word` stands. Over bytes, because a header's other bytes need not
/// be ASCII (RFC 9110, 5.5: `obs-text`).
pub(in crate::wasm) fn replaced(text: &[u8], word: &str, value: &str) -> Vec<u8> {
    let mut whole = Vec::with_capacity(text.len() + value.len());
    let mut rest = text;
    while let Some(at) = rest
        .windows(word.len())
        .position(|window| window == word.as_bytes())
    {
        whole.extend_from_slice(&rest[..at]);
        whole.extend_from_slice(value.as_bytes());
        rest = &rest[at + word.len()..];
    }
    whole.extend_from_slice(rest);
    whole
}
