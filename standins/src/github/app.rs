//! The GitHub App: its key, made at start, and the assertions it is known by.

use std::fmt;
use std::sync::OnceLock;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rsa::RsaPrivateKey;
use rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey, LineEnding};
use serde_json::Value;

use hyper::StatusCode;

use super::refusal::{REST, Refusal};
use super::token::{Level, Permissions};

/// Bits of the app's key, as GitHub makes it.
const KEY_BITS: usize = 2_048;

/// The longest an assertion may live, in seconds
/// (<https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app>).
const ASSERTION_SECONDS_MAX: i64 = 600;

/// Seconds by which an assertion's clock may be ahead: GitHub advises to write `iat` 60 s into the past.
const AHEAD_SECONDS_MAX: i64 = 60;

/// Seconds an installation's token lives.
pub const TOKEN_SECONDS: i64 = 3_600;

/// The two halves of the app's key, in PEM.
struct Key {
    private_pem: String,
    public_pem: String,
}

/// A GitHub App installed on the organisation.
pub struct App {
    /// Its number, the `iss` of its assertions.
    pub id: u64,
    /// Its other name, also taken as `iss`.
    pub client_id: String,
    /// Its name in addresses.
    pub slug: String,
    /// The number of its installation.
    pub installation_id: u64,
    /// What the installation allows.
    pub permissions: Permissions,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// Made when first needed: it takes a moment, and most tests use no app.
    key: OnceLock<Option<Key>>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl App {
    /// An app that may do what a backup needs.
    #[must_use]
    pub fn new(now: i64) -> Self {
        let permissions = [
            ("administration", Level::Write),
            ("contents", Level::Write),
            ("metadata", Level::Read),
        ];
        Self {
            id: 300_001,
            client_id: "Iv23.standin".to_owned(),
            slug: "hookyard-standin".to_owned(),
            installation_id: 400_001,
            permissions: permissions
                .into_iter()
                .map(|(name, level)| (name.to_owned(), level))
                .collect(),
            created_at: now,
            key: OnceLock::new(),
        }
    }

    /// The private key in PEM (PKCS#1), as GitHub hands it out; none when the machine has no randomness to give.
    pub fn private_key_pem(&self) -> Option<&str> {
        self.key().map(|key| key.private_pem.as_str())
    }

    fn key(&self) -> Option<&Key> {
        self.key.get_or_init(make_key).as_ref()
    }

    /// Checks an assertion: signature by the app's key, `iss`, `iat`, `exp`.
    pub fn verify(&self, assertion: &str, now: i64) -> Result<(), Refusal> {
        let unauthorized = |message: &str| Refusal::new(StatusCode::UNAUTHORIZED, message).about(REST);
        let undecodable = || unauthorized("A JSON web token could not be decoded");
        let key = self
            .key()
            .and_then(|key| DecodingKey::from_rsa_pem(key.public_pem.as_bytes()).ok())
            .ok_or_else(undecodable)?;
        let mut validation = Validation::new(Algorithm::RS256);
        // The times are checked below, in GitHub's words and against the stand-in's clock.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let claims: Value = jsonwebtoken::decode(assertion, &key, &validation)
            .map_err(|_| undecodable())?
            .claims;
        let iat = claims["iat"]
            .as_i64()
            .filter(|iat| *iat <= now + AHEAD_SECONDS_MAX);
        let iat = iat.ok_or_else(|| {
            unauthorized(
                "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
            )
        })?;
        let exp = claims["exp"].as_i64().filter(|exp| *exp > now).ok_or_else(|| {
            unauthorized(
                "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the \
                 assertion expires",
            )
        })?;
        if exp - iat > ASSERTION_SECONDS_MAX + AHEAD_SECONDS_MAX || exp > now + ASSERTION_SECONDS_MAX {
            return Err(unauthorized(
                "'Expiration time' claim ('exp') is too far in the future",
            ));
        }
        let issuer = &claims["iss"];
        let known = *issuer == self.id
            || issuer.as_str() == Some(&self.client_id)
            || issuer.as_str().is_some_and(|text| text == self.id.to_string());
        if !known {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "Integration not found").about(REST));
        }
        Ok(())
    }
}

fn make_key() -> Option<Key> {
    let private = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, KEY_BITS).ok()?;
    let public_pem = private.to_public_key().to_pkcs1_pem(LineEnding::LF).ok()?;
    let private_pem = private.to_pkcs1_pem(LineEnding::LF).ok()?.to_string();
    Some(Key {
        private_pem,
        public_pem,
    })
}
