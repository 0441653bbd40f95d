//! `hookyard:plugin/secrets`: placeholders, never values.

use std::sync::PoisonError;

use super::{HostState, Placeholder, RunContext};
use crate::wasm::abi::v0_1::secrets::{self, SecretError};
use crate::wasm::manifest::SecretKind;
use crate::wasm::mint::{self, MintError};
use crate::wasm::tape::Wire;
use crate::wasm::{rights, secrets as source};

impl secrets::Host for HostState {
    async fn reference(&mut self, name: String) -> wasmtime::Result<Result<String, SecretError>> {
        self.asks()?;
        let Some(run) = &self.context else {
            return Ok(Err(SecretError::Unavailable(
                "`describe` has no secrets".to_owned(),
            )));
        };
        Ok(reference(run, &name).await)
    }
}

async fn reference(run: &RunContext, name: &str) -> Result<String, SecretError> {
    let plugin = &run.standing.name;
    let shown = crate::wasm::text::tidy(name, 64);
    let ask = run.manifest.secret(name).ok_or_else(|| {
        SecretError::NotAskedFor(format!("the manifest does not ask for a secret `{shown}`"))
    })?;
    let spec = run.standing.spec();
    let grants = &spec.grants;
    let grant = grants.secrets.get(name).ok_or_else(|| {
        SecretError::NotGranted(format!(
            "the secret `{name}` is not granted; {}",
            rights::secret_lines(plugin, name)
        ))
    })?;
    let unavailable = |why: &str| SecretError::Unavailable(format!("the secret `{name}`: {why}"));
    let value = source::of_run(run, name, ask.kind, &grant.source)
        .await
        .map_err(|why| unavailable(&why))?;
    let word = word(run, name, ask.kind);
    match ask.kind {
        SecretKind::Plain => Ok(word),
        _ if run.deps.wire.replayed().is_some() && ask.kind != SecretKind::Url => Ok(word),
        // Minted now, so that a failure is told before the plugin does anything else.
        SecretKind::GoogleServiceAccount | SecretKind::GithubApp => mint::token(run, ask, grant, &value)
            .await
            .map(|_token| word)
            .map_err(|error| told(name, &error)),
        SecretKind::Url => {
            let url = url::Url::parse(value.expose()).map_err(|_| unavailable("it is not a URL"))?;
            if !url.has_host() {
                return Err(unavailable("it is a URL without a host"));
            }
            let origin = url.origin().ascii_serialization();
            if let Wire::Recorded(tape) = &*run.deps.wire {
                tape.note_origin(name, &origin);
            }
            Ok(format!("{origin}/{word}"))
        }
    }
}

fn told(name: &str, error: &MintError) -> SecretError {
    let text = format!("the secret `{name}`: {error}");
    match error {
        MintError::Refused(_) => SecretError::Refused(text),
        MintError::Unavailable(_) => SecretError::Unavailable(text),
    }
}

/// The run's placeholder for this secret, made on first use.
fn word(run: &RunContext, name: &str, kind: SecretKind) -> String {
    let mut placeholders = run.placeholders.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = placeholders.iter().find(|known| known.secret == name) {
        return known.word.clone();
    }
    let word = source::placeholder();
    placeholders.push(Placeholder {
        word: word.clone(),
        secret: name.to_owned(),
        kind,
    });
    word
}
