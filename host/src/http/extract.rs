//! What handlers take from a request: who asks, from where, and the query.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};

use super::{ApiState, Problem};
use crate::domain::user::User;
use crate::intake::IdempotencyKey;
use crate::intake::once::IDEMPOTENCY_KEY;

/// The active user whose access token came with the request.
pub struct CurrentUser(pub User);

impl FromRequestParts<ApiState> for CurrentUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)?;
        let user = state.auth.authenticate(token).await?;
        Ok(Self(user))
    }
}

/// A [`CurrentUser`] who sends a webhook; who has no valid token is counted.
pub struct Sender(pub User);

impl FromRequestParts<ApiState> for Sender {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        match CurrentUser::from_request_parts(parts, state).await {
            Ok(CurrentUser(user)) => Ok(Self(user)),
            Err(problem) => {
                if problem.status() == StatusCode::UNAUTHORIZED {
                    state.metrics.webhook_unauthorized();
                }
                Err(problem)
            }
        }
    }
}

/// The `Idempotency-Key` of a request that has one.
pub struct OnceOnly(pub Option<IdempotencyKey>);

impl<S: Sync> FromRequestParts<S> for OnceOnly {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let value = parts.headers.get(IDEMPOTENCY_KEY);
        let key = value
            .map(|value| IdempotencyKey::read(value.as_bytes()))
            .transpose();
        key.map(Self).map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "bad-idempotency-key",
                format!("{error}."),
            )
        })
    }
}

/// A [`CurrentUser`] who is staff.
pub struct StaffUser(pub User);

impl FromRequestParts<ApiState> for StaffUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let CurrentUser(user) = CurrentUser::from_request_parts(parts, state).await?;
        if user.is_staff {
            Ok(Self(user))
        } else {
            let detail = "You do not have permission to perform this action.";
            Err(Problem::new(StatusCode::FORBIDDEN, "staff-only", detail))
        }
    }
}

/// The token of `Authorization: Bearer …` (RFC 6750 section 2.1; never from the query or a form).
pub(super) fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get(AUTHORIZATION).ok_or_else(Problem::no_token)?;
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().split_once(' '))
        .ok_or_else(Problem::no_token)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim())
    } else {
        Err(Problem::no_token())
    }
}

/// The address of whoever holds the connection. Headers that proxies add are not believed.
pub struct Peer(pub IpAddr);

impl FromRequestParts<ApiState> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &ApiState) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|ConnectInfo(address)| Self(address.ip()))
            .ok_or_else(|| Problem::internal("the server did not note the peer's address"))
    }
}

/// The parameters of the query. Of one that comes twice the last counts; empty ones count as absent
/// in [`Params::get`].
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// A parameter that is there and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.given(name).filter(|value| !value.is_empty())
    }

    /// A parameter that is there.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The query with `page` set to this one.
    #[must_use]
    pub fn with_page(&self, page: u32) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.0.iter().filter(|(key, _)| key != "page"));
        query.append_pair("page", &page.to_string());
        query.finish()
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        Ok(Self(pairs.collect()))
    }
}
