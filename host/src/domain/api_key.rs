//! API keys: what programs send with that have no person to sign in.
//!
//! A key is `hk_`, an id of six characters by which it is looked up and shown, `_`, and a random part that is
//! given out once. A key can only send: it has no role of its own, and whose it is decides who sees its events.

use std::fmt;
use std::str::FromStr;

use globset::{Glob, GlobMatcher};
use serde::{Deserialize, Serialize};

use super::id::UserId;
use super::rate_limit::RateLimit;
use super::time::Timestamp;

/// What every key begins with, so that it is known for one wherever it turns up.
pub const PREFIX: &str = "hk_";
/// Characters of a key's id: 56 thousand million of them, and one that is taken is drawn anew.
pub const ID_CHARS: usize = 6;
/// Characters of the random part: 43 of 62 hold 256 bits.
pub const SECRET_CHARS: usize = 43;
/// Most sources that one key names.
pub const MAX_SOURCES: usize = 50;
/// Most characters of a source's glob, and of a key's name.
pub const MAX_NAME_CHARS: usize = 100;

/// The part of a key by which it is looked up and shown. No secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApiKeyId(String);

/// A text that cannot be a key's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no key's id: it has {ID_CHARS} letters and digits; `hookyard keys list` shows all")]
pub struct BadKeyId(String);

impl ApiKeyId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApiKeyId {
    type Err = BadKeyId;

    fn from_str(text: &str) -> Result<Self, BadKeyId> {
        if text.len() == ID_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadKeyId(text.chars().take(40).collect()))
        }
    }
}

impl TryFrom<String> for ApiKeyId {
    type Error = BadKeyId;

    fn try_from(text: String) -> Result<Self, BadKeyId> {
        text.parse()
    }
}

impl From<ApiKeyId> for String {
    fn from(id: ApiKeyId) -> Self {
        id.0
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The id in a key as it came with a request; `None` when it cannot be a key.
#[must_use]
pub fn id_in(key: &str) -> Option<ApiKeyId> {
    let (id, secret) = key.strip_prefix(PREFIX)?.split_once('_')?;
    let whole = secret.len() == SECRET_CHARS && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
    whole.then(|| id.parse().ok())?
}

/// The sources that a key may name: globs, or none for all.
#[derive(Clone, Debug, Default)]
pub struct SourceScope(Vec<GlobMatcher>);

/// Why a list of sources cannot be a scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadScope {
    #[error("at most {MAX_SOURCES} sources can be named")]
    TooMany,
    #[error("a source has 1 to {MAX_NAME_CHARS} characters")]
    Length,
    #[error("the source `{0}` is no glob: {1}")]
    Glob(String, String),
}

impl SourceScope {
    /// The scope of these names and globs (`*` any text, `?` one character, `{a,b}` either).
    ///
    /// # Errors
    /// When there are too many, or one is malformed.
    pub fn new(globs: &[String]) -> Result<Self, BadScope> {
        if globs.len() > MAX_SOURCES {
            return Err(BadScope::TooMany);
        }
        let compile = |glob: &String| {
            if glob.is_empty() || glob.chars().count() > MAX_NAME_CHARS {
                return Err(BadScope::Length);
            }
            let compiled = Glob::new(glob).map_err(|e| BadScope::Glob(glob.clone(), e.kind().to_string()))?;
            Ok(compiled.compile_matcher())
        };
        globs.iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this source may be named.
    #[must_use]
    pub fn allows(&self, source: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|glob| glob.is_match(source))
    }

    /// The globs as they were written.
    pub fn globs(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|glob| glob.glob().glob())
    }
}

impl PartialEq for SourceScope {
    fn eq(&self, other: &Self) -> bool {
        self.globs().eq(other.globs())
    }
}

/// A key as it is known, without its random part.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiKey {
    pub id: ApiKeyId,
    /// What it is for, in people's words.
    pub name: String,
    /// Whose events those are that come with it. A key of an account that is inactive or may not send works no more.
    pub owner: UserId,
    pub sources: SourceScope,
    /// In place of the limit for all keys.
    pub rate: Option<RateLimit>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub revoked_by: Option<String>,
    /// Behind by up to a minute.
    pub last_used_at: Option<Timestamp>,
}

/// A key about to be stored.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    pub key: ApiKey,
    /// SHA-256 of the whole key. A slow hash protects what people think up; 256 random bits need none, and a
    /// webhook must not cost a tenth of a second of CPU.
    pub digest: [u8; 32],
}

/// What became of a wish to revoke a key.
#[derive(Clone, Debug, PartialEq)]
pub enum RevokedKey {
    Revoked(ApiKey),
    /// It was revoked before, and stays so.
    Already(ApiKey),
    Missing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_found_in_a_key_and_nothing_else_is_taken_for_one() {
        let secret = "s".repeat(SECRET_CHARS);
        let id = id_in(&format!("hk_Ab3xY9_{secret}")).expect("a key");
        assert_eq!(id.as_str(), "Ab3xY9");
        for text in [
            "",
            "hk_",
            "hk_Ab3xY9",
            "hk_Ab3xY9_",
            "hk_Ab3xY9_short",
            &format!("hk_Ab3xY_{secret}"),
            &format!("hk_Ab3x-9_{secret}"),
            &format!("hk_Ab3xY9_{secret}x"),
            &format!("xx_Ab3xY9_{secret}"),
            &format!("hk_Ab3xY9_é{}", "s".repeat(SECRET_CHARS - 2)),
        ] {
            assert_eq!(id_in(text), None, "{text}");
        }
    }

    #[test]
    fn a_scope_allows_what_it_names() {
        let scope = |globs: &[&str]| {
            SourceScope::new(&globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>())
        };
        assert!(scope(&[]).expect("a scope").allows("anything"));
        let shops = scope(&["shop-*", "till"]).expect("a scope");
        assert!(shops.allows("shop-1") && shops.allows("till"));
        assert!(!shops.allows("shop") && !shops.allows("tills") && !shops.allows(""));
        assert!(matches!(scope(&["["]), Err(BadScope::Glob(..))));
        assert_eq!(scope(&[""]), Err(BadScope::Length));
        assert_eq!(scope(&["a"; MAX_SOURCES + 1]), Err(BadScope::TooMany));
    }
}
