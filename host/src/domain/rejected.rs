//! Requests to a source that were refused, kept so that a person can see why and make good for it.

use bytes::Bytes;

use super::event::Header;
use super::id::{EventId, RejectedId};
use super::time::Timestamp;
use super::words::words;

/// Which check a request did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    /// A header that the proof needs is not there.
    Missing,
    /// The proof cannot be read.
    Malformed,
    /// The signature is too old, or from the future.
    Timestamp,
    /// No secret of the source can be read, or none of those that can proves the request: one of the others
    /// might.
    NoSecret,
    /// The signature is not that of this request under any of the secrets.
    Signature,
    /// The token, key or password is none of the secrets.
    Credential,
    /// The signature does not cover what it must.
    Coverage,
    /// The sender is who it says, but what it sent cannot be taken.
    Body,
}

words!(Check, "check" {
    Missing = "missing",
    Malformed = "malformed",
    Timestamp = "timestamp",
    NoSecret = "no-secret",
    Signature = "signature",
    Credential = "credential",
    Coverage = "coverage",
    Body = "body",
});

impl Check {
    /// The HTTP status of a refusal. Without a secret it is our fault, and the sender should come again.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NoSecret => 503,
            Self::Body => 400,
            _ => 401,
        }
    }
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Rejection {
    pub check: Check,
    /// In plain words, without anything of a secret.
    pub why: String,
}

/// Longest reason, in characters: it repeats what the sender wrote, and goes into lists and answers.
const MAX_WHY_CHARS: usize = 300;

impl Rejection {
    /// A refusal by this check. A reason that is too long is cut.
    #[must_use]
    pub fn new(check: Check, why: impl Into<String>) -> Self {
        let mut why = why.into();
        if let Some((end, _)) = why.char_indices().nth(MAX_WHY_CHARS) {
            let last = why[..end].chars().next_back().map_or(0, char::len_utf8);
            why.truncate(end - last);
            why.push('…');
        }
        Self { check, why }
    }
}

/// A refused request as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRequest {
    pub id: RejectedId,
    pub received_at: Timestamp,
    pub source: String,
    /// Who held the connection.
    pub address: String,
    pub rejection: Rejection,
    /// What was answered.
    pub status: u16,
    pub method: String,
    /// Path and query, without a token; cut when they are longer than what is kept.
    pub target: String,
    /// With those that hold credentials masked, or sealed where the request is judged by them.
    pub headers: Vec<Header>,
    pub content_type: String,
    /// The SHA-256 of the token, key or password that was presented, sealed.
    pub credential: Option<String>,
    /// Bytes of the body.
    pub body_bytes: u64,
    /// The body, unless it or the target is larger than what is kept.
    pub body: Option<Bytes>,
    /// What it became when a person accepted it.
    pub accepted: Option<AcceptedLater>,
}

/// A refused request in a list of many.
#[derive(Clone, Debug)]
pub struct ListedRejected {
    pub request: RejectedRequest,
    /// Why its headers cannot be read here; it is without them then.
    pub unreadable: Option<String>,
}

/// What a person made of a refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedLater {
    /// The event, or the first one of several.
    pub event: EventId,
    pub at: Timestamp,
    /// Whose doing it was.
    pub by: String,
}

/// How much is kept; the oldest go, those of the source that has most first: nobody flushes what another source's
/// senders were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectedBounds {
    pub requests: u64,
    /// Of them of one source.
    pub of_source: u64,
    /// Bytes of all that is kept of them.
    pub bytes: u64,
}
