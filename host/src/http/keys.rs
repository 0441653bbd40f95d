//! API keys of senders: the paths below `/api/keys/`, for admins.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Form;
use super::doer::Doer;
use super::extract::{MayAdminister, Params};
use super::origin::Origin;
use super::page::{self, Links};
use super::problem::ProblemBody;
use super::{ApiState, Problem};
use crate::auth::KeyRequest;
use crate::domain::access::Right;
use crate::domain::api_key::{ApiKey, ApiKeyId, MAX_NAME_CHARS, SourceScope};
use crate::domain::time::Timestamp;
use crate::domain::user::User;

/// An API key, without its secret part.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct KeyView {
    /// The six characters after `hk_`.
    pub id: String,
    pub name: String,
    /// The account whose events come with it.
    pub owner: String,
    /// Names and globs of the sources it may name; empty: all.
    pub sources: Vec<String>,
    /// Its own limit, such as `600/min`.
    pub rate: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    pub created_by: String,
    pub expires_at: Option<String>,
    pub revoked_at: Option<String>,
    pub revoked_by: Option<String>,
    /// By up to a minute behind on other nodes.
    pub last_used_at: Option<String>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            owner: key.owner.to_string(),
            sources: key.sources.globs().map(str::to_owned).collect(),
            rate: key.rate.map(|rate| rate.to_string()),
            created_at: key.created_at.to_string(),
            created_by: key.created_by,
            expires_at: key.expires_at.map(|at| at.to_string()),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
            revoked_by: key.revoked_by,
            last_used_at: key.last_used_at.map(|at| at.to_string()),
            name: key.name,
        }
    }
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
pub struct NewKeyView {
    #[serde(flatten)]
    pub view: KeyView,
    /// The key itself. It is shown this once and kept nowhere.
    pub key: String,
}

/// A page of keys.
#[derive(Serialize, ToSchema)]
pub struct KeyPage {
    pub count: u64,
    pub next: Option<String>,
    pub previous: Option<String>,
    pub results: Vec<KeyView>,
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
pub struct NewKeyRequest {
    /// What it is for; at most 100 characters.
    #[schema(example = "the shop's server")]
    pub name: String,
    /// Username of the account whose events come with it; yours when not given.
    pub owner: Option<String>,
    /// Names and globs of the sources it may name; all when not given or empty.
    #[schema(example = json!(["shop-*"]))]
    pub sources: Option<Vec<String>>,
    /// Its own limit, such as `600/min`, in place of the one for all keys.
    pub rate: Option<String>,
    /// RFC 3339; never when not given.
    pub expires_at: Option<String>,
}

/// List API keys, newest first, revoked ones too
#[utoipa::path(get, path = "/api/keys/", tag = "keys", security(("bearer" = [])),
    params(
        ("page" = Option<u32>, Query, minimum = 1, description = "1 is the first"),
        ("page_size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "20 when not given"),
    ),
    responses(
        (status = 200, description = "One page", body = KeyPage),
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
) -> Result<Json<KeyPage>, Problem> {
    let page = page::request(&params)?;
    let found = state.auth.keys.page(page).await?;
    let links = Links::of(&state, "/api/keys/", &headers, &params, page, found.total)?;
    Ok(Json(KeyPage {
        count: found.total,
        next: links.next,
        previous: links.previous,
        results: found.items.into_iter().map(Into::into).collect(),
    }))
}

/// Make an API key
///
/// It can send webhooks and nothing else. The answer shows it once.
#[utoipa::path(post, path = "/api/keys/", tag = "keys", security(("bearer" = [])), request_body = NewKeyRequest,
    responses(
        (status = 201, description = "The key", body = NewKeyView),
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
) -> Result<(StatusCode, Json<NewKeyView>), Problem> {
    let request = requested(&state, &admin, form).await?;
    let doer = Doer { user: admin, origin };
    let made = doer.create_key(&state, request).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// The key that a form of this admin describes.
pub(crate) async fn requested(state: &ApiState, admin: &User, mut form: Form) -> Result<KeyRequest, Problem> {
    let owner = match form.optional("owner") {
        Some(name) => state.store.user_by_name(&name).await?.map(|(user, _)| user),
        None => Some(admin.clone()),
    };
    match &owner {
        None => form.wrong("owner", "There is no such user."),
        Some(user) if !user.may(Right::Send) => form.wrong("owner", "This account may not send."),
        Some(_) => {}
    }
    let name = form.required("name");
    if name.chars().count() > MAX_NAME_CHARS {
        form.wrong("name", "Ensure this field has no more than 100 characters.");
    }
    let sources = SourceScope::new(&form.texts("sources")).unwrap_or_else(|wrong| {
        form.wrong("sources", &format!("{wrong}."));
        SourceScope::default()
    });
    let rate = form.parsed("rate");
    let expires_at = form.optional("expires_at").and_then(|text| {
        let moment = Timestamp::parse(&text);
        if moment.is_err() {
            form.wrong(
                "expires_at",
                "Not a moment with a zone, such as 2027-01-01T00:00:00Z.",
            );
        }
        moment.ok()
    });
    form.finish()?;
    Ok(KeyRequest {
        name,
        // Found, or the form would not have finished.
        owner: owner.unwrap_or_else(|| admin.clone()),
        sources,
        rate,
        expires_at,
        by: admin.username.clone(),
    })
}

/// Revoke an API key, for good
///
/// It stops working here at once, on other nodes within a second. It stays in the list.
#[utoipa::path(delete, path = "/api/keys/{id}/", tag = "keys", security(("bearer" = [])),
    params(("id" = String, Path, description = "The six characters after `hk_`")),
    responses(
        (status = 200, description = "The key as it is now; also when it was revoked before", body = KeyView),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "Not an admin", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such key", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn revoke(
    State(state): State<ApiState>,
    MayAdminister(admin): MayAdminister,
    origin: Origin,
    Path(id): Path<String>,
) -> Result<Json<KeyView>, Problem> {
    let doer = Doer { user: admin, origin };
    let key = doer.revoke_key(&state, &key_id(&id)?).await?;
    Ok(Json(key.into()))
}

/// The id in a path. A text that is none names no key.
pub(crate) fn key_id(text: &str) -> Result<ApiKeyId, Problem> {
    text.parse().map_err(|_| Problem::no_such("API key"))
}
