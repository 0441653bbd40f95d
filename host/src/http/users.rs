//! Accounts as admins see and change them: the paths below `/api/users/`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Form;
use super::created::created;
use super::doer::Doer;
use super::extract::{MayAdminister, Params};
use super::origin::Origin;
use super::page::{self, Links};
use super::problem::ProblemBody;
use super::{ApiState, Problem};
use crate::auth::{NewAccount, UserChange};
use crate::domain::access::Role;
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::secret::Secret;

/// An account, as admins see it.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    pub id: String,
    pub username: String,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    /// `admin`, `operator`, `viewer` or `sender`.
    pub role: &'static str,
    /// Whether it can sign in.
    pub is_active: bool,
    /// RFC 3339.
    pub date_joined: String,
    pub last_login: Option<String>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            role: user.role.as_str(),
            is_active: user.is_active,
            date_joined: user.date_joined.to_string(),
            last_login: user.last_login.map(|at| at.to_string()),
            username: user.username,
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
        }
    }
}

/// A page of accounts.
#[derive(Serialize, ToSchema)]
pub struct UserPage {
    pub count: u64,
    pub next: Option<String>,
    pub previous: Option<String>,
    pub results: Vec<UserView>,
}

/// An account to be made by an admin.
#[derive(Deserialize, ToSchema)]
pub struct UserRequest {
    pub username: String,
    pub email: String,
    pub password: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// `admin`, `operator`, `viewer` or `sender`; `sender` when not given.
    pub role: Option<String>,
}

/// What is to be changed; what is not given stays.
#[derive(Deserialize, ToSchema)]
pub struct UserChangeRequest {
    /// `admin`, `operator`, `viewer` or `sender`.
    pub role: Option<String>,
    /// An inactive account cannot sign in, and its tokens and keys stop working.
    pub is_active: Option<bool>,
    /// Ends the account's sessions.
    pub password: Option<String>,
}

/// List accounts by name
#[utoipa::path(get, path = "/api/users/", tag = "users", security(("bearer" = [])),
    params(
        ("page" = Option<u32>, Query, minimum = 1, description = "1 is the first"),
        ("page_size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "20 when not given"),
    ),
    responses(
        (status = 200, description = "One page", body = UserPage),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "Not an admin", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such page", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn list(
    State(state): State<ApiState>,
    _: MayAdminister,
    params: Params,
    headers: HeaderMap,
) -> Result<Json<UserPage>, Problem> {
    let page = page::request(&params)?;
    let found = state.store.user_page(page).await?;
    let links = Links::of(&state, "/api/users/", &headers, &params, page, found.total)?;
    Ok(Json(UserPage {
        count: found.total,
        next: links.next,
        previous: links.previous,
        results: found.items.into_iter().map(Into::into).collect(),
    }))
}

/// Make an account of any role
///
/// Works whether or not registration is open.
#[utoipa::path(post, path = "/api/users/", tag = "users", security(("bearer" = [])), request_body = UserRequest,
    responses(
        (status = 201, description = "The account was made; `Location` has its address", body = UserView),
        (status = 400, description = "A field is wrong; each wrong field is also a member with a list of texts",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "Not an admin", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn create(
    State(state): State<ApiState>,
    MayAdminister(admin): MayAdminister,
    origin: Origin,
    form: Form,
) -> Result<Response, Problem> {
    let doer = Doer { user: admin, origin };
    let user = doer.create_user(&state, account(form)?).await?;
    created(&format!("/api/users/{}/", user.id), UserView::from(user))
}

/// One account
#[utoipa::path(get, path = "/api/users/{id}/", tag = "users", security(("bearer" = [])),
    params(("id" = String, Path, description = "The account's id")),
    responses(
        (status = 200, description = "The account", body = UserView),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "Not an admin", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such account", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn detail(
    State(state): State<ApiState>,
    _: MayAdminister,
    Path(id): Path<String>,
) -> Result<Json<UserView>, Problem> {
    let found = state.store.user(user_id(&id)?).await?;
    found
        .map(|user| Json(user.into()))
        .ok_or_else(|| Problem::no_such("user"))
}

/// Change the role, the activity or the password of an account
///
/// The last active admin stays one: 409.
#[utoipa::path(patch, path = "/api/users/{id}/", tag = "users", security(("bearer" = [])),
    params(("id" = String, Path, description = "The account's id")), request_body = UserChangeRequest,
    responses(
        (status = 200, description = "As it is now", body = UserView),
        (status = 400, description = "A field is wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "Not an admin", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such account", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "It is the last active admin", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn change(
    State(state): State<ApiState>,
    MayAdminister(admin): MayAdminister,
    origin: Origin,
    Path(id): Path<String>,
    form: Form,
) -> Result<Json<UserView>, Problem> {
    let id = user_id(&id)?;
    let doer = Doer { user: admin, origin };
    let changed = doer.change_user(&state, id, user_change(form)?).await?;
    Ok(Json(changed.into()))
}

/// The account that a form describes.
pub(crate) fn account(mut form: Form) -> Result<NewAccount, Problem> {
    let account = NewAccount {
        username: form.required("username"),
        email: form.required("email"),
        password: Secret::new(form.required("password")),
        first_name: form.optional("first_name").unwrap_or_default(),
        last_name: form.optional("last_name").unwrap_or_default(),
        role: form.parsed("role").unwrap_or(Role::Sender),
    };
    form.finish()?;
    Ok(account)
}

/// What a form changes of an account.
pub(crate) fn user_change(mut form: Form) -> Result<UserChange, Problem> {
    let change = UserChange {
        role: form.parsed("role"),
        is_active: form.flag("is_active"),
        password: form.optional("password").map(Secret::new),
    };
    form.finish()?;
    Ok(change)
}

/// Sign an account out everywhere
///
/// Its access and refresh tokens stop working at once. API keys go on: revoke them apart.
#[utoipa::path(post, path = "/api/users/{id}/sign-out/", tag = "users", security(("bearer" = [])),
    params(("id" = String, Path, description = "The account's id")),
    responses(
        (status = 204, description = "Signed out"),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "Not an admin", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such account", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn sign_out(
    State(state): State<ApiState>,
    MayAdminister(admin): MayAdminister,
    origin: Origin,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let doer = Doer { user: admin, origin };
    doer.sign_user_out(&state, user_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The id in a path. One that cannot be an account's names none.
pub(crate) fn user_id(text: &str) -> Result<UserId, Problem> {
    text.parse().map_err(|_| Problem::no_such("user"))
}
