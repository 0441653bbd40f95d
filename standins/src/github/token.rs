//! Tokens and what they may do.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How much a permission allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// To look.
    Read,
    /// To look and to change.
    Write,
}

/// Permissions by their name, such as `contents` or `administration`.
pub type Permissions = BTreeMap<String, Level>;

/// What a token may do.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Grant {
    /// A classic personal access token with scopes such as `repo`.
    Classic {
        /// Its scopes.
        scopes: Vec<String>,
    },
    /// A fine-grained personal access token.
    FineGrained {
        /// Its permissions.
        permissions: Permissions,
        /// The names of the repositories it reaches; all when left out.
        repositories: Option<Vec<String>>,
    },
    /// An installation of a GitHub App.
    Installation {
        /// Its permissions.
        permissions: Permissions,
        /// The names of the repositories it reaches; all when left out.
        repositories: Option<Vec<String>>,
    },
}

impl Grant {
    /// The classic scopes, when it is a classic token.
    #[must_use]
    pub fn scopes(&self) -> Option<&[String]> {
        match self {
            Self::Classic { scopes } => Some(scopes),
            Self::FineGrained { .. } | Self::Installation { .. } => None,
        }
    }

    /// Whether a classic token has a scope, or one that includes it.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        let wider: &[&str] = match scope {
            "public_repo" => &["repo"],
            "user:email" | "read:user" => &["user"],
            _ => &[],
        };
        self.scopes()
            .into_iter()
            .flatten()
            .any(|has| has == scope || wider.contains(&has.as_str()))
    }

    /// The permissions and the repositories of a token that has them.
    #[must_use]
    pub fn permissions(&self) -> Option<(&Permissions, Option<&[String]>)> {
        match self {
            Self::Classic { .. } => None,
            Self::FineGrained {
                permissions,
                repositories,
            }
            | Self::Installation {
                permissions,
                repositories,
            } => Some((permissions, repositories.as_deref())),
        }
    }

    /// What GitHub says when the token lacks a permission.
    #[must_use]
    pub fn not_accessible(&self) -> &'static str {
        match self {
            Self::Installation { .. } => "Resource not accessible by integration",
            Self::Classic { .. } | Self::FineGrained { .. } => {
                "Resource not accessible by personal access token"
            }
        }
    }
}

/// A token that was handed out.
#[derive(Clone, Debug)]
pub struct Token {
    /// What it may do.
    pub grant: Grant,
    /// When it ends, in seconds since 1970; never when none.
    pub expires_at: Option<i64>,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// The text of a token, which no debug output shows.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TokenText(String);

impl TokenText {
    /// A new one, different at every call. `prefix` is what GitHub writes before the underscore; the whole is put
    /// together at run time, so that no scanner of source text takes it for a leaked one.
    #[must_use]
    pub fn random(prefix: &str) -> Self {
        Self(format!("{prefix}_{}", letters()))
    }

    /// The text of a request.
    #[must_use]
    pub fn received(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// 36 letters and digits, as many as GitHub's tokens have after the prefix.
fn letters() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let random: [u8; 36] = rand::random();
    random
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect()
}
