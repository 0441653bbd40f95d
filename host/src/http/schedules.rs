//! Schedules: which there are, what became of their moments, a run on request, and pauses. Viewers look, operators act.

use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::doer::Doer;
use super::extract::{MayOperate, MayRead, Params};
use super::origin::Origin;
use super::page::{self, Links};
use super::problem::ProblemBody;
use super::{ApiState, Problem};
use crate::domain::event::EventStatus;
use crate::domain::schedule::{ScheduleKey, ScheduleRun};
use crate::scheduler::ScheduleStatus;

/// A schedule of `plugins.toml`.
#[derive(Serialize, ToSchema)]
#[schema(as = Schedule)]
pub struct ScheduleView {
    pub plugin: String,
    /// Unique in its plugin.
    #[schema(example = "nightly")]
    pub name: String,
    #[schema(example = "0 3 * * *")]
    pub cron: String,
    /// IANA name.
    #[schema(example = "Europe/Paris")]
    pub timezone: String,
    /// `skip` or `queue`.
    #[schema(value_type = String)]
    pub overlap: crate::domain::schedule::Overlap,
    /// `once` or `none`.
    #[serde(rename = "catch-up")]
    #[schema(value_type = String)]
    pub catch_up: crate::domain::schedule::CatchUp,
    /// Its next moment, RFC 3339; null when the plugin is disabled or the schedule paused.
    pub next: Option<String>,
    /// What became of its last moment.
    pub last: Option<ScheduleRunView>,
    /// Who paused it; null when nobody did.
    pub paused: Option<SchedulePauseView>,
}

/// Since when and by whom a schedule is paused.
#[derive(Serialize, ToSchema)]
#[schema(as = SchedulePause)]
pub struct SchedulePauseView {
    /// RFC 3339.
    pub since: String,
    pub by: String,
}

/// A moment of a schedule, and what became of it.
#[derive(Serialize, ToSchema)]
#[schema(as = ScheduleRun)]
pub struct ScheduleRunView {
    /// The moment it stands for, RFC 3339.
    pub planned_at: String,
    pub recorded_at: String,
    /// `made`, `manual` (a person asked), `skipped` (an earlier run was not finished) or `missed`
    /// (it passed while nothing ran).
    pub outcome: &'static str,
    /// The event it became.
    pub event: Option<String>,
    /// The event's status.
    pub status: Option<&'static str>,
    /// Why the event failed.
    pub error_message: Option<String>,
}

/// A page of a schedule's history.
#[derive(Serialize, ToSchema)]
pub struct ScheduleRunPage {
    /// Moments on all pages.
    pub count: u64,
    /// Address of the next page.
    pub next: Option<String>,
    /// Address of the page before.
    pub previous: Option<String>,
    /// Latest first.
    pub results: Vec<ScheduleRunView>,
}

/// A run that was asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = ScheduleStarted)]
pub struct StartedView {
    /// The event that stands for it; `GET /api/webhooks/{id}/` shows what becomes of it.
    pub event: String,
    pub delivery: String,
}

/// List schedules
///
/// Every schedule of `plugins.toml`, in order of plugin.
#[utoipa::path(get, path = "/api/schedules/", tag = "schedules", security(("bearer" = [])),
    responses(
        (status = 200, description = "All schedules", body = [ScheduleView]),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn list(State(state): State<ApiState>, _: MayRead) -> Result<Json<Vec<ScheduleView>>, Problem> {
    let schedules = state.schedules.list().await?;
    Ok(Json(schedules.into_iter().map(ScheduleView::from).collect()))
}

/// Run a schedule now
///
/// Makes a tick whatever the expression says, also while an earlier one runs. It is delivered and
/// retried like any other.
#[utoipa::path(post, path = "/api/schedules/{plugin}/{name}/run/", tag = "schedules", security(("bearer" = [])),
    params(
        ("plugin" = String, Path, description = "The plugin's name"),
        ("name" = String, Path, description = "The schedule's name, percent-encoded"),
    ),
    responses(
        (status = 202, description = "Stored; it runs next", body = StartedView),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "The plugin is paused or disabled", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn run(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path((plugin, name)): Path<(String, String)>,
) -> Result<(StatusCode, Json<StartedView>), Problem> {
    let doer = Doer { user, origin };
    let started = doer.run_schedule(&state, &plugin, &name).await?;
    let view = StartedView {
        event: started.event.to_string(),
        delivery: started.delivery.to_string(),
    };
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// Pause a schedule
///
/// It makes no ticks until it is resumed, on no node and after a restart neither; a run on request is still made. One
/// that is paused stays so.
#[utoipa::path(post, path = "/api/schedules/{plugin}/{name}/pause/", tag = "schedules", security(("bearer" = [])),
    params(
        ("plugin" = String, Path, description = "The plugin's name"),
        ("name" = String, Path, description = "The schedule's name, percent-encoded"),
    ),
    responses(
        (status = 200, description = "How it stands", body = ScheduleView),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn pause(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path((plugin, name)): Path<(String, String)>,
) -> Result<Json<ScheduleView>, Problem> {
    let doer = Doer { user, origin };
    let status = doer.pause_schedule(&state, &plugin, &name, true).await?;
    Ok(Json(status.into()))
}

/// Let a paused schedule go on
///
/// Moments that passed meanwhile were missed: `catch-up` gives them one run for all, or none.
#[utoipa::path(post, path = "/api/schedules/{plugin}/{name}/resume/", tag = "schedules", security(("bearer" = [])),
    params(
        ("plugin" = String, Path, description = "The plugin's name"),
        ("name" = String, Path, description = "The schedule's name, percent-encoded"),
    ),
    responses(
        (status = 200, description = "How it stands", body = ScheduleView),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn resume(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path((plugin, name)): Path<(String, String)>,
) -> Result<Json<ScheduleView>, Problem> {
    let doer = Doer { user, origin };
    let status = doer.pause_schedule(&state, &plugin, &name, false).await?;
    Ok(Json(status.into()))
}

/// The history of a schedule, latest first
#[utoipa::path(get, path = "/api/schedules/{plugin}/{name}/runs/", tag = "schedules", security(("bearer" = [])),
    params(
        ("plugin" = String, Path, description = "The plugin's name"),
        ("name" = String, Path, description = "The schedule's name, percent-encoded"),
        ("page" = Option<u32>, Query, minimum = 1, description = "1 is the first"),
        ("page_size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "20 when not given"),
    ),
    responses(
        (status = 200, description = "One page", body = ScheduleRunPage),
        (status = 400, description = "A parameter cannot be read; `parameter` names it", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 401, description = "No token, or one that is expired or wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule or page", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn runs(
    State(state): State<ApiState>,
    _: MayRead,
    Path((plugin, name)): Path<(String, String)>,
    OriginalUri(uri): OriginalUri,
    params: Params,
    headers: HeaderMap,
) -> Result<Json<ScheduleRunPage>, Problem> {
    let no_such = || Problem::no_such("schedule");
    let key = ScheduleKey {
        plugin: plugin.parse().map_err(|_| no_such())?,
        schedule: name.parse().map_err(|_| no_such())?,
    };
    let page = page::request(&params)?;
    let found = state.schedules.history(&key, page).await?;
    let links = Links::of(&state, uri.path(), &headers, &params, page, found.total)?;
    Ok(Json(ScheduleRunPage {
        count: found.total,
        next: links.next,
        previous: links.previous,
        results: found.items.into_iter().map(ScheduleRunView::from).collect(),
    }))
}

impl From<ScheduleStatus> for ScheduleView {
    fn from(status: ScheduleStatus) -> Self {
        Self {
            plugin: status.plugin.name.to_string(),
            name: status.spec.name.to_string(),
            cron: status.spec.cron.to_string(),
            timezone: status.spec.zone.to_string(),
            overlap: status.spec.overlap,
            catch_up: status.spec.catch_up,
            next: status.next.map(|at| at.to_string()),
            last: status.last.map(ScheduleRunView::from),
            paused: status.paused.map(|pause| SchedulePauseView {
                since: pause.at.to_string(),
                by: pause.by,
            }),
        }
    }
}

impl From<ScheduleRun> for ScheduleRunView {
    fn from(run: ScheduleRun) -> Self {
        Self {
            planned_at: run.planned_at.to_string(),
            recorded_at: run.recorded_at.to_string(),
            outcome: run.outcome.as_str(),
            event: run.event.map(|id| id.to_string()),
            status: run.status.map(EventStatus::as_str),
            error_message: run.error_message,
        }
    }
}
