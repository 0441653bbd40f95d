//! What handlers take from a request: who asks, from where, and the query.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};

use super::{ApiState, Problem};
use crate::domain::access::Right;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::intake::IdempotencyKey;
use crate::intake::once::IDEMPOTENCY_KEY;

/// The active user whose access token came with the request, whatever its role.
pub struct CurrentUser(pub User);

impl FromRequestParts<ApiState> for CurrentUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)?;
        let user = state.auth.authenticate(token).await?;
        state.auth.rates.user(user.id)?;
        Ok(Self(user))
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

/// Extractors of a [`CurrentUser`] who has a right: what a handler takes says what it needs.
macro_rules! allowed {
    ($($(#[$doc:meta])* $name:ident = $right:expr;)+) => {$(
        $(#[$doc])*
        pub struct $name(pub User);

        impl FromRequestParts<ApiState> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
                let CurrentUser(user) = CurrentUser::from_request_parts(parts, state).await?;
                if user.may($right) {
                    Ok(Self(user))
                } else {
                    Err(not_allowed(&user, $right))
                }
            }
        }
    )+};
}

allowed! {
    /// A user who may bring events in.
    MaySend = Right::Send;
    /// A user who may see what others sent, and how plugins stand.
    MayRead = Right::Read;
    /// A user who may change what runs.
    MayOperate = Right::Operate;
    /// A user who may manage accounts and keys, and read the audit log.
    MayAdminister = Right::Administer;
}

/// Who asks has not this right.
pub(crate) fn not_allowed(user: &User, right: Right) -> Problem {
    // The text that clients of the old service know.
    let detail = "You do not have permission to perform this action.";
    Problem::new(StatusCode::FORBIDDEN, "not-allowed", detail)
        .with("role", user.role.as_str())
        .with("needs", right.as_str())
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
    /// These, as if they had come in a query.
    #[must_use]
    pub fn of(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

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

    /// A moment with a zone, when it is given.
    ///
    /// # Errors
    /// When it is no such moment.
    pub fn moment(&self, name: &'static str) -> Result<Option<Timestamp>, Problem> {
        let why = "must be a moment with a zone such as 2026-08-01T12:00:00Z (a + is written %2B in a query)";
        self.get(name)
            .map(|text| Timestamp::parse(text).map_err(|_| Problem::bad_parameter(name, why)))
            .transpose()
    }

    /// The same, with this parameter where none of its name is there.
    #[must_use]
    pub fn or(mut self, name: &str, value: &str) -> Self {
        if self.given(name).is_none() {
            self.0.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// The query with `page` set to this one.
    #[must_use]
    pub fn with_page(&self, page: u32) -> String {
        self.without(&["page"]).with("page", &page.to_string())
    }

    /// The same without the parameters of these names.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(key, _)| !names.contains(&key.as_str()));
        Self(kept.cloned().collect())
    }

    /// Those of these names alone, as far as they say something.
    #[must_use]
    pub fn only(&self, names: &[&str]) -> Self {
        let kept = names.iter().filter_map(|name| {
            let value = self.get(name)?;
            Some(((*name).to_owned(), value.to_owned()))
        });
        Self(kept.collect())
    }

    /// The query with one more parameter.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> String {
        let mut query = self.serializer();
        query.append_pair(name, value);
        query.finish()
    }

    /// The query.
    #[must_use]
    pub fn query(&self) -> String {
        self.serializer().finish()
    }

    fn serializer(&self) -> url::form_urlencoded::Serializer<'static, String> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.0);
        query
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
