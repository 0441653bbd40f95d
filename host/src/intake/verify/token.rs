//! The secret itself comes with the request. Only its digest is looked at, so that comparing tells
//! nothing of it by time, and a refused request can be kept without it.

use ::http::header::AUTHORIZATION;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::super::presented::{Digest, Presented};
use super::{keys, malformed};
use crate::domain::rejected::{Check, Rejection};
use crate::domain::source::scheme::TokenScheme;
use crate::secret::Secret;

/// The parameter of the query that may have the token (RFC 6750, section 2.3).
pub const TOKEN_PARAMETER: &str = "access_token";

/// The digest of what the request presents.
pub(super) fn presented(scheme: &TokenScheme, request: &Presented) -> Result<Digest, Rejection> {
    if let Some(digest) = request.credential {
        return Ok(digest);
    }
    let authorization = || request.needed(AUTHORIZATION.as_str());
    match scheme {
        TokenScheme::Header(name) => Ok(digest(request.needed(name)?.as_bytes())),
        TokenScheme::Bearer { query } => {
            let parameter = query.then(|| request.parameter(TOKEN_PARAMETER)).flatten();
            match parameter {
                Some(token) if !request.headers.contains_key(AUTHORIZATION) => Ok(digest(token.as_bytes())),
                _ => Ok(digest(after_scheme(authorization()?, "Bearer")?.as_bytes())),
            }
        }
        TokenScheme::Basic => {
            let text = after_scheme(authorization()?, "Basic")?;
            let bytes = keys::base64(text).ok_or_else(|| malformed("after `Basic` comes no Base64"))?;
            Ok(digest(&bytes))
        }
    }
}

/// What comes after the scheme's name (RFC 9110, section 11.4), which is matched without regard to case.
fn after_scheme<'a>(value: &'a str, scheme: &str) -> Result<&'a str, Rejection> {
    let parts = value.split_once(' ');
    let found = parts.filter(|(name, _)| name.eq_ignore_ascii_case(scheme));
    found
        .map(|(_, rest)| rest.trim())
        .ok_or_else(|| malformed(format!("the header authorization is not `{scheme} …`")))
}

pub(super) fn check(presented: &Digest, secrets: &[Secret]) -> Result<(), Rejection> {
    let matches = |secret: &Secret| bool::from(digest(secret.expose().as_bytes()).ct_eq(presented));
    // Every one, so that the time does not tell which it was.
    if secrets.iter().filter(|secret| matches(secret)).count() > 0 {
        Ok(())
    } else {
        let why = "what was presented is none of the source's secrets";
        Err(Rejection::new(Check::Credential, why))
    }
}

fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}
