//! What happened to a row since it was taken over.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Where a row that is known here changed since it was taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// Nowhere, only here, or in the same way.
    NotThere,
    /// In the old service alone.
    ThereOnly,
    Both,
}

/// Why a row is left that changed on both sides.
pub(super) const BOTH: &str =
    "it was changed in the old service and here since the last import; it stays as it is here";

impl Since {
    /// By the digests: of the row as it was taken over, as it is there, and as it is here.
    pub(super) fn of(noted: Option<&str>, there: &str, here: &str) -> Self {
        match noted {
            _ if there == here => Self::NotThere,
            Some(noted) if noted == there => Self::NotThere,
            Some(noted) if noted == here => Self::ThereOnly,
            _ => Self::Both,
        }
    }
}

/// The digest of what is taken over of a row.
pub(super) fn digest(fields: &Value) -> String {
    hex::encode(Sha256::digest(fields.to_string()))
}
