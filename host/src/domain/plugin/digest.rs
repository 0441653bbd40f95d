//! Builds as people name them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Fewest digits that name a build: what `hookyard plugins list` shows. 48 bits tell the few builds of
/// one plugin apart.
const MIN_DIGITS: usize = 12;

/// The SHA-256 of a component in hex, or its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DigestPrefix(String);

/// A text that names no build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a SHA-256 in lower-case hexadecimal, or its first 12 digits or more")]
pub struct InvalidDigest;

impl DigestPrefix {
    /// Whether a whole digest begins so.
    #[must_use]
    pub fn fits(&self, digest: &str) -> bool {
        digest.starts_with(&self.0)
    }
}

impl FromStr for DigestPrefix {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let fits = (MIN_DIGITS..=64).contains(&text.len()) && text.bytes().all(is_digit);
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidDigest)
        }
    }
}

impl TryFrom<String> for DigestPrefix {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        text.parse()
    }
}

impl From<DigestPrefix> for String {
    fn from(digest: DigestPrefix) -> Self {
        digest.0
    }
}

impl fmt::Display for DigestPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
