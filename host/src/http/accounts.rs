//! Accounts and tokens: the paths below `/api/auth/`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::body::Form;
use super::extract::{CurrentUser, Peer};
use super::origin::Origin;
use super::problem::ProblemBody;
use super::{ApiState, Problem};
use crate::auth::{NewAccount, TokenPair};
use crate::domain::access::Role;
use crate::domain::audit::Action;
use crate::domain::user::User;
use crate::secret::Secret;

/// An account to be made.
#[derive(Deserialize, ToSchema)]
pub struct RegisterRequest {
    /// Letters, digits and `@.+-_`, at most 150; unique without regard to case.
    #[schema(example = "ada")]
    pub username: String,
    #[schema(example = "ada@example.org")]
    pub email: String,
    /// At least 8 characters, not only digits, not much like the username or e-mail address, and
    /// not one of the most used.
    pub password: String,
    /// When given it must equal `password`.
    pub password2: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
}

/// A new account.
#[derive(Serialize, ToSchema)]
pub struct Registered {
    pub id: String,
    pub username: String,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
}

/// Make an account
///
/// Its role is `sender`: it sends events, and sees those that it sent itself.
#[utoipa::path(post, path = "/api/auth/register/", tag = "accounts", request_body = RegisterRequest,
    responses(
        (status = 201, description = "The account was made", body = Registered),
        (status = 400, description = "A field is wrong; each wrong field is also a member with a list of texts",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Registration is closed", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 429, description = "Too many accounts from this address; see `Retry-After`",
         body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn register(
    State(state): State<ApiState>,
    Peer(from): Peer,
    origin: Origin,
    mut form: Form,
) -> Result<(StatusCode, Json<Registered>), Problem> {
    let account = NewAccount {
        username: form.required("username"),
        email: form.required("email"),
        password: Secret::new(form.required("password")),
        first_name: form.optional("first_name").unwrap_or_default(),
        last_name: form.optional("last_name").unwrap_or_default(),
        role: Role::Sender,
    };
    let repeated = form.optional("password2");
    if repeated.is_some_and(|repeated| repeated != account.password.expose()) {
        form.wrong("password", "Password fields didn't match.");
    }
    form.finish()?;
    let user = state.auth.register(account, from).await?;
    origin
        .note(&state, &user, Action::UserRegister, &user.username, json!({}))
        .await?;
    Ok((StatusCode::CREATED, Json(user.into())))
}

impl From<User> for Registered {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            username: user.username,
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
        }
    }
}

/// What one signs in with.
#[derive(Deserialize, ToSchema)]
pub struct TokenRequest {
    #[schema(example = "ada")]
    pub username: String,
    pub password: String,
}

/// A refresh token to be traded.
#[derive(Deserialize, ToSchema)]
pub struct RefreshRequest {
    pub refresh: String,
}

/// Tokens (JWT).
#[derive(Serialize, ToSchema)]
pub struct Tokens {
    /// Goes with each request as `Authorization: Bearer …`.
    pub access: String,
    /// Trades for the next pair at `/api/auth/token/refresh/`, once.
    pub refresh: String,
}

impl From<TokenPair> for Tokens {
    fn from(pair: TokenPair) -> Self {
        Self {
            access: pair.access,
            refresh: pair.refresh,
        }
    }
}

/// Sign in
#[utoipa::path(post, path = "/api/auth/token/", tag = "accounts", request_body = TokenRequest, responses(
    (status = 200, description = "Signed in", body = Tokens),
    (status = 400, description = "A field is missing", body = ProblemBody, content_type = "application/problem+json"),
    (status = 401, description = "No such user, a wrong password or an inactive account: one answer for all",
     body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too many failed tries for this account or from this address; see `Retry-After`",
     body = ProblemBody, content_type = "application/problem+json"),
))]
pub async fn token(
    State(state): State<ApiState>,
    Peer(from): Peer,
    mut form: Form,
) -> Result<Json<Tokens>, Problem> {
    let username = form.required("username");
    let password = Secret::new(form.required("password"));
    form.finish()?;
    let pair = state.auth.sign_in(&username, &password, from).await?;
    Ok(Json(pair.into()))
}

/// Trade a refresh token for new tokens
///
/// A refresh token works once. When one comes a second time it was copied, so all tokens that descend
/// from the same sign-in are refused from then on.
#[utoipa::path(post, path = "/api/auth/token/refresh/", tag = "accounts", request_body = RefreshRequest, responses(
    (status = 200, description = "The next pair", body = Tokens),
    (status = 400, description = "The field is missing", body = ProblemBody, content_type = "application/problem+json"),
    (status = 401, description = "Expired, used before, revoked or no refresh token", body = ProblemBody,
     content_type = "application/problem+json"),
))]
pub async fn refresh(State(state): State<ApiState>, mut form: Form) -> Result<Json<Tokens>, Problem> {
    let refresh = Secret::new(form.required("refresh"));
    form.finish()?;
    let pair = state.auth.refresh(&refresh).await?;
    Ok(Json(pair.into()))
}

/// Who one is.
#[derive(Serialize, ToSchema)]
pub struct Profile {
    pub id: String,
    pub username: String,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    /// RFC 3339.
    pub date_joined: String,
    /// `admin`, `operator`, `viewer` or `sender`.
    pub role: &'static str,
    /// Whether one sees every event: the role is not `sender`.
    pub is_staff: bool,
}

/// The account that the token speaks for
#[utoipa::path(get, path = "/api/auth/profile/", tag = "accounts", security(("bearer" = [])), responses(
    (status = 200, description = "The account", body = Profile),
    (status = 401, description = "No token, or one that is expired or wrong; see `WWW-Authenticate`",
     body = ProblemBody, content_type = "application/problem+json"),
))]
pub async fn profile(CurrentUser(user): CurrentUser) -> Json<Profile> {
    Json(Profile {
        id: user.id.to_string(),
        role: user.role.as_str(),
        is_staff: user.is_staff(),
        username: user.username,
        email: user.email,
        first_name: user.first_name,
        last_name: user.last_name,
        date_joined: user.date_joined.to_string(),
    })
}

/// Sign out everywhere
///
/// Every access and refresh token of the account stops working at once. API keys go on.
#[utoipa::path(post, path = "/api/auth/sign-out/", tag = "accounts", security(("bearer" = [])), responses(
    (status = 204, description = "Signed out"),
    (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
     content_type = "application/problem+json"),
))]
pub async fn sign_out(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    origin: Origin,
) -> Result<StatusCode, Problem> {
    state.auth.sign_out(user.id).await?;
    origin
        .note(&state, &user, Action::UserSignOut, &user.username, json!({}))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
