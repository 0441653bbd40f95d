//! What operators do about deliveries and events, one by one: replay, edit and replay, discard, resolve.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::super::body::Typed;
use super::super::created::created;
use super::super::doer::Doer;
use super::super::extract::MayOperate;
use super::super::origin::Origin;
use super::super::problem::ProblemBody;
use super::super::{ApiState, Problem};
use super::{DeliveryDetailView, named, shown};
use crate::domain::act::{MadeReplay, Resolution};
use crate::domain::event::Header;
use crate::domain::id::EventId;
use crate::replays::{Edit, ReplayedEvent};

/// How a delivery is replayed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// Another plugin than its own.
    to: Option<String>,
    /// Why.
    note: Option<String>,
}

/// How an event is replayed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventReplayRequest {
    /// Where to; without it to the plugins whose routes want the event now, or, when no route does, to
    /// those that had it.
    plugins: Option<Vec<String>>,
    /// In place of the event's payload: makes a new event, and the original stays as it is.
    #[schema(value_type = Option<serde_json::Value>)]
    #[serde(default, deserialize_with = "given")]
    payload: Option<Box<RawValue>>,
    /// With `payload`: in place of the event's headers.
    #[schema(value_type = Option<Vec<Object>>)]
    headers: Option<Vec<Header>>,
    /// Why.
    note: Option<String>,
}

/// Why a delivery is given up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscardRequest {
    reason: String,
}

/// What is known by now of an outcome that nobody knew.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveRequest {
    /// `succeeded` (it had its effect), `retry` (try it again) or `dead` (it had none; give it up).
    #[serde(rename = "as")]
    #[schema(value_type = String)]
    to: Resolution,
    /// How it is known.
    note: Option<String>,
}

/// A delivery that was made because a person asked.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeReplay)]
pub struct MadeReplayView {
    pub id: String,
    pub event: String,
    pub plugin: String,
    /// What it repeats; null when the plugin had not been given the event before.
    pub replay_of: Option<String>,
}

/// What came of the replay of an event.
#[derive(Serialize, ToSchema)]
#[schema(as = ReplayedEvent)]
pub struct ReplayedEventView {
    /// The event; with `payload` the new one.
    pub event: String,
    /// With `payload`: the original.
    pub edited_from: Option<String>,
    pub deliveries: Vec<MadeReplayView>,
    /// Plugins that it is still on its way to: nothing was made for them.
    pub still_open: Vec<String>,
}

/// A member that is there, `null` included: a payload may be `null`.
fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(from).map(Some)
}

/// Replay a delivery
///
/// Makes a new delivery of the same event and takes the event up again. Nothing is made while the event is
/// on its way to the plugin, so that pressing twice sends once.
#[utoipa::path(post, path = "/api/deliveries/{id}/replay/", tag = "deliveries", security(("bearer" = [])),
    params(("id" = String, Path, description = "The delivery's id")),
    request_body = ReplayRequest,
    responses(
        (status = 201, description = "Made; `Location` has its address", body = MadeReplayView),
        (status = 400, description = "The body cannot be read", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such delivery", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "It, or a replay of it, is still open; or the plugin is disabled or not in \
         plugins.toml", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn replay(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path(id): Path<String>,
    Typed(request): Typed<ReplayRequest>,
) -> Result<Response, Problem> {
    let by = Doer { user, origin };
    let made = by
        .replay(&state, named(&id)?, request.to.as_deref(), request.note)
        .await?;
    created(
        &format!("/api/deliveries/{}/", made.id),
        MadeReplayView::from(made),
    )
}

/// Replay an event, as it is or with another payload
///
/// With `payload` a new event is made from it, whose `edited_from` names the original; the original keeps
/// its payload and its deliveries.
#[utoipa::path(post, path = "/api/events/{id}/replay/", tag = "deliveries", security(("bearer" = [])),
    params(("id" = String, Path, description = "The event's id")),
    request_body = EventReplayRequest,
    responses(
        (status = 201, description = "Made; `Location` has the event's address", body = ReplayedEventView),
        (status = 400, description = "The body cannot be read", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such event", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "It is on its way to each of the plugins; nobody wants it; or a plugin is \
         disabled or not in plugins.toml", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The payload is larger than a webhook may be", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn replay_event(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path(id): Path<String>,
    Typed(request): Typed<EventReplayRequest>,
) -> Result<Response, Problem> {
    let id = EventId::written(&id).ok_or_else(|| Problem::no_such("event"))?;
    let (plugins, note) = (request.plugins.as_deref(), request.note);
    let by = Doer { user, origin };
    let done = match (request.payload, request.headers) {
        (None, None) => by.replay_event(&state, id, plugins, note).await?,
        (None, Some(_)) => {
            let detail = "`headers` go with `payload`.";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "bad-input", detail));
        }
        (Some(payload), headers) => {
            let edit = Edit {
                payload: Bytes::from(payload.get().to_owned()),
                headers,
            };
            by.edit_event(&state, id, edit, plugins, note).await?
        }
    };
    created(
        &format!("/api/webhooks/{}/", done.event),
        ReplayedEventView::from(done),
    )
}

/// Give a delivery up for good, with a reason
///
/// One that waits, is a dead letter or has an unknown outcome. Its event counts as failed.
#[utoipa::path(post, path = "/api/deliveries/{id}/discard/", tag = "deliveries", security(("bearer" = [])),
    params(("id" = String, Path, description = "The delivery's id")),
    request_body = DiscardRequest,
    responses(
        (status = 200, description = "Discarded: the delivery as it is now", body = DeliveryDetailView),
        (status = 400, description = "No reason, or the body cannot be read", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such delivery", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "It is being run, or is over", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn discard(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path(id): Path<String>,
    Typed(request): Typed<DiscardRequest>,
) -> Result<Json<DeliveryDetailView>, Problem> {
    let id = named(&id)?;
    let by = Doer { user, origin };
    by.discard(&state, id, &request.reason).await?;
    shown(&state, id).await
}

/// Settle a delivery whose outcome nobody knows
///
/// For those held by `on-unknown = "hold"`: what really happened, or that it is to be tried again.
#[utoipa::path(post, path = "/api/deliveries/{id}/resolve/", tag = "deliveries", security(("bearer" = [])),
    params(("id" = String, Path, description = "The delivery's id")),
    request_body = ResolveRequest,
    responses(
        (status = 200, description = "Settled: the delivery as it is now", body = DeliveryDetailView),
        (status = 400, description = "The body cannot be read", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such delivery", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "Its outcome is known, or still to come", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn resolve(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path(id): Path<String>,
    Typed(request): Typed<ResolveRequest>,
) -> Result<Json<DeliveryDetailView>, Problem> {
    let id = named(&id)?;
    let by = Doer { user, origin };
    by.resolve(&state, id, request.to, request.note).await?;
    shown(&state, id).await
}

/// What the audit log says of an event's replay.
pub(crate) fn replayed_detail(done: &ReplayedEvent) -> Value {
    let plugins: Vec<_> = done.deliveries.iter().map(|made| &made.plugin).collect();
    let edited = done.edited_from.map(|_| done.event);
    json!({ "plugins": plugins, "edited": edited })
}

impl From<MadeReplay> for MadeReplayView {
    fn from(made: MadeReplay) -> Self {
        Self {
            id: made.id.to_string(),
            event: made.event.to_string(),
            plugin: made.plugin.to_string(),
            replay_of: made.replay_of.map(|id| id.to_string()),
        }
    }
}

impl From<ReplayedEvent> for ReplayedEventView {
    fn from(done: ReplayedEvent) -> Self {
        Self {
            event: done.event.to_string(),
            edited_from: done.edited_from.map(|id| id.to_string()),
            deliveries: done.deliveries.into_iter().map(MadeReplayView::from).collect(),
            still_open: done.still_open.iter().map(ToString::to_string).collect(),
        }
    }
}
