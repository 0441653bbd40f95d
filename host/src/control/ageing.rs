//! Purging, exporting and sealing events anew, in rounds: each command does a bounded part and says where to go on, so
//! that neither the reply nor the time it takes grows with the database.

use std::time::{Duration, Instant};

use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Answer;
use crate::app::App;
use crate::domain::event::{Event, EventFilter, ListedEvent};
use crate::domain::id::{AttemptId, RejectedId};
use crate::domain::retention::Scope;
use crate::domain::time::Timestamp;
use crate::http::views::EventView;
use crate::retention::{PURGE_STEP, RECLAIM_PAGES};
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
        let last = places.last().copied();
        if last.is_some() {
            let ids: Vec<_> = places.iter().map(|place| place.id).collect();
            let gone = app.store.purge_events(purge, &ids).await?;
            app.metrics.events_purged(gone);
            events += gone;
            after = last;
        }
        // When nothing is left to purge, until all is given back that the steps have left free.
        let given_back = app.store.reclaim(RECLAIM_PAGES).await?;
        if last.is_none() && given_back == 0 {
            return Answer::of(&json!({ "events": events, "more": false }));
        }
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
    let fits = |listed: &ListedEvent| {
        let before = bytes;
        bytes = bytes.saturating_add(listed.event.body.len());
        before < MAX_ROUND_BYTES
    };
    let kept = events.iter().map(fits).take_while(|fits| *fits).count();
    events.truncate(kept);
    let after = events.last().map(|listed| Place {
        at: listed.event.received_at,
        id: listed.event.id,
    });
    let mut rows = Vec::with_capacity(events.len());
    let mut unreadable = Vec::new();
    for listed in events {
        match listed.unreadable {
            None => rows.push(Row::of(listed.event)?),
            Some(why) => unreadable.push(why),
        }
    }
    Answer::of(&json!({ "after": after, "events": rows, "unreadable": unreadable }))
}

/// Bytes of bodies in one round's reply, beside its last event.
const MAX_ROUND_BYTES: usize = 4 << 20;

/// An event in an export. The body is given as text, or in Base64 where it is not UTF-8.
#[derive(Serialize)]
struct Row {
    id: String,
    source: String,
    #[serde(rename = "type")]
    event_type: String,
    kind: &'static str,
    received_at: String,
    processed_at: Option<String>,
    status: &'static str,
    error_message: Option<String>,
    headers: Vec<(String, String)>,
    content_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    /// Where in the body the payload is, in bytes, when it came in an envelope.
    payload: Option<(usize, usize)>,
    redacted: Vec<String>,
}

impl Row {
    fn of(event: Event) -> anyhow::Result<Self> {
        let body = event.body.clone();
        let payload = event.payload.clone().map(|range| (range.start, range.end));
        let headers = event
            .headers
            .iter()
            .map(|header| (header.name.clone(), header.value.clone()));
        let headers = headers.collect();
        let view = EventView::of(event)?;
        let text = std::str::from_utf8(&body).ok().map(str::to_owned);
        Ok(Self {
            id: view.id,
            source: view.source,
            event_type: view.event_type,
            kind: view.kind,
            received_at: view.received_at,
            processed_at: view.processed_at,
            status: view.status,
            error_message: view.error_message,
            headers,
            content_type: view.content_type,
            body_base64: text.is_none().then(|| STANDARD.encode(&body)),
            body: text,
            payload,
            redacted: view.redacted,
        })
    }
}
