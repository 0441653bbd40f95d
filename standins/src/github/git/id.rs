//! Names of objects: SHA-1 over a header and the content.

use std::fmt;

use serde::{Serialize, Serializer};
use sha1::{Digest, Sha1};

/// Bytes of an object's name.
const ID_BYTES: usize = 20;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The content of a file.
    Blob,
    /// A folder.
    Tree,
    /// A state of the whole with its history.
    Commit,
}

impl Kind {
    /// Git's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Tree => "tree",
            Self::Commit => "commit",
        }
    }
}

/// The name of an object, 40 hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; ID_BYTES]);

impl ObjectId {
    /// The name of an object of that kind and content: the SHA-1 of `kind SP length NUL content`
    /// (<https://git-scm.com/book/en/v2/Git-Internals-Git-Objects>).
    #[must_use]
    pub fn of(kind: Kind, content: &[u8]) -> Self {
        let mut digest = Sha1::new();
        digest.update(format!("{} {}\0", kind.as_str(), content.len()));
        digest.update(content);
        Self(digest.finalize().into())
    }

    /// Reads 40 lower-case hexadecimal digits; none for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let mut bytes = [0; ID_BYTES];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// The name as bytes, as trees hold it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
