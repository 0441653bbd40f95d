//! Purging, exporting and sealing events anew, in rounds: each command does a bounded part and says where to go on, so
//! that neither the reply nor the time it takes grows with the database.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Answer;
use crate::app::App;
use crate::domain::event::{Event, EventFilter};
use crate::domain::id::{AttemptId, RejectedId};
use crate::domain::retention::Scope;
use crate::domain::time::Timestamp;
use crate::http::views::ExportedEvent;
use crate::retention::PURGE_STEP;
use crate::store::{Place, Purge};

/// How long one round takes at most.
const ROUND: Duration = Duration::from_secs(10);
/// Pause between two steps of a purge, in which others write.
const STEP_PAUSE: Duration = Duration::from_millis(20);
/// Events or attempts that one step seals anew.
const RESEAL_STEP: u32 = 50;
/// Events of one round of an export.
const EXPORT_STEP: u32 = 16;

/// What can be asked about many events at once.
#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum AgeingCommand {
    /// Removes finished events that came before a moment.
    Purge {
        before: Timestamp,
        source: Option<String>,
        /// Failed and held ones too.
        failed: bool,
        /// Only count them.
        dry_run: bool,
    },
    /// Events in the order of their coming, after a place.
    Export {
        source: Option<String>,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        after: Option<Place>,
    },
    /// Seals events, attempts and refused requests anew.
    Reseal { after: Resume },
    /// Writes the database's file anew.
    Vacuum,
}

/// Where sealing anew goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resume {
    Events(Option<Place>),
    Attempts(Option<AttemptId>),
    Rejected(Option<RejectedId>),
}

pub(super) async fn execute(app: &App, request: AgeingCommand) -> anyhow::Result<Answer> {
    match request {
        AgeingCommand::Purge {
            before,
            source,
            failed,
            dry_run,
        } => {
            ensure!(before <= app.clock.now(), "{before} has not come yet");
            let place = Some(Place::before(before));
            let purge = Purge {
                scope: source.map_or_else(|| Scope::Others(Vec::new()), Scope::Source),
                processed: place,
                failed: place.filter(|_| failed),
            };
            if dry_run {
                let events = app.store.count_purgeable(&purge).await?;
                return Answer::of(&json!({ "events": events, "more": false }));
            }
            purge_round(app, &purge).await
        }
        AgeingCommand::Export {
            source,
            since,
            until,
            after,
        } => {
            let filter = EventFilter {
                source,
                since,
                until,
                ..EventFilter::default()
            };
            export_round(app, &filter, after).await
        }
        AgeingCommand::Reseal { after } => reseal_round(app, after).await,
        AgeingCommand::Vacuum => {
            app.store.vacuum().await?;
            Answer::of(&json!({ "vacuumed": true }))
        }
    }
}

async fn purge_round(app: &App, purge: &Purge) -> anyhow::Result<Answer> {
    let began = Instant::now();
    let (mut events, mut after) = (0, None);
    loop {
        let places = app.store.purgeable_events(purge, after, PURGE_STEP).await?;
        let Some(last) = places.last().copied() else {
            return Answer::of(&json!({ "events": events, "more": false }));
        };
        let ids: Vec<_> = places.iter().map(|place| place.id).collect();
        let gone = app.store.purge_events(purge, &ids).await?;
        app.metrics.events_purged(gone);
        events += gone;
        after = Some(last);
        if began.elapsed() >= ROUND {
            return Answer::of(&json!({ "events": events, "more": true }));
        }
        tokio::time::sleep(STEP_PAUSE).await;
    }
}

/// Events first, attempts and refused requests after them.
async fn reseal_round(app: &App, mut after: Resume) -> anyhow::Result<Answer> {
    let began = Instant::now();
    let mut rows = 0;
    loop {
        let step = match after {
            Resume::Events(place) => {
                let step = app.store.reseal_events(place, RESEAL_STEP).await?;
                let next = step.last.map(|last| Resume::Events(Some(last)));
                after = next.unwrap_or(Resume::Attempts(None));
                step.rows
            }
            Resume::Attempts(id) => {
                let step = app.store.reseal_attempts(id, RESEAL_STEP).await?;
                let next = step.last.map(|last| Resume::Attempts(Some(last)));
                after = next.unwrap_or(Resume::Rejected(None));
                step.rows
            }
            Resume::Rejected(id) => {
                let step = app.store.reseal_rejected(id, RESEAL_STEP).await?;
                let Some(last) = step.last else {
                    return Answer::of(&json!({ "rows": rows, "more": false, "after": after, "left": 0 }));
                };
                after = Resume::Rejected(Some(last));
                step.rows
            }
        };
        rows += step;
        if began.elapsed() >= ROUND {
            let left = app.store.count_unresealed().await?;
            return Answer::of(&json!({ "rows": rows, "more": true, "after": after, "left": left }));
        }
        tokio::time::sleep(STEP_PAUSE).await;
    }
}

async fn export_round(app: &App, filter: &EventFilter, after: Option<Place>) -> anyhow::Result<Answer> {
    let mut events = app.store.events_after(filter, after, EXPORT_STEP).await?;
    // A round's reply holds at most one large body more than this.
    let mut bytes = 0_usize;
    let fits = |event: &Event| {
        let before = bytes;
        bytes = bytes.saturating_add(event.body.len());
        before < MAX_ROUND_BYTES
    };
    let kept = events.iter().map(fits).take_while(|fits| *fits).count();
    events.truncate(kept);
    let after = events.last().map(|event| Place {
        at: event.received_at,
        id: event.id,
    });
    let rows = events
        .into_iter()
        .map(ExportedEvent::of)
        .collect::<Result<Vec<_>, _>>()?;
    Answer::of(&json!({ "after": after, "events": rows }))
}

/// Bytes of bodies in one round's reply, beside its last event.
const MAX_ROUND_BYTES: usize = 4 << 20;
