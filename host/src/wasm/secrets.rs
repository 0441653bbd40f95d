//! The words that stand for secrets in a guest, and their values in a run.

use std::collections::BTreeMap;

use url::Url;

use super::host::RunContext;
use super::manifest::{Manifest, SecretKind};
use crate::domain::grant::{Grants, SecretSource};
use crate::environment::Environment;
use crate::secret::Secret;
use crate::vault::{Vault, of_node, resolve};

/// The secret `name` as a run uses it. Where a tape answers nobody looks at it, so that it need not be
/// there.
pub(super) async fn of_run(
    run: &RunContext,
    name: &str,
    kind: SecretKind,
    source: &SecretSource,
) -> Result<Secret, String> {
    let Some(tape) = run.deps.wire.replayed() else {
        return resolve(source, &run.deps.environment, &run.deps.vault).await;
    };
    match kind {
        SecretKind::Url => tape
            .origin_of(name)
            .map(|origin| Secret::new(format!("{origin}/{}", placeholder())))
            .ok_or_else(|| "the tape does not know its origin".to_owned()),
        _ => Ok(Secret::new(placeholder())),
    }
}

/// The granted URLs that the manifest takes from secrets, as far as they can be read now.
pub(super) async fn urls(
    grants: &Grants,
    manifest: &Manifest,
    environment: &Environment,
    vault: Option<&Vault>,
) -> BTreeMap<String, Url> {
    let mut urls = BTreeMap::new();
    for ask in manifest.secrets.iter().filter(|ask| ask.kind == SecretKind::Url) {
        let Some(grant) = grants.secrets.get(&ask.name) else {
            continue;
        };
        let value = match vault {
            Some(vault) => resolve(&grant.source, environment, vault).await,
            None => of_node(&grant.source, environment).await,
        };
        let url = value.ok().and_then(|value| Url::parse(value.expose()).ok());
        urls.extend(url.map(|url| (ask.name.clone(), url)));
    }
    urls
}

/// A word that stands for a secret during one run. 128 random bits: it cannot be guessed, and a
/// word from another run means nothing.
pub(super) fn placeholder() -> String {
    format!("hookyard-secret-{}", hex::encode(rand::random::<[u8; 16]>()))
}
