//! Commands about deliveries: lists, replays, discards, resolutions, and orders for many.

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Answer;
use super::execute::routed;
use crate::app::App;
use crate::domain::act::Resolution;
use crate::domain::audit::{Action, Actor};
use crate::domain::delivery::DeliveryState;
use crate::domain::event::Header;
use crate::domain::id::{DeliveryId, EventId, ReplayId};
use crate::domain::page::PageRequest;
use crate::domain::replay::{DeliveryFilter, JobKind};
use crate::domain::time::Timestamp;
use crate::http::deliveries::acts::replayed_detail;
use crate::http::deliveries::{DeliveryCountView, DeliveryDetailView, ListedDeliveryView};
use crate::http::page::count_exact;
use crate::http::replays::{DryRunView, ReplayView, started_detail};
use crate::replays::{Edit, Order};

/// Which deliveries, as a person writes it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Which {
    pub plugin: Option<String>,
    pub state: Option<String>,
    pub source: Option<String>,
    pub event_type: Option<String>,
    pub since: Option<String>,
    pub until: Option<String>,
    pub error: Option<String>,
    pub replayed: Option<bool>,
}

/// What can be asked about deliveries.
#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum ReplayRequest {
    List {
        which: Which,
        page: u32,
        limit: u32,
    },
    Counts,
    Show {
        id: String,
    },
    /// Replays of deliveries.
    Replay {
        ids: Vec<String>,
        to: Option<String>,
        note: Option<String>,
    },
    /// The replay of an event; `payload` in Base64.
    ReplayEvent {
        id: String,
        plugins: Option<Vec<String>>,
        payload: Option<String>,
        headers: Option<Vec<Header>>,
        note: Option<String>,
    },
    Discard {
        ids: Vec<String>,
        reason: String,
    },
    Resolve {
        id: String,
        to: String,
        note: Option<String>,
    },
    /// An order for all that a filter finds.
    Order {
        kind: String,
        which: Which,
        to: Option<String>,
        rate: Option<String>,
        note: Option<String>,
        dry_run: bool,
    },
    Orders {
        limit: u32,
    },
    OrderShow {
        id: String,
    },
    OrderCancel {
        id: String,
    },
}

impl ReplayRequest {
    /// Whether it looks at what is in `plugins.toml`.
    pub(super) fn needs_plugins(&self) -> bool {
        matches!(
            self,
            Self::Show { .. }
                | Self::Replay { .. }
                | Self::ReplayEvent { .. }
                | Self::Resolve { .. }
                | Self::Order { .. }
        )
    }
}

/// Does one command. Where it does several things, or makes something, it notes each as soon as it is done: the next
/// one may fail.
pub(super) async fn execute(app: &App, request: ReplayRequest, by: &Actor) -> anyhow::Result<Answer> {
    match request {
        ReplayRequest::List { which, page, limit } => list(app, which, page, limit).await,
        ReplayRequest::Counts => {
            let counts = app.store.delivery_counts().await?.into_iter();
            Answer::of(&counts.map(DeliveryCountView::from).collect::<Vec<_>>())
        }
        ReplayRequest::Show { id } => show(app, delivery_id(&id)?).await,
        ReplayRequest::Replay { ids, to, note } => {
            routed(app)?;
            let mut made = Vec::with_capacity(ids.len());
            for id in ids {
                let id = delivery_id(&id)?;
                let replay = app
                    .replays
                    .replay(id, to.as_deref(), note.clone(), &by.name)
                    .await;
                let replay = replay.with_context(|| already(&made))?;
                let detail = json!({ "plugin": replay.plugin, "replay": replay.id });
                note_change(app, by, Action::DeliveryReplay, &id.to_string(), detail).await?;
                made.push(replay);
            }
            Answer::of(&made)
        }
        ReplayRequest::ReplayEvent {
            id,
            plugins,
            payload,
            headers,
            note,
        } => {
            routed(app)?;
            let id = EventId::written(&id).with_context(|| format!("`{id}` is not an event's id"))?;
            let plugins = plugins.as_deref();
            let done = match payload {
                None => app.replays.replay_event(id, plugins, note, &by.name).await?,
                Some(payload) => {
                    let edit = edit(app, &payload, headers)?;
                    app.replays.edit(id, edit, plugins, note, &by.name).await?
                }
            };
            note_change(
                app,
                by,
                Action::EventReplay,
                &id.to_string(),
                replayed_detail(&done),
            )
            .await?;
            Answer::of(&done)
        }
        ReplayRequest::Discard { ids, reason } => {
            let mut done = Vec::with_capacity(ids.len());
            for id in ids {
                let id = delivery_id(&id)?;
                let discarded = app.replays.discard(id, &reason, &by.name).await;
                discarded.with_context(|| already(&done))?;
                note_change(app, by, Action::DeliveryDiscard, &id.to_string(), json!({})).await?;
                done.push(id);
            }
            Answer::of(&json!({ "discarded": done }))
        }
        ReplayRequest::Resolve { id, to, note } => {
            let (id, to) = (delivery_id(&id)?, to.parse::<Resolution>()?);
            app.replays.resolve(id, to, note, &by.name).await?;
            show(app, id).await
        }
        order => orders(app, order, by).await,
    }
}

async fn orders(app: &App, request: ReplayRequest, by: &Actor) -> anyhow::Result<Answer> {
    match request {
        ReplayRequest::Order {
            kind,
            which,
            to,
            rate,
            note,
            dry_run,
        } => {
            routed(app)?;
            let order = Order {
                kind: kind.parse::<JobKind>()?,
                filter: filter(which, app.clock.now())?,
                to,
                rate: rate.as_deref().map(str::parse).transpose()?,
                note,
            };
            if dry_run {
                let dry = app.replays.dry_run(&order, &by.name).await?;
                return Answer::of(&DryRunView::from(dry));
            }
            let mut job = app.replays.start(order, &by.name).await?;
            note_change(
                app,
                by,
                Action::ReplayStart,
                &job.id.to_string(),
                started_detail(&job),
            )
            .await?;
            if !app.dispatching() {
                job = app.replays.run_to_end(job.id).await?;
            }
            Answer::of(&ReplayView::from(job))
        }
        ReplayRequest::Orders { limit } => {
            let page = PageRequest { page: 1, size: limit };
            let jobs = app.store.replay_jobs(page).await?;
            let results: Vec<_> = jobs.items.into_iter().map(ReplayView::from).collect();
            Answer::of(&json!({ "count": jobs.total, "results": results }))
        }
        ReplayRequest::OrderShow { id } => {
            let id = order_id(&id)?;
            let job = app.store.replay_job(id).await?;
            let job = job.ok_or_else(|| anyhow!("there is no order {id}"))?;
            Answer::of(&ReplayView::from(job))
        }
        ReplayRequest::OrderCancel { id } => {
            let job = app.replays.cancel(order_id(&id)?, &by.name).await?;
            Answer::of(&ReplayView::from(job))
        }
        _ => Err(anyhow!("this is not about orders")),
    }
}

/// Writes to the audit log what has just been done.
async fn note_change(
    app: &App,
    by: &Actor,
    action: Action,
    target: &str,
    detail: Value,
) -> anyhow::Result<()> {
    let noted = app.audit.record(by, action, target, detail).await;
    noted.context("it was done, and cannot be noted in the audit log")
}

async fn list(app: &App, which: Which, page: u32, limit: u32) -> anyhow::Result<Answer> {
    let page = PageRequest { page, size: limit };
    let filter = filter(which, app.clock.now())?;
    let found = app.store.delivery_list(&filter, page).await?;
    let total = found.total();
    let results: Vec<_> = found.items.into_iter().map(ListedDeliveryView::from).collect();
    Answer::of(&json!({
        "count": total.count,
        "count_exact": count_exact(total).unwrap_or(true),
        "results": results,
    }))
}

async fn show(app: &App, id: DeliveryId) -> anyhow::Result<Answer> {
    let found = app.store.delivery_detail(id).await?;
    let found = found.ok_or_else(|| anyhow!("there is no delivery {id}"))?;
    Answer::of(&DeliveryDetailView::of(found, &app.waits())?)
}

fn edit(app: &App, payload: &str, headers: Option<Vec<Header>>) -> anyhow::Result<Edit> {
    let payload = Bytes::from(STANDARD.decode(payload).context("the payload is not Base64")?);
    anyhow::ensure!(
        payload.len() <= app.settings.max_body,
        "the payload has {} bytes; at most {} are taken (HOOKYARD_MAX_BODY)",
        payload.len(),
        app.settings.max_body
    );
    Ok(Edit { payload, headers })
}

/// What is looked for. How long ago is counted back from `now`, so that an order is about what was so when it was given.
fn filter(which: Which, now: Timestamp) -> anyhow::Result<DeliveryFilter> {
    let moment = |flag: &'static str, text: Option<String>| {
        let read = |text: String| Timestamp::looking_back(&text, now).context(flag);
        text.map(read).transpose()
    };
    let state: Option<DeliveryState> = which.state.as_deref().map(str::parse).transpose()?;
    Ok(DeliveryFilter {
        plugin: which.plugin.as_deref().map(str::parse).transpose()?,
        state,
        source: which.source,
        event_type: which.event_type,
        since: moment("--since", which.since)?,
        until: moment("--until", which.until)?,
        error: which.error,
        replayed: which.replayed,
        inside: None,
    })
}

fn delivery_id(text: &str) -> anyhow::Result<DeliveryId> {
    text.parse()
        .with_context(|| format!("`{text}` is not a delivery's id"))
}

fn order_id(text: &str) -> anyhow::Result<ReplayId> {
    text.parse()
        .with_context(|| format!("`{text}` is not an order's id"))
}

/// What was done before one of several failed.
fn already<T>(done: &[T]) -> String {
    match done.len() {
        0 => "nothing was done".to_owned(),
        count => format!("the first {count} were done, the rest were not"),
    }
}
