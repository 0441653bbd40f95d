//! Where the values of secrets come from.

use std::path::Path;
use std::sync::Arc;

use tokio::io::AsyncReadExt;

use super::Vault;
use crate::domain::grant::SecretSource;
use crate::environment::Environment;
use crate::secret::Secret;

/// Largest secret file, in bytes: a key file is a few KiB.
const MAX_SECRET_FILE_BYTES: u64 = 64 << 10;

/// Everything that secrets are read from.
#[derive(Clone)]
pub struct SecretReader {
    pub environment: Arc<Environment>,
    pub vault: Vault,
}

impl SecretReader {
    /// Reads a secret.
    ///
    /// # Errors
    /// When it cannot be had: what is missing, never the value.
    pub async fn get(&self, source: &SecretSource) -> Result<Secret, String> {
        resolve(source, &self.environment, &self.vault).await
    }
}

/// Reads a secret. The error says what is missing, never the value.
pub(crate) async fn resolve(
    source: &SecretSource,
    environment: &Environment,
    vault: &Vault,
) -> Result<Secret, String> {
    match source {
        SecretSource::Stored(name) => vault.get(name).await.map_err(|error| error.to_string()),
        source => of_node(source, environment).await,
    }
}

/// Reads a secret that this node has without the database; the value of a stored one is missing.
pub(crate) async fn of_node(source: &SecretSource, environment: &Environment) -> Result<Secret, String> {
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
