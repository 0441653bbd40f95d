//! Whether a request comes from who it says: one small engine over the schemes of
//! [`crate::domain::source`].
//!
//! In two steps. [`prepare`] reads what the request claims and refuses what cannot be right whatever the
//! secret is, such as a missing header or an old time; [`Claim::check`] then needs the secrets. Every
//! signature of the request is tried with every secret, compared in constant time, and nothing is
//! accepted without a match. What it does not do: read secrets, look into the body, remember requests.

mod fields;
mod keys;
mod message;
mod signed;
mod token;

use std::time::Duration;

use crate::domain::rejected::{Check, Rejection};
use crate::domain::source::scheme::{Scheme, TokenScheme};
use crate::domain::time::Timestamp;
use crate::secret::Secret;

use super::presented::{Digest, Presented};

pub use token::TOKEN_PARAMETER;

/// Most signatures of one request: a rotation has two or three, and each costs a comparison.
pub const MAX_SIGNATURES: usize = 16;

/// By what a request is judged, beside its secrets.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The moment that the time of a signature is held against.
    pub now: Timestamp,
    pub tolerance: Duration,
    /// The address by which senders reach us, where it is known.
    pub public_url: Option<&'a str>,
}

/// What a request claims to be, and by which proof.
pub struct Claim<'a>(Kind<'a>);

enum Kind<'a> {
    Open,
    Token(Digest),
    Signed(signed::Claim<'a>),
    Message(message::Claim<'a>),
}

/// Reads a request's proof.
///
/// # Errors
/// When it cannot be right whatever the secret is.
pub fn prepare<'a>(
    scheme: &'a Scheme,
    request: &'a Presented,
    terms: Terms<'_>,
) -> Result<Claim<'a>, Rejection> {
    Ok(Claim(match scheme {
        Scheme::Open => Kind::Open,
        Scheme::Token(scheme) => Kind::Token(token::presented(scheme, request)?),
        Scheme::Signed(scheme) => Kind::Signed(signed::prepare(scheme, request, terms)?),
        Scheme::Message(scheme) => Kind::Message(message::prepare(scheme, request, terms)?),
    }))
}

/// Whether a secret can be a key of this scheme.
///
/// # Errors
/// Why it cannot, without anything of it.
pub fn try_key(scheme: &Scheme, secret: &Secret) -> Result<(), &'static str> {
    match scheme {
        Scheme::Open | Scheme::Token(_) => Ok(()),
        Scheme::Signed(scheme) => signed::key(scheme, secret).map(drop),
        Scheme::Message(scheme) => keys::Key::message(secret, scheme.algorithm).map(drop),
    }
}

/// The SHA-256 of the token, key or password that a request presents.
#[must_use]
pub fn credential(scheme: &TokenScheme, request: &Presented) -> Option<Digest> {
    token::presented(scheme, request).ok()
}

impl Claim<'_> {
    /// Whether one of the secrets proves it. What names the proof, where it is a signature: the same for the same
    /// request, whatever that has beside what is signed.
    ///
    /// # Errors
    /// When none does.
    pub fn check(&self, secrets: &[Secret]) -> Result<Option<Digest>, Rejection> {
        match &self.0 {
            Kind::Open => Ok(None),
            Kind::Token(presented) => token::check(presented, secrets).map(|()| None),
            Kind::Signed(claim) => claim.check(secrets).map(Some),
            Kind::Message(claim) => claim.check(secrets).map(Some),
        }
    }

    /// Whether secrets are needed at all.
    #[must_use]
    pub const fn needs_secrets(&self) -> bool {
        !matches!(self.0, Kind::Open)
    }
}

/// Refuses a moment that is too far from now.
fn check_time(at: Timestamp, terms: Terms<'_>) -> Result<(), Rejection> {
    let (old, early) = (terms.now.since(at), at.since(terms.now));
    let told = |span: Duration| humantime::format_duration(Duration::from_secs(span.as_secs())).to_string();
    let why = if old > terms.tolerance {
        format!(
            "the signature is {} old; at most {} are allowed (`tolerance`)",
            told(old),
            told(terms.tolerance)
        )
    } else if early > terms.tolerance {
        format!(
            "the signature is from {} in the future; compare the clocks",
            told(early)
        )
    } else {
        return Ok(());
    };
    Err(Rejection::new(Check::Timestamp, why))
}

fn malformed(why: impl Into<String>) -> Rejection {
    Rejection::new(Check::Malformed, why)
}
