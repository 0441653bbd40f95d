//! Secrets that a plugin may use, by name.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;

use super::Origin;
use crate::domain::plugin::PluginName;
use crate::domain::words::words;

/// How the host treats a secret's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// Any text, put in header values.
    Plain,
    /// A URL whose path is the secret.
    Url,
    /// A Google service account's key file, traded for access tokens.
    GoogleServiceAccount,
    /// A GitHub App's private key, traded for installation tokens.
    GithubApp,
}

words!(SecretKind, "kind of secret" {
    Plain = "plain",
    Url = "url",
    GoogleServiceAccount = "google-service-account",
    GithubApp = "github-app",
});

/// A secret that a plugin may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretGrant {
    pub source: SecretSource,
    /// The origins it may be sent to; `None` means every origin granted to the plugin.
    pub to: Option<Vec<Origin>>,
    /// The kind as the operator understands it, when the file says so; it must be the manifest's.
    pub kind: Option<SecretKind>,
    /// OAuth scopes that its token is asked for; `None` means those of the manifest.
    pub scopes: Option<Vec<String>>,
}

impl SecretGrant {
    /// The short form: a source, bound to every granted origin.
    #[must_use]
    pub const fn of(source: SecretSource) -> Self {
        Self {
            source,
            to: None,
            kind: None,
            scopes: None,
        }
    }
}

/// Where a secret's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A variable of the environment or of `.env`.
    Env(String),
    /// A file, read when the secret is used; a trailing line end is dropped.
    File(PathBuf),
    /// Set by `hookyard secrets set` and sealed in the database.
    Stored(StoredName),
}

impl fmt::Display for SecretSource {
    /// As `plugins.toml` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Stored(name) => write!(f, "stored:{name}"),
        }
    }
}

/// The name of a secret in the database: 1 to 64 of `a-z`, `0-9` and `-`, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct StoredName(String);

/// A text that is no name of a stored secret. Not repeated: it may be the secret itself.
#[derive(Debug, thiserror::Error)]
#[error("a stored secret's name has 1 to 64 of a-z, 0-9 and -, beginning with a letter")]
pub struct InvalidStoredName;

impl StoredName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StoredName {
    type Err = InvalidStoredName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The same rule, so that one name can serve for both.
        text.parse::<PluginName>()
            .map(|name| Self(name.into()))
            .map_err(|_| InvalidStoredName)
    }
}

impl fmt::Display for StoredName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
