//! Acts with their entries in the audit log, each in one place: the API and the admin's pages both come here.

use serde_json::{Value, json};

use super::body::too_large;
use super::deliveries::acts::replayed_detail;
use super::origin::Origin;
use super::replays::started_detail;
use super::{ApiState, Problem};
use crate::domain::act::{MadeReplay, Resolution};
use crate::domain::audit::Action;
use crate::domain::id::{DeliveryId, EventId, RejectedId, ReplayId};
use crate::domain::replay::ReplayJob;
use crate::domain::user::User;
use crate::intake::Late;
use crate::replays::{Edit, Order, ReplayedEvent};

/// Who does something, and from where.
pub(crate) struct Doer {
    pub user: User,
    pub origin: Origin,
}

impl Doer {
    /// Replays a delivery.
    pub(crate) async fn replay(
        self,
        state: &ApiState,
        id: DeliveryId,
        to: Option<&str>,
        note: Option<String>,
    ) -> Result<MadeReplay, Problem> {
        let made = state.replays.replay(id, to, note, &self.user.username).await?;
        let detail = json!({ "plugin": made.plugin, "replay": made.id });
        self.note(state, Action::DeliveryReplay, id.to_string(), detail)
            .await?;
        Ok(made)
    }

    /// Replays an event as it is.
    pub(crate) async fn replay_event(
        self,
        state: &ApiState,
        id: EventId,
        plugins: Option<&[String]>,
        note: Option<String>,
    ) -> Result<ReplayedEvent, Problem> {
        let replays = &state.replays;
        let done = replays
            .replay_event(id, plugins, note, &self.user.username)
            .await?;
        self.note_event_replay(state, id, &done).await?;
        Ok(done)
    }

    /// Makes another event of one, with another payload, and brings it to whom it is for.
    pub(crate) async fn edit_event(
        self,
        state: &ApiState,
        id: EventId,
        edit: Edit,
        plugins: Option<&[String]>,
        note: Option<String>,
    ) -> Result<ReplayedEvent, Problem> {
        if edit.payload.len() > state.max_body {
            return Err(too_large(state.max_body));
        }
        let replays = &state.replays;
        let done = replays.edit(id, edit, plugins, note, &self.user.username).await?;
        self.note_event_replay(state, id, &done).await?;
        Ok(done)
    }

    /// Gives an order about many deliveries.
    pub(crate) async fn start_order(self, state: &ApiState, order: Order) -> Result<ReplayJob, Problem> {
        let job = state.replays.start(order, &self.user.username).await?;
        let detail = started_detail(&job);
        self.note(state, Action::ReplayStart, job.id.to_string(), detail)
            .await?;
        Ok(job)
    }

    /// Ends an order that runs.
    pub(crate) async fn cancel_order(self, state: &ApiState, id: ReplayId) -> Result<ReplayJob, Problem> {
        let job = state.replays.cancel(id, &self.user.username).await?;
        self.note(state, Action::ReplayCancel, job.id.to_string(), json!({}))
            .await?;
        Ok(job)
    }

    /// Gives a delivery up.
    pub(crate) async fn discard(self, state: &ApiState, id: DeliveryId, reason: &str) -> Result<(), Problem> {
        state.replays.discard(id, reason, &self.user.username).await?;
        self.note(state, Action::DeliveryDiscard, id.to_string(), json!({}))
            .await
    }

    /// Settles a delivery whose outcome nobody knew.
    pub(crate) async fn resolve(
        self,
        state: &ApiState,
        id: DeliveryId,
        to: Resolution,
        note: Option<String>,
    ) -> Result<(), Problem> {
        state.replays.resolve(id, to, note, &self.user.username).await?;
        self.note(
            state,
            Action::DeliveryResolve,
            id.to_string(),
            json!({ "as": to }),
        )
        .await
    }

    /// Takes a refused request in after all.
    pub(crate) async fn accept(self, state: &ApiState, id: RejectedId) -> Result<Late, Problem> {
        let late = state.sources.accept_late(id, &self.user.username).await?;
        let ids: Vec<_> = late.events.iter().map(|event| event.id.to_string()).collect();
        let detail = json!({ "events": ids });
        self.note(state, Action::RejectedAccept, id.to_string(), detail)
            .await?;
        Ok(late)
    }

    /// Notes that an event was replayed, or edited.
    pub(crate) async fn note_event_replay(
        self,
        state: &ApiState,
        id: EventId,
        done: &ReplayedEvent,
    ) -> Result<(), Problem> {
        self.note(state, Action::EventReplay, id.to_string(), replayed_detail(done))
            .await
    }

    /// Notes what was done.
    pub(crate) async fn note(
        self,
        state: &ApiState,
        action: Action,
        target: impl AsRef<str> + Send,
        detail: Value,
    ) -> Result<(), Problem> {
        self.origin.note(state, &self.user, action, target, detail).await
    }
}
