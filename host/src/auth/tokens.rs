//! What tokens say, and how they are signed and checked.

use std::time::Duration;

use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::keyring::Keyring;
use crate::domain::id::{TokenFamily, UserId};
use crate::domain::time::Timestamp;
use crate::domain::user::NewRefreshToken;

/// The `iss` of every token: a key shared with another service does not open this one.
pub const ISSUER: &str = "hookyard";

/// Seconds by which the clocks of two nodes may differ before a fresh token is taken as expired.
pub const LEEWAY_SECONDS: i64 = 5;

/// Longest token that is looked at, in bytes: ours have about 700 with the largest RSA keys in use.
pub const MAX_TOKEN_BYTES: usize = 4096;

/// What a client gets: sends `access` with each request, and trades `refresh` for the next pair.
#[derive(Clone)]
pub struct TokenPair {
    pub access: String,
    pub refresh: String,
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    Access,
    Refresh,
}

/// Why a token is not accepted. The texts are what callers see.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("Token is expired")]
    Expired,
    /// Malformed, signed by an unknown key, of the wrong kind, used up or revoked.
    #[error("Token is invalid")]
    Invalid,
    #[error("User is inactive or no longer exists")]
    Inactive,
    #[error("a token cannot be signed: {0}")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

/// The claims of a token. Times are seconds since 1970, as RFC 7519 wants them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    pub sub: UserId,
    pub exp: i64,
    pub iat: i64,
    /// The same in milliseconds: `iat` cannot tell a sign-in from a sign-out in the same second.
    pub iat_ms: i64,
    pub jti: Uuid,
    pub token_type: TokenKind,
    pub iss: String,
    /// Only in refresh tokens: the sign-in they descend from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub family: Option<TokenFamily>,
}

impl Claims {
    /// An access token for `user`.
    pub fn access(user: UserId, now: Timestamp, ttl: Duration) -> Self {
        Self {
            sub: user,
            exp: seconds(now.plus(ttl)),
            iat: seconds(now),
            iat_ms: now.as_millis(),
            jti: Uuid::now_v7(),
            token_type: TokenKind::Access,
            iss: ISSUER.to_owned(),
            family: None,
        }
    }

    /// The refresh token that the store knows as `token`.
    pub fn refresh(token: &NewRefreshToken) -> Self {
        Self {
            sub: token.user,
            exp: seconds(token.expires_at),
            iat: seconds(token.issued_at),
            iat_ms: token.issued_at.as_millis(),
            jti: token.id.as_uuid(),
            token_type: TokenKind::Refresh,
            iss: ISSUER.to_owned(),
            family: Some(token.family),
        }
    }
}

impl Claims {
    /// When the token was issued.
    pub fn issued_at(&self) -> Timestamp {
        Timestamp::from_millis(self.iat_ms)
    }
}

fn seconds(moment: Timestamp) -> i64 {
    moment.as_millis().div_euclid(1000)
}

impl Keyring {
    /// Signs claims with the first key.
    pub(super) fn sign(&self, claims: &Claims) -> Result<String, TokenError> {
        let key = self.signing_key();
        let mut header = Header::new(key.algorithm());
        header.kid = Some(key.id().to_owned());
        jsonwebtoken::encode(&header, claims, key.encoding()).map_err(TokenError::Signing)
    }

    /// The claims of a token that one of the keys signed and that has not expired at `now`.
    ///
    /// The token's `kid` picks the key and the key says which algorithm it is used with, so that a
    /// token cannot talk us into checking an HMAC with a public key, or nothing at all.
    pub(super) fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        let key = header
            .kid
            .as_deref()
            .and_then(|kid| self.find(kid))
            .ok_or(TokenError::Invalid)?;
        let validation = validation(key.algorithm());
        let claims = jsonwebtoken::decode::<Claims>(token, key.decoding(), &validation)
            .map_err(|_| TokenError::Invalid)?
            .claims;
        if claims.exp.saturating_add(LEEWAY_SECONDS) <= seconds(now) {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}

fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "iss", "sub"]);
    // The library reads the machine's clock; `Keyring::verify` compares with ours instead.
    validation.validate_exp = false;
    validation
}
