//! Where the values of secrets come from, and the words that stand for them in a guest.

use std::collections::BTreeMap;
use std::path::Path;

use tokio::io::AsyncReadExt;
use url::Url;

use super::host::RunContext;
use super::manifest::{Manifest, SecretKind};
use crate::domain::grant::{Grants, SecretSource};
use crate::environment::Environment;
use crate::secret::Secret;
use crate::vault::Vault;

/// Largest secret file, in bytes: a key file is a few KiB.
const MAX_SECRET_FILE_BYTES: u64 = 64 << 10;

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

/// Reads a secret. The error says what is missing, never the value.
async fn resolve(source: &SecretSource, environment: &Environment, vault: &Vault) -> Result<Secret, String> {
    match source {
        SecretSource::Stored(name) => vault.get(name).await.map_err(|error| error.to_string()),
        source => of_node(source, environment).await,
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

/// Reads a secret that this node has without the database; the value of a stored one is missing.
pub(super) async fn of_node(source: &SecretSource, environment: &Environment) -> Result<Secret, String> {
    let value = match source {
        SecretSource::Env(name) => environment
            .get(name)
            .map(|value| Secret::new(value.to_owned()))
            .ok_or_else(|| format!("the variable {name} is not set (env:{name})"))?,
        SecretSource::File(path) => read(path).await?,
        SecretSource::Stored(name) => return Err(format!("it is in the database (stored:{name})")),
    };
    if value.expose().is_empty() {
        return Err("its value is empty".to_owned());
    }
    Ok(value)
}

async fn read(path: &Path) -> Result<Secret, String> {
    let no = |e: std::io::Error| format!("cannot read {}: {e}", path.display());
    let file = tokio::fs::File::open(path).await.map_err(no)?;
    // Room for all of it, so that no piece is left behind where the text grew.
    let room = usize::try_from(2 * MAX_SECRET_FILE_BYTES).unwrap_or(0);
    let mut text = String::with_capacity(room);
    let read = file
        .take(MAX_SECRET_FILE_BYTES + 1)
        .read_to_string(&mut text)
        .await
        .map_err(no)?;
    let text = Secret::new(text);
    if read as u64 > MAX_SECRET_FILE_BYTES {
        return Err(format!(
            "{} is larger than {MAX_SECRET_FILE_BYTES} bytes",
            path.display()
        ));
    }
    let line = text.expose();
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(Secret::new(line.to_owned()))
}

/// A word that stands for a secret during one run. 128 random bits: it cannot be guessed, and a
/// word from another run means nothing.
pub(super) fn placeholder() -> String {
    format!("hookyard-secret-{}", hex::encode(rand::random::<[u8; 16]>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_loses_one_line_end_and_has_a_cap() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("token");
        std::fs::write(&path, "value\r\n").expect("written");
        let source = SecretSource::File(path.clone());
        let value = of_node(&source, &Environment::default()).await.expect("a value");
        assert_eq!(value.expose(), "value");
        std::fs::write(&path, vec![b'x'; 70_000]).expect("written");
        let error = of_node(&source, &Environment::default())
            .await
            .expect_err("too large");
        assert!(error.contains("larger than"), "{error}");
    }

    #[tokio::test]
    async fn an_unset_variable_is_named() {
        let source = SecretSource::Env("NO_SUCH".to_owned());
        let error = of_node(&source, &Environment::default())
            .await
            .expect_err("unset");
        assert!(error.contains("NO_SUCH"), "{error}");
    }
}
