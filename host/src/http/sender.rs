//! Who sends a webhook: a person's access token, or a program's API key. Only the paths that receive take keys.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};

use super::extract::{MaySend, Peer, bearer};
use super::{ApiState, Problem};
use crate::domain::api_key::{PREFIX, SourceScope};
use crate::domain::user::User;

/// Where a key may stand beside `Authorization: Bearer`.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Whose event it will be, and which sources may be named. Who is not known is counted.
pub struct Sender {
    pub user: User,
    pub sources: SourceScope,
}

impl FromRequestParts<ApiState> for Sender {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let found = Self::of(parts, state).await;
        if let Err(problem) = &found
            && problem.status() == StatusCode::UNAUTHORIZED
        {
            state.metrics.webhook_unauthorized();
        }
        found
    }
}

impl Sender {
    async fn of(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let Some(key) = api_key(&parts.headers)? else {
            let MaySend(user) = MaySend::from_request_parts(parts, state).await?;
            let sources = SourceScope::default();
            return Ok(Self { user, sources });
        };
        let key = key.to_owned();
        let Peer(from) = Peer::from_request_parts(parts, state).await?;
        let known = state.auth.authenticate_key(&key, from).await?;
        state.auth.rates.key(&known.key)?;
        Ok(Self {
            user: known.owner,
            sources: known.key.sources,
        })
    }
}

/// The API key that came with the request, if one did. Beside a token, an `X-API-Key` that is none of ours is
/// somebody else's affair.
fn api_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    if let Some(value) = headers.get(X_API_KEY) {
        // What is no text is no key either.
        let key = value.to_str().unwrap_or_default().trim();
        if key.starts_with(PREFIX) || !headers.contains_key(AUTHORIZATION) {
            return Ok(Some(key));
        }
    }
    let token = bearer(headers)?;
    Ok(token.starts_with(PREFIX).then_some(token))
}
