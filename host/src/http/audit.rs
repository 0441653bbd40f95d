//! The audit log, for admins.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{MayAdminister, Params};
use super::page::{self, Links};
use super::problem::ProblemBody;
use super::{ApiState, Problem};
use crate::domain::access::Role;
use crate::domain::audit::{AuditEntry, AuditFilter};

/// One change by a person.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct AuditView {
    pub id: String,
    /// RFC 3339.
    pub at: String,
    /// A username; `cli:` and the operating system's user for a command.
    #[schema(example = "ada")]
    pub actor: String,
    /// The account's role at that time; null for a command.
    pub role: Option<&'static str>,
    /// `http` or `cli`.
    pub via: &'static str,
    /// Where the request came from.
    pub address: Option<String>,
    /// What was done.
    #[schema(example = "plugin.disable")]
    pub action: String,
    /// What it was done to.
    #[schema(example = "slack-sdk")]
    pub target: String,
    /// What else there is to say; never a secret or a body.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
    /// The `X-Request-Id` of the answer.
    pub request_id: Option<String>,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        let actor = entry.actor;
        Self {
            id: entry.id.to_string(),
            at: entry.at.to_string(),
            actor: actor.name,
            role: actor.role.map(Role::as_str),
            via: actor.via.as_str(),
            address: actor.address,
            action: entry.action,
            target: entry.target,
            detail: entry.detail,
            request_id: actor.request_id,
        }
    }
}

/// A page of the log.
#[derive(Serialize, ToSchema)]
pub struct AuditPage {
    pub count: u64,
    pub next: Option<String>,
    pub previous: Option<String>,
    pub results: Vec<AuditView>,
}

/// What people changed, newest first
///
/// Every given condition must hold.
#[utoipa::path(get, path = "/api/audit/", tag = "audit", security(("bearer" = [])),
    params(
        ("page" = Option<u32>, Query, minimum = 1, description = "1 is the first"),
        ("page_size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "20 when not given"),
        ("actor" = Option<String>, Query, description = "By exactly this actor"),
        ("action" = Option<String>, Query, description = "Exactly this action, such as `user.change`"),
        ("target" = Option<String>, Query, description = "To exactly this target"),
        ("since" = Option<String>, Query, description = "At or after this moment (RFC 3339)"),
        ("until" = Option<String>, Query, description = "Before this moment (RFC 3339)"),
    ),
    responses(
        (status = 200, description = "One page", body = AuditPage),
        (status = 400, description = "A parameter cannot be read; `parameter` names it", body = ProblemBody,
         content_type = "application/problem+json"),
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
) -> Result<Json<AuditPage>, Problem> {
    let page = page::request(&params)?;
    let filter = filter(&params)?;
    let found = state.audit.page(&filter, page).await?;
    let links = Links::of(&state, "/api/audit/", &headers, &params, page, found.total)?;
    Ok(Json(AuditPage {
        count: found.total,
        next: links.next,
        previous: links.previous,
        results: found.items.into_iter().map(Into::into).collect(),
    }))
}

/// Which entries the query asks for.
pub(crate) fn filter(params: &Params) -> Result<AuditFilter, Problem> {
    let text = |name| params.get(name).map(str::to_owned);
    Ok(AuditFilter {
        actor: text("actor"),
        action: text("action"),
        target: text("target"),
        since: params.moment("since")?,
        until: params.moment("until")?,
    })
}
