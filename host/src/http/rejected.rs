//! Requests to sources that were refused: seeing them, judging one anew, accepting it.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::doer::Doer;
use super::extract::{MayOperate, MayRead, Params};
use super::origin::Origin;
use super::page::{self, Links};
use super::problem::ProblemBody;
use super::receive::Received;
use super::views::{HeaderView, Payload};
use super::{ApiState, Problem};
use crate::domain::id::RejectedId;
use crate::domain::rejected::RejectedRequest;
use crate::intake::Verdict;

/// A request that was refused.
#[derive(Serialize, ToSchema)]
#[schema(as = Rejected)]
pub struct RejectedView {
    pub id: String,
    /// RFC 3339.
    pub received_at: String,
    /// The source it was for.
    pub source: String,
    /// Who held the connection.
    pub address: String,
    /// Which check it did not pass: `missing`, `malformed`, `timestamp`, `no-secret`, `signature`,
    /// `credential`, `coverage` or `body`.
    pub check: &'static str,
    /// Why, in plain words.
    pub why: String,
    /// What was answered.
    pub status: u16,
    pub method: String,
    /// Path and query; a token is masked.
    pub target: String,
    pub content_type: String,
    /// Credentials are masked; headers of signatures are not.
    pub headers: Vec<HeaderView>,
    /// Whether a token, key or password was presented.
    pub has_credential: bool,
    pub body_bytes: u64,
    /// The event that it became when a person accepted it.
    pub accepted_as: Option<String>,
    /// RFC 3339.
    pub accepted_at: Option<String>,
    pub accepted_by: Option<String>,
}

/// A refused request with its body.
#[derive(Serialize, ToSchema)]
#[schema(as = RejectedDetail)]
pub struct RejectedDetail {
    #[serde(flatten)]
    pub request: RejectedView,
    /// The body, shown like an event's `payload`; null when it was not kept.
    #[schema(value_type = serde_json::Value)]
    pub body: Option<Box<RawValue>>,
    /// `base64` when `body` is bytes in Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<&'static str>,
}

/// A page of refused requests.
#[derive(Serialize, ToSchema)]
pub struct RejectedPage {
    /// Refused requests on all pages.
    pub count: u64,
    pub next: Option<String>,
    pub previous: Option<String>,
    pub results: Vec<RejectedView>,
}

/// What would become of a refused request now.
#[derive(Serialize, ToSchema)]
#[schema(as = Verdict)]
pub struct VerdictView {
    /// Whether it would be taken.
    pub acceptable: bool,
    /// Which check it would not pass.
    pub check: Option<&'static str>,
    pub why: Option<String>,
    /// The events it would become.
    pub events: Vec<ForeseenView>,
}

/// An event that a refused request would become.
#[derive(Serialize, ToSchema)]
#[schema(as = Foreseen)]
pub struct ForeseenView {
    #[serde(rename = "type")]
    pub event_type: String,
    /// The event that came with the same delivery id; nothing new would be stored.
    pub duplicate_of: Option<String>,
}

/// What became of a refused request that was accepted.
#[derive(Serialize, ToSchema)]
#[schema(as = AcceptedRejected)]
pub struct AcceptedView {
    pub events: Vec<Received>,
}

/// List refused requests, newest first
///
/// The last 1,000, and at most 64 MiB of them.
#[utoipa::path(get, path = "/api/rejected/", tag = "rejected", security(("bearer" = [])),
    params(
        ("page" = Option<u32>, Query, minimum = 1, description = "1 is the first"),
        ("page_size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "20 when not given"),
        ("source" = Option<String>, Query, description = "Exactly this source"),
    ),
    responses(
        (status = 200, description = "One page", body = RejectedPage),
        (status = 400, description = "A parameter cannot be read; `parameter` names it", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such page", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn list(
    State(state): State<ApiState>,
    _: MayRead,
    params: Params,
    headers: HeaderMap,
) -> Result<Json<RejectedPage>, Problem> {
    let page = page::request(&params)?;
    let found = state.store.rejected_requests(params.get("source"), page).await?;
    let links = Links::of(&state, "/api/rejected/", &headers, &params, page, found.total)?;
    Ok(Json(RejectedPage {
        count: found.total,
        next: links.next,
        previous: links.previous,
        results: found.items.into_iter().map(RejectedView::from).collect(),
    }))
}

/// One refused request with its body
#[utoipa::path(get, path = "/api/rejected/{id}/", tag = "rejected", security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The request", body = RejectedDetail),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "No such request", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn detail(
    State(state): State<ApiState>,
    _: MayRead,
    Path(id): Path<String>,
) -> Result<Json<RejectedDetail>, Problem> {
    let found = state.store.rejected_request(parsed(&id)?).await?;
    let request = found.ok_or_else(|| Problem::no_such("rejected request"))?;
    Ok(Json(RejectedDetail::of(request)?))
}

/// Judge a refused request anew
///
/// With the secrets and settings of today, and its time as of when it was received. Nothing is stored.
#[utoipa::path(post, path = "/api/rejected/{id}/verify/", tag = "rejected", security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "What would become of it", body = VerdictView),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "No such request", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "Its source is gone, its body was not kept, or its `Idempotency-Key` is \
         another request's (with `event`)",
         body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn verify(
    State(state): State<ApiState>,
    _: MayRead,
    Path(id): Path<String>,
) -> Result<Json<VerdictView>, Problem> {
    let verdict = state.sources.verify_again(parsed(&id)?).await?;
    Ok(Json(verdict.into()))
}

/// Accept a refused request
///
/// It is judged anew, and when it proves itself now it becomes an event, once.
#[utoipa::path(post, path = "/api/rejected/{id}/accept/", tag = "rejected", security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "Its events are durable", body = AcceptedView),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "No such request", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "Refused again (with `check`), accepted before, or its `Idempotency-Key` \
         is another request's (with `event`)",
         body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn accept(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path(id): Path<String>,
) -> Result<Json<AcceptedView>, Problem> {
    let by = Doer { user, origin };
    let late = by.accept(&state, parsed(&id)?).await?;
    let events = late.events.into_iter().map(|event| Received::of(event, false));
    Ok(Json(AcceptedView {
        events: events.collect(),
    }))
}

/// The id in a path. A text that is none names no request.
pub(crate) fn parsed(id: &str) -> Result<RejectedId, Problem> {
    id.parse().map_err(|_| Problem::no_such("rejected request"))
}

impl From<RejectedRequest> for RejectedView {
    fn from(request: RejectedRequest) -> Self {
        let accepted = request
            .accepted
            .map(|accepted| (accepted.event.to_string(), accepted.at.to_string(), accepted.by));
        let (event, at, by) = accepted.map_or((None, None, None), |(event, at, by)| {
            (Some(event), Some(at), Some(by))
        });
        Self {
            id: request.id.to_string(),
            received_at: request.received_at.to_string(),
            source: request.source,
            address: request.address,
            check: request.rejection.check.as_str(),
            why: request.rejection.why,
            status: request.status,
            method: request.method,
            target: request.target,
            content_type: request.content_type,
            headers: request.headers.into_iter().map(HeaderView::from).collect(),
            has_credential: request.credential.is_some(),
            body_bytes: request.body_bytes,
            accepted_as: event,
            accepted_at: at,
            accepted_by: by,
        }
    }
}

impl RejectedDetail {
    /// The request as whoever may read sees it.
    pub fn of(mut request: RejectedRequest) -> Result<Self, Problem> {
        let body = request.body.take();
        let shown = body
            .map(|body| Payload::of(&body, &request.content_type))
            .transpose()?;
        Ok(Self {
            encoding: shown.as_ref().and_then(|shown| shown.encoding),
            body: shown.map(|shown| shown.json),
            request: request.into(),
        })
    }
}

impl From<Verdict> for VerdictView {
    fn from(verdict: Verdict) -> Self {
        let events = verdict.events.into_iter().map(|event| ForeseenView {
            event_type: event.event_type,
            duplicate_of: event.duplicate_of.map(|id| id.to_string()),
        });
        Self {
            acceptable: verdict.rejection.is_none(),
            check: verdict
                .rejection
                .as_ref()
                .map(|rejection| rejection.check.as_str()),
            why: verdict.rejection.map(|rejection| rejection.why),
            events: events.collect(),
        }
    }
}
