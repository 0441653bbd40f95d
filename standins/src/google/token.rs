//! `POST /token`: a signed assertion for an access token (RFC 7523), as
//! <https://developers.google.com/identity/protocols/oauth2/service-account> describes it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::Shared;
use super::answering::Answered;
use super::state::{State, Token};
use crate::wire::{Received, Reply};

/// The grant type of an assertion.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The audience that Google's page names; its own libraries write it whatever `token_uri` the key file has.
const GOOGLES_AUDIENCE: &str = "https://oauth2.googleapis.com/token";

/// The longest life of an assertion, in seconds.
const LIFE_MAX_S: i64 = 3_600;

/// How far an assertion's `iat` may lie ahead of Google's clock, in seconds.
const AHEAD_MAX_S: i64 = 300;

/// What the answer says of an access token's life, in seconds.
pub const EXPIRES_IN_S: i64 = 3_599;

/// A refusal in the form of RFC 6749, section 5.2.
#[derive(Clone, Debug)]
pub struct Denied {
    status: StatusCode,
    error: String,
    description: String,
}

fn denied(error: &str, description: impl Into<String>) -> Denied {
    Denied {
        status: StatusCode::BAD_REQUEST,
        error: error.to_owned(),
        description: description.into(),
    }
}

fn invalid_grant(description: &str) -> Denied {
    denied("invalid_grant", description)
}

/// Answers a request for a token.
pub fn answer(shared: &Shared, received: &Received) -> Answered {
    if received.method != Method::POST {
        let mut reply = Reply::text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
        reply = reply.with(hyper::header::ALLOW, "POST");
        return Answered::of(reply, Some("method_not_allowed".to_owned()));
    }
    match grant(shared, received) {
        Ok(token) => Answered::of(
            Reply::json(
                StatusCode::OK,
                &json!({"access_token": token, "expires_in": EXPIRES_IN_S, "token_type": "Bearer"}),
            ),
            None,
        ),
        Err(refused) => refusal(refused.status, &refused.error, &refused.description),
    }
}

/// A refusal of the token endpoint.
pub fn refusal(status: StatusCode, error: &str, description: &str) -> Answered {
    let body = json!({"error": error, "error_description": description});
    Answered::of(
        Reply::json(status, &body),
        Some(format!("{error}: {description}")),
    )
}

fn grant(shared: &Shared, received: &Received) -> Result<String, Denied> {
    let form = received
        .header("content-type")
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| {
            kind.trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
    if !form {
        return Err(denied(
            "invalid_request",
            "Required parameter is missing: grant_type",
        ));
    }
    let fields: BTreeMap<String, String> = url::form_urlencoded::parse(&received.body).into_owned().collect();
    match fields.get("grant_type").map(String::as_str) {
        None | Some("") => {
            return Err(denied(
                "invalid_request",
                "Required parameter is missing: grant_type",
            ));
        }
        Some(GRANT) => {}
        Some(other) => {
            return Err(denied(
                "unsupported_grant_type",
                format!("Invalid grant_type: {other}"),
            ));
        }
    }
    let assertion = fields.get("assertion").map(String::as_str).unwrap_or_default();
    if assertion.is_empty() {
        return Err(denied(
            "invalid_request",
            "Required parameter is missing: assertion",
        ));
    }
    let mut state = shared.state();
    let token = check(shared, &state, assertion)?;
    Ok(state.issue(token))
}

fn check(shared: &Shared, state: &State, assertion: &str) -> Result<Token, Denied> {
    let malformed = || invalid_grant("Bad Request");
    let (message, signature) = assertion.rsplit_once('.').ok_or_else(malformed)?;
    let (header, claims) = message.split_once('.').ok_or_else(malformed)?;
    let header = decode(header).ok_or_else(malformed)?;
    let claims = decode(claims).ok_or_else(malformed)?;
    if header["alg"] != "RS256" {
        return Err(invalid_grant("Invalid JWT: Unsupported algorithm."));
    }
    if claims["iss"] != state.account.email.as_str() {
        return Err(invalid_grant("Invalid grant: account not found"));
    }
    let key_known = header["kid"]
        .as_str()
        .is_none_or(|kid| kid == state.account.key_id);
    if state.account.revoked || !key_known || !state.account.signed(message, signature) {
        return Err(invalid_grant("Invalid JWT Signature."));
    }
    if claims["aud"] != format!("{}/token", shared.base_url) && claims["aud"] != GOOGLES_AUDIENCE {
        return Err(invalid_grant("Invalid JWT: Failed audience check."));
    }
    check_times(&claims, state.now_s())?;
    let scopes = scopes(shared, &claims)?;
    let email = subject(state, &claims)?;
    Ok(Token {
        delegated: email != state.account.email,
        email,
        scopes,
        expires_s: state.now_s() + EXPIRES_IN_S,
    })
}

fn decode(part: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

/// Both times are numbers; the life is an hour at most and holds the present.
fn check_times(claims: &Value, now: i64) -> Result<(), Denied> {
    let fits = match (claims["iat"].as_i64(), claims["exp"].as_i64()) {
        (Some(iat), Some(exp)) => {
            exp > iat && exp - iat <= LIFE_MAX_S && iat <= now + AHEAD_MAX_S && exp > now
        }
        _ => false,
    };
    fits.then_some(()).ok_or_else(|| {
        invalid_grant(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
             Check your iat and exp values in the JWT claim.",
        )
    })
}

fn scopes(shared: &Shared, claims: &Value) -> Result<Vec<String>, Denied> {
    let scopes: Vec<String> = claims["scope"]
        .as_str()
        .unwrap_or_default()
        .split_ascii_whitespace()
        .map(str::to_owned)
        .collect();
    if scopes.is_empty() || scopes.iter().any(|scope| !shared.contract.scopes.contains(scope)) {
        return Err(denied(
            "invalid_scope",
            "Invalid OAuth scope or ID token audience provided.",
        ));
    }
    Ok(scopes)
}

fn subject(state: &State, claims: &Value) -> Result<String, Denied> {
    let Some(subject) = claims["sub"].as_str().filter(|sub| *sub != state.account.email) else {
        return Ok(state.account.email.clone());
    };
    match state.users.get(subject) {
        Some(true) => Ok(subject.to_owned()),
        Some(false) => Err(Denied {
            status: StatusCode::UNAUTHORIZED,
            ..denied(
                "unauthorized_client",
                "Client is unauthorized to retrieve access tokens using this method, or client not \
                 authorized for any of the scopes requested.",
            )
        }),
        None => Err(invalid_grant("Invalid email or User ID")),
    }
}
