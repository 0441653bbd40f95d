//! One schedule in force, and its events.

use bytes::Bytes;
use serde_json::json;

use super::Parts;
use crate::domain::delivery::NewDelivery;
use crate::domain::event::{EventKind, NewEvent};
use crate::domain::id::{DeliveryId, EventId};
use crate::domain::plugin::PluginName;
use crate::domain::schedule::{
    NewTick, RunOutcome, ScheduleInForce, ScheduleKey, ScheduleSpec, TickAction, Ticked,
};
use crate::domain::time::Timestamp;
use crate::store::StoreResult;

/// The source of every tick's event.
const SOURCE: &str = "schedule";

/// A schedule and how far it has come.
pub(super) struct Entry {
    key: ScheduleKey,
    spec: ScheduleSpec,
    /// Every moment up to here has been dealt with.
    since: Timestamp,
    /// The first moment after `since`; `None` when it has to be computed.
    next: Option<Timestamp>,
    /// It is paused, and something is due.
    is_held: bool,
    /// It was until now, and what came due meanwhile is not dealt with.
    was_held: bool,
}

impl Entry {
    pub(super) fn new(plugin: &PluginName, spec: ScheduleSpec, since: Timestamp) -> Self {
        let key = ScheduleKey {
            plugin: plugin.clone(),
            schedule: spec.name.clone(),
        };
        Self {
            key,
            spec,
            since,
            next: None,
            is_held: false,
            was_held: false,
        }
    }

    pub(super) fn key(&self) -> &ScheduleKey {
        &self.key
    }

    /// Whether a moment has come that is not dealt with.
    pub(super) fn is_due(&mut self, now: Timestamp) -> bool {
        self.next().is_some_and(|next| next <= now)
    }

    /// Holds it while it is paused and something is due, or lets it go.
    pub(super) fn hold(&mut self, is_due: bool, is_paused: bool) {
        self.was_held = is_due && !is_paused && (self.is_held || self.was_held);
        self.is_held = is_due && is_paused;
    }

    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    pub(super) fn in_force(&self) -> ScheduleInForce {
        in_force(&self.key, &self.spec)
    }

    /// Every moment up to `since` has been dealt with.
    pub(super) fn begin(&mut self, since: Timestamp) {
        self.since = since;
        self.next = None;
    }

    /// The next moment.
    pub(super) fn next(&mut self) -> Option<Timestamp> {
        if self.next.is_none() {
            self.next = self.spec.next_after(self.since);
        }
        self.next
    }

    /// Records what is due at `now`.
    pub(super) async fn make_due(&mut self, parts: &Parts, now: Timestamp) -> StoreResult<()> {
        if now < self.since {
            // The clock went back. Moments that come again have their rows already.
            self.begin(now);
        }
        if !self.is_due(now) {
            return Ok(());
        }
        let due = if self.was_held {
            self.spec.due_after_pause(self.since, now)
        } else {
            self.spec.due(self.since, now)
        };
        if let Some(missed) = due.missed
            && self.record(parts, missed, now, TickAction::Miss).await? == Ticked::Paused
        {
            return Ok(());
        }
        for moment in due.ticks {
            let event = Box::new(tick_event(&self.key, &self.spec, moment, now));
            let action = TickAction::Make(event, self.spec.overlap);
            if self.record(parts, moment, now, action).await? == Ticked::Paused {
                return Ok(());
            }
        }
        self.was_held = false;
        Ok(())
    }

    /// Records a moment. One of a schedule that was paused just now stays undealt with.
    async fn record(
        &mut self,
        parts: &Parts,
        planned_at: Timestamp,
        now: Timestamp,
        action: TickAction,
    ) -> StoreResult<Ticked> {
        let tick = NewTick {
            schedule: self.in_force(),
            planned_at,
            recorded_at: now,
            action,
        };
        let ticked = parts.store.record_tick(&tick).await?;
        if ticked == Ticked::Recorded(RunOutcome::Made) {
            parts.wake.ring([&self.key.plugin]);
        }
        if let Ticked::Recorded(outcome) = ticked {
            tracing::info!(plugin = %self.key.plugin, schedule = %self.key.schedule, %planned_at, ?outcome, "schedule tick");
        }
        if ticked != Ticked::Paused {
            self.begin(planned_at);
        }
        Ok(ticked)
    }
}

/// The schedule with what tells it from an earlier one of its name.
pub(super) fn in_force(key: &ScheduleKey, spec: &ScheduleSpec) -> ScheduleInForce {
    ScheduleInForce {
        key: key.clone(),
        rule: spec.rule(),
    }
}

/// The event that stands for a moment, with its one delivery.
pub(super) fn tick_event(
    key: &ScheduleKey,
    spec: &ScheduleSpec,
    planned_at: Timestamp,
    now: Timestamp,
) -> NewEvent {
    let payload = json!({
        "cron": spec.cron.as_str(),
        "planned_at": planned_at.as_millis(),
        "input": spec.input,
    });
    NewEvent {
        id: EventId::generate(),
        kind: EventKind::Schedule,
        source: SOURCE.to_owned(),
        event_type: key.schedule.to_string(),
        headers: Vec::new(),
        content_type: "application/json".to_owned(),
        body: Bytes::from(payload.to_string()),
        payload: None,
        received_at: now,
        owner: None,
        redacted: Vec::new(),
        once: None,
        deliveries: vec![NewDelivery {
            id: DeliveryId::generate(),
            plugin: key.plugin.clone(),
            order_key: None,
        }],
    }
}
