//! Plugins: how they stand, and their actions. Viewers look, operators act.

pub mod manage;

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::Input;
use super::doer::Doer;
use super::extract::{MayOperate, MayRead, Params};
use super::origin::Origin;
use super::problem::ProblemBody;
use super::views::{Audience, DeliveryView};
use super::{ApiState, Problem};
use crate::dispatch::Waits;
use crate::domain::breaker::BreakerState;
use crate::domain::plugin::PluginName;
use crate::domain::time::Timestamp;
use crate::wasm::PluginStatus;

/// Longest wait for an action's first attempt: below what a request may take in all.
const MAX_WAIT_SECONDS: u64 = 25;

/// An action that is stored.
#[derive(Serialize, ToSchema)]
pub struct ActionAnswer {
    /// The event that the action became; `/api/webhooks/{id}/` shows how it goes on.
    pub id: String,
    /// With `wait`: the delivery with its first attempt, when there was one in time.
    pub delivery: Option<DeliveryView>,
}

/// How every plugin of `plugins.toml` stands, with its manifest
#[utoipa::path(get, path = "/api/plugins/", tag = "plugins", security(("bearer" = [])),
    responses(
        (status = 200, description = "The plugins by name", body = Vec<Object>),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn list(State(state): State<ApiState>, _: MayRead) -> Json<Vec<PluginView>> {
    Json(views_of(&state.waits))
}

/// How a plugin stands, and its lane on this node.
#[derive(Serialize)]
pub struct PluginView {
    #[serde(flatten)]
    pub(crate) status: PluginStatus,
    /// Null where no lane has run here yet.
    pub(crate) lane: Option<LaneView>,
}

/// How a plugin's lane stands on this node.
#[derive(Serialize)]
pub(crate) struct LaneView {
    /// `closed`, `half-open` or `open`.
    pub(crate) breaker: BreakerState,
    /// While it is open: when one call is tried.
    pub(crate) breaker_until: Option<Timestamp>,
    /// While the rate is used up: when the next delivery may run.
    pub(crate) rate_until: Option<Timestamp>,
    /// As many runs as it may have are under way.
    pub(crate) full: bool,
}

/// All plugins by name.
#[must_use]
pub fn views_of(waits: &Waits) -> Vec<PluginView> {
    let now = waits.clock.now();
    let lane = |name: &PluginName| {
        let state = waits.lanes.state(name)?;
        Some(LaneView {
            breaker: state.breaker,
            breaker_until: state.breaker_until.filter(|until| *until > now),
            rate_until: state.rate_until.filter(|until| *until > now),
            full: state.full,
        })
    };
    let statuses = waits.registry.statuses().into_iter();
    statuses
        .map(|status| PluginView {
            lane: lane(&status.name),
            status,
        })
        .collect()
}

/// Ask a plugin to do one of its actions
///
/// The body is the action's arguments; the manifest in `/api/plugins/` has their JSON Schema. The
/// action is stored like an event, so it is retried and recorded like one.
#[utoipa::path(post, path = "/api/plugins/{name}/actions/{action}/", tag = "plugins",
    security(("bearer" = [])), request_body = Object,
    params(
        ("name" = String, Path, description = "The plugin's name in plugins.toml"),
        ("action" = String, Path, description = "One of the manifest's actions"),
        ("wait" = Option<u32>, Query, maximum = 25,
         description = "Seconds to wait for the first attempt; 0 when not given"),
    ),
    responses(
        (status = 200, description = "Stored, and tried within `wait`", body = ActionAnswer),
        (status = 202, description = "Stored; `Location` shows how it goes on", body = ActionAnswer),
        (status = 400, description = "The arguments do not fit the action's schema, or there is no such action",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such plugin", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "The plugin is disabled, paused or broken; nothing was stored",
         body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn run_action(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path((name, action)): Path<(String, String)>,
    params: Params,
    Input(input): Input,
) -> Result<Response, Problem> {
    let wait = wait(&params)?;
    let doer = Doer { user, origin };
    let submitted = doer.run_action(&state, &name, &action, &input).await?;
    let tried = state
        .actions
        .first_attempt(submitted.event, submitted.delivery, wait)
        .await?;
    let status = if tried.is_some() {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let answer = ActionAnswer {
        id: submitted.event.to_string(),
        delivery: tried
            .map(|history| DeliveryView::of(history, Audience::Staff, &state.waits))
            .transpose()?,
    };
    let address = HeaderValue::try_from(format!("/api/webhooks/{}/", submitted.event))
        .map_err(|error| Problem::internal(error.to_string()))?;
    Ok((status, [(LOCATION, address)], Json(answer)).into_response())
}

fn wait(params: &Params) -> Result<Duration, Problem> {
    match params.get("wait").map(str::parse) {
        None => Ok(Duration::ZERO),
        Some(Ok(seconds @ 0..=MAX_WAIT_SECONDS)) => Ok(Duration::from_secs(seconds)),
        Some(_) => Err(Problem::bad_parameter(
            "wait",
            "must be a number of seconds from 0 to 25",
        )),
    }
}

/// The name in a path. One that cannot be a plugin's names none.
pub(crate) fn named(name: &str) -> Result<PluginName, Problem> {
    name.parse().map_err(|_| missing(name))
}

/// There is no plugin of this name.
pub(crate) fn missing(name: &str) -> Problem {
    let detail = format!("There is no plugin `{name}` in plugins.toml.");
    Problem::new(StatusCode::NOT_FOUND, "no-such-plugin", detail)
}
