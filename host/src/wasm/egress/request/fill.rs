//! Secrets, put in at the last moment: only by the grants of this moment, only toward where the operator
//! bound them.

use http::HeaderValue;
use percent_encoding::utf8_percent_encode;
use url::Url;
use wasmtime_wasi_http::Error;
use zeroize::Zeroizing;

use super::{MAX_URL_BYTES, Outgoing, PATH_UNSAFE, Refusal, headers, mark, placeholders};
use crate::domain::grant::{Grants, SecretGrant};
use crate::secret::Secret;
use crate::wasm::egress::credentials::{binds, bound};
use crate::wasm::host::{Placeholder, RunContext};
use crate::wasm::manifest::SecretKind;
use crate::wasm::mint::{self, MintError, Token};
use crate::wasm::{rights, secrets};

impl Outgoing {
    /// Puts the secrets in: plain ones in header values and declared places of the path, URLs in place of
    /// the whole URL.
    pub(in crate::wasm::egress) async fn put_secrets_in(&mut self, run: &RunContext) -> Result<(), Refusal> {
        for known in placeholders(run) {
            match known.kind {
                SecretKind::Url => self.put_in_url(run, &known).await?,
                SecretKind::Plain | SecretKind::GoogleServiceAccount | SecretKind::GithubApp => {
                    self.put_in_headers(run, &known).await?;
                    self.put_in_path(run, &known).await?;
                }
            }
        }
        if self.url.as_str().len() > MAX_URL_BYTES {
            return Err(Refusal {
                code: Error::HttpRequestUriTooLong,
                text: "the URL is longer than 8 KiB with the secret in it".to_owned(),
            });
        }
        headers::check_size(&self.headers)
    }

    async fn put_in_headers(&mut self, run: &RunContext, known: &Placeholder) -> Result<(), Refusal> {
        let holds = |value: &HeaderValue| known.is_in(value.as_bytes());
        if !self.headers.values().any(holds) {
            return Ok(());
        }
        let secret = self.value(run, known).await?;
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
        let secret = self.value(run, known).await?;
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
        Ok(())
    }

    async fn put_in_url(&mut self, run: &RunContext, known: &Placeholder) -> Result<(), Refusal> {
        if self.url.path().strip_prefix('/') != Some(known.word.as_str()) {
            return Ok(());
        }
        self.secret_url = Some(known.secret.clone());
        let secret = self.value(run, known).await?;
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
        url.path().clone_into(&mut self.path);
        self.url = url;
        Ok(())
    }

    /// What is put in the reference's place, if it may go to this request's origin by the grants of this
    /// moment. From here on it is looked for in what comes back.
    async fn value(&mut self, run: &RunContext, known: &Placeholder) -> Result<Secret, Refusal> {
        let name = &known.secret;
        let spec = run.standing.spec();
        let grants = &spec.grants;
        let grant = grants.secrets.get(name).ok_or_else(|| {
            let lines = rights::secret_lines(&run.standing.name, name);
            Refusal::denied(format!("the secret `{name}` is not granted; {lines}"))
        })?;
        if !binds(&self.url, grants, grant) {
            return Err(self.unbound(run, grants, name, grant));
        }
        let value = secrets::of_run(run, name, known.kind, &grant.source)
            .await
            .map_err(|why| Refusal::denied(format!("the secret `{name}`: {why}")))?;
        let value = if mint::mints(known.kind) {
            self.mint(run, known, grant, &value).await?
        } else {
            value
        };
        run.standing
            .carried
            .note(name, value.expose(), bound(grants, grant));
        Ok(value)
    }

    /// The refusal of a secret that may not go to this request's origin.
    fn unbound(&self, run: &RunContext, grants: &Grants, name: &str, grant: &SecretGrant) -> Refusal {
        let origin = self.origin();
        let plugin = &run.standing.name;
        let request = self.ungranted(run, grants);
        let mend = match (&grant.to, request) {
            (None, request) => request.unwrap_or_else(|| "grant requests to it".to_owned()),
            (Some(_), None) => rights::binding_lines(plugin, name, grant, &origin),
            (Some(_), Some(request)) => format!(
                "{}\nand besides, {request}",
                rights::binding_lines(plugin, name, grant, &origin)
            ),
        };
        Refusal::denied(format!("the secret `{name}` may not be sent to {origin}; {mend}"))
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
    pub(in crate::wasm::egress) fn take_minted(&mut self) -> Vec<(String, Token)> {
        std::mem::take(&mut self.minted)
    }
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
