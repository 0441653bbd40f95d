//! Orders that replay or discard many deliveries: a dry run, the order, its progress, its end. Viewers look,
//! operators order.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::body::Typed;
use super::created::created;
use super::deliveries::ListedDeliveryView;
use super::doer::Doer;
use super::extract::{MayOperate, MayRead, Params};
use super::origin::Origin;
use super::page::{self, Links, count_exact};
use super::problem::ProblemBody;
use super::{ApiState, Problem};
use crate::domain::id::ReplayId;
use crate::domain::replay::{DeliveryFilter, JobKind, ReplayJob, ReplayRate};
use crate::replays::{DryRun, Order, ReplayError};

/// An order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    /// `replay` (when not given) or `discard`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    kind: JobKind,
    /// Which deliveries: `plugin`, `state` (`dead` when not given), `source`, `type`, `since`, `until`, `error`
    /// and `replayed`, as in `GET /api/deliveries/`, and `inside` for what is in the event's body: `search`, or
    /// `pointer` with `value`, as in `GET /api/webhooks/list/`. A replay leaves out what was replayed before, unless
    /// `replayed` is true.
    #[serde(default)]
    #[schema(value_type = Object)]
    filter: DeliveryFilter,
    /// Where replays go, when not to the plugin of each.
    to: Option<String>,
    /// At most so many a second, minute or hour, such as `10/s`; `100/s` when not given.
    rate: Option<String>,
    /// Why; a discard needs it.
    note: Option<String>,
    /// Only say what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// What an order would do.
#[derive(Serialize, ToSchema)]
#[schema(as = DryRun)]
pub struct DryRunView {
    /// How many deliveries match; at most 1,000,000 are counted, and with `inside` those among the newest 5,000.
    pub count: u64,
    /// `false` when there are more than `count`; not there when it is exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count_exact: Option<bool>,
    /// The newest of them, at most ten.
    pub first: Vec<ListedDeliveryView>,
}

/// An order and how far it has come.
#[derive(Serialize, ToSchema)]
#[schema(as = Replay)]
pub struct ReplayView {
    pub id: String,
    /// `replay` or `discard`.
    pub kind: &'static str,
    /// Which deliveries, as they were when the order was given.
    #[schema(value_type = Object)]
    pub filter: DeliveryFilter,
    pub to: Option<String>,
    #[schema(example = "10/s")]
    pub rate: String,
    pub note: Option<String>,
    /// `running`, `done` or `cancelled`.
    pub state: &'static str,
    /// How many matched when it was given.
    pub total: u64,
    /// `false` when there were more than `total`; not there when it is exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_exact: Option<bool>,
    /// Replays made, or deliveries discarded.
    pub made: u64,
    /// Matched, and left alone: still open, or their plugin is not switched on.
    pub skipped: u64,
    pub created_at: String,
    pub created_by: String,
    pub finished_at: Option<String>,
    pub cancelled_by: Option<String>,
}

/// A page of orders.
#[derive(Serialize, ToSchema)]
pub struct ReplayPage {
    pub count: u64,
    pub next: Option<String>,
    pub previous: Option<String>,
    pub results: Vec<ReplayView>,
}

/// Replay or discard many deliveries, or see with `dry_run` what that would do
///
/// The order is about deliveries as they are now: what fails later does not join. It goes on in the
/// background, over restarts, and makes one replay of a delivery at most.
#[utoipa::path(post, path = "/api/replays/", tag = "replays", security(("bearer" = [])),
    request_body = OrderRequest,
    responses(
        (status = 200, description = "A dry run: nothing was done", body = DryRunView),
        (status = 201, description = "It runs; `Location` shows how it goes on", body = ReplayView),
        (status = 400, description = "The filter makes no sense, or a discard has no reason", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A plugin is disabled or not in plugins.toml, or too many orders run",
         body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn start(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Typed(request): Typed<OrderRequest>,
) -> Result<Response, Problem> {
    let rate = request.rate.as_deref().map(str::parse::<ReplayRate>).transpose();
    let order = Order {
        kind: request.kind,
        filter: request.filter,
        to: request.to,
        rate: rate.map_err(|error| ReplayError::Invalid(error.to_string()))?,
        note: request.note,
    };
    if request.dry_run {
        let dry = state.replays.dry_run(&order, &user.username).await?;
        return Ok(Json(DryRunView::from(dry)).into_response());
    }
    let job = Doer { user, origin }.start_order(&state, order).await?;
    created(&format!("/api/replays/{}/", job.id), ReplayView::from(job))
}

/// List orders, newest first
#[utoipa::path(get, path = "/api/replays/", tag = "replays", security(("bearer" = [])),
    params(
        ("page" = Option<u32>, Query, minimum = 1, description = "1 is the first"),
        ("page_size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "20 when not given"),
    ),
    responses(
        (status = 200, description = "One page", body = ReplayPage),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such page", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn list(
    State(state): State<ApiState>,
    _: MayRead,
    params: Params,
    headers: HeaderMap,
) -> Result<Json<ReplayPage>, Problem> {
    let page = page::request(&params)?;
    let found = state.store.replay_jobs(page).await?;
    let links = Links::of(&state, "/api/replays/", &headers, &params, page, found.total)?;
    Ok(Json(ReplayPage {
        count: found.total,
        next: links.next,
        previous: links.previous,
        results: found.items.into_iter().map(ReplayView::from).collect(),
    }))
}

/// One order and how far it has come
#[utoipa::path(get, path = "/api/replays/{id}/", tag = "replays", security(("bearer" = [])),
    params(("id" = String, Path, description = "The order's id")),
    responses(
        (status = 200, description = "The order", body = ReplayView),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such order", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn detail(
    State(state): State<ApiState>,
    _: MayRead,
    Path(id): Path<String>,
) -> Result<Json<ReplayView>, Problem> {
    let job = state.store.replay_job(named(&id)?).await?;
    job.map(|job| Json(ReplayView::from(job))).ok_or_else(no_such)
}

/// End an order that runs; what it has made stays
#[utoipa::path(post, path = "/api/replays/{id}/cancel/", tag = "replays", security(("bearer" = [])),
    params(("id" = String, Path, description = "The order's id")),
    responses(
        (status = 200, description = "The order as it is now; one that was done stays so", body = ReplayView),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such order", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn cancel(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path(id): Path<String>,
) -> Result<Json<ReplayView>, Problem> {
    let by = Doer { user, origin };
    let job = by.cancel_order(&state, named(&id)?).await?;
    Ok(Json(job.into()))
}

/// What the audit log says of an order.
pub(crate) fn started_detail(job: &ReplayJob) -> Value {
    json!({ "kind": job.kind, "filter": job.filter, "to": job.to, "total": job.total.count })
}

/// The id in a path. A text that is none names no order.
pub(crate) fn named(id: &str) -> Result<ReplayId, Problem> {
    id.parse().map_err(|_| no_such())
}

pub(crate) fn no_such() -> Problem {
    Problem::no_such("order")
}

impl From<DryRun> for DryRunView {
    fn from(dry: DryRun) -> Self {
        Self {
            count: dry.total.count,
            count_exact: count_exact(dry.total),
            first: dry.first.into_iter().map(ListedDeliveryView::from).collect(),
        }
    }
}

impl From<ReplayJob> for ReplayView {
    fn from(job: ReplayJob) -> Self {
        Self {
            id: job.id.to_string(),
            kind: job.kind.as_str(),
            filter: job.filter,
            to: job.to.map(|plugin| plugin.to_string()),
            rate: job.rate.to_string(),
            note: job.note,
            state: job.state.as_str(),
            total: job.total.count,
            total_exact: count_exact(job.total),
            made: job.made,
            skipped: job.skipped,
            created_at: job.created_at.to_string(),
            created_by: job.created_by,
            finished_at: job.finished_at.map(|at| at.to_string()),
            cancelled_by: job.cancelled_by,
        }
    }
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Self {
        let conflict = |kind| Self::new(StatusCode::CONFLICT, kind, format!("{error}."));
        match error {
            ReplayError::NoDelivery(_) => Self::no_such("delivery"),
            ReplayError::NoEvent(_) => Self::no_such("event"),
            ReplayError::NoOrder(_) => no_such(),
            ReplayError::NoPlugin(_) => conflict("no-such-plugin"),
            ReplayError::Disabled(_) => conflict("plugin-disabled"),
            ReplayError::NobodyWants(_) => conflict("nobody-wants-it"),
            ReplayError::Open(id) => conflict("still-open").with("delivery", id.to_string()),
            ReplayError::Wrong { state, .. } => conflict("wrong-state").with("state", state.as_str()),
            ReplayError::TooMany => conflict("too-many-orders"),
            ReplayError::Invalid(_) => Self::new(StatusCode::BAD_REQUEST, "bad-input", format!("{error}.")),
            ReplayError::Aside => Self::internal(error.to_string()),
            ReplayError::Store(error) => error.into(),
        }
    }
}
