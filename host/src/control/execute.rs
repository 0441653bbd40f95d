//! Does commands. Who holds the data directory may do everything.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Answer, Request, ageing, audit, keys, plugins, rejected, replays, routes, schedules, secrets, state, top,
    users,
};
use crate::app::App;
use crate::dispatch::{self, Once};
use crate::domain::audit::Actor;
use crate::domain::delivery::DeliveryHistory;
use crate::domain::event::{Event, EventFilter, EventKind, EventOrder, EventStatus};
use crate::domain::id::{DeliveryId, EventId};
use crate::domain::page::PageRequest;
use crate::domain::time::Timestamp;
use crate::http::Problem;
use crate::http::page::count_exact;
use crate::http::views::{Audience, DeliveryView, EventDetail, EventView};
use crate::intake::Submission;

/// Does one command, and notes what it changed.
pub(super) async fn execute(app: &App, request: Request, by: &Actor) -> anyhow::Result<Answer> {
    let change = audit::change(&request);
    let answer = perform(app, request, by).await?;
    if let Some((action, target, detail)) = change {
        app.audit
            .record(by, action, target, detail)
            .await
            .context("it was done, and cannot be noted in the audit log")?;
    }
    Ok(answer)
}

async fn perform(app: &App, request: Request, by: &Actor) -> anyhow::Result<Answer> {
    match request {
        Request::Keys(request) => keys::execute(app, request, by).await,
        Request::Ageing(request) => ageing::execute(app, request).await,
        Request::Audit { filter, limit } => audit::list(app, &filter, limit).await,
        Request::EventList {
            source,
            event_type,
            status,
            plugin,
            limit,
        } => {
            let status = status.map(|text| text.parse()).transpose()?;
            let filter = EventFilter {
                source,
                event_type,
                status,
                plugin,
                ..EventFilter::default()
            };
            let page = PageRequest { page: 1, size: limit };
            let page = app.store.events(&filter, EventOrder::NewestFirst, page).await?;
            let (count, count_exact) = (page.total, count_exact(page.total()));
            let results = page.items.into_iter().map(EventRow::from).collect();
            Answer::of(&EventPage {
                count,
                count_exact: count_exact.unwrap_or(true),
                results,
            })
        }
        Request::EventShow { id } => show_event(app, &id).await,
        Request::EventSend {
            source,
            event_type,
            body,
        } => send_event(app, source, event_type, &body).await,
        Request::Routes(request) => routes::execute(app, request).await,
        Request::NodeList => Answer::of(&app.nodes().list().await?),
        Request::Top => Answer::of(&top::standing(app).await?),
        Request::PluginList => plugins::list(app),
        Request::PluginEnable { name, enabled } => plugins::set_enabled(app, &name, enabled).await,
        Request::PluginAdd { section } => plugins::add(app, section).await,
        Request::PluginReloads { name } => plugins::reloads(app, &name).await,
        Request::PluginRollback { name, undo, from } => {
            plugins::roll_back(app, &name, undo, &by.name, from.as_ref()).await
        }
        Request::PluginRun { name, action, input } => run_action(app, &name, &action, &input).await,
        Request::Secrets(request) => secrets::execute(app, request).await,
        Request::Rejected(request) => rejected::execute(app, request, by).await,
        Request::State(request) => state::execute(app, request).await,
        Request::Replays(request) => replays::execute(app, *request, by).await,
        Request::ScheduleList => schedules::list(app).await,
        Request::ScheduleRun { name, plugin } => schedules::run(app, plugin.as_deref(), &name).await,
        Request::ScheduleHistory { name, plugin, limit } => {
            schedules::history(app, plugin.as_deref(), &name, limit).await
        }
        request @ (Request::UserList
        | Request::UserCreate { .. }
        | Request::UserPassword { .. }
        | Request::UserSet { .. }
        | Request::UserSignOut { .. }) => users::execute(app, request).await,
        other => super::processes::execute(app, other, &by.name).await,
    }
}

async fn show_event(app: &App, id: &str) -> anyhow::Result<Answer> {
    let id = EventId::written(id).with_context(|| format!("`{id}` is not an event's id"))?;
    let event = app.store.event(id).await?;
    let event = event.ok_or_else(|| anyhow!("there is no event {id}"))?;
    let deliveries = views_of(app, app.store.deliveries(id).await?)?;
    Answer::of(&EventDetail {
        event: EventView::of(event)?,
        deliveries,
    })
}

async fn send_event(app: &App, source: String, event_type: String, body: &str) -> anyhow::Result<Answer> {
    routed(app)?;
    let body = base64::engine::general_purpose::STANDARD
        .decode(body)
        .context("the body is not Base64")?;
    if body.len() > app.settings.max_body {
        bail!(
            "the body has {} bytes; at most {} are taken (HOOKYARD_MAX_BODY)",
            body.len(),
            app.settings.max_body
        );
    }
    let submission = Submission {
        kind: EventKind::Webhook,
        source,
        event_type,
        headers: Vec::new(),
        content_type: "application/json".to_owned(),
        body: Bytes::from(body),
        owner: None,
    };
    let accepted = app.intake.submit(submission).await?;
    Answer::of(&json!({"id": accepted.id.to_string(), "status": accepted.status}))
}

/// Refuses what would be stored without its deliveries: nothing is in force when no server runs and
/// the file is wrong.
pub(super) fn routed(app: &App) -> anyhow::Result<()> {
    match app.operator.rejected() {
        Some(error) if !app.dispatching() => {
            bail!("nothing was stored, since plugins.toml is wrong:\n{error}")
        }
        _ => Ok(()),
    }
}

/// Stores the action as an event with one delivery, and waits for its first attempt.
async fn run_action(app: &App, name: &str, action: &str, input: &Value) -> anyhow::Result<Answer> {
    routed(app)?;
    let submitted = app.actions().submit(name, action, input, None).await?;
    follow_attempt(app, submitted.timeout, submitted.event, submitted.delivery).await
}

/// Sees to it that a stored delivery runs, and waits for its first attempt, whose run may take
/// `timeout`.
pub(super) async fn follow_attempt(
    app: &App,
    timeout: Duration,
    event: EventId,
    delivery: DeliveryId,
) -> anyhow::Result<Answer> {
    let mut limit = timeout + ACTION_SLACK;
    if !app.dispatching() && dispatch::run_once(&app.dispatch_parts(), delivery).await? == Once::NotLoaded {
        limit = Duration::ZERO;
    }
    let tried = app.actions().first_attempt(event, delivery, limit).await?;
    let history = match tried {
        Some(history) => history,
        // It stays queued, which is what its state says.
        None => waiting(app, event, delivery).await?,
    };
    Answer::of(&ActionRun {
        event: event.to_string(),
        delivery: DeliveryView::of(history, Audience::Staff, &app.waits())?,
    })
}

/// A delivery as it waits.
async fn waiting(app: &App, event: EventId, delivery: DeliveryId) -> anyhow::Result<DeliveryHistory> {
    let histories = app.store.deliveries(event).await?;
    let found = histories.into_iter().find(|one| one.delivery.id == delivery);
    found.ok_or_else(|| anyhow!("event {event} is no longer there"))
}

/// What came of an action or a schedule's run.
#[derive(Serialize)]
struct ActionRun {
    event: String,
    delivery: DeliveryView,
}

/// The first page of a list.
#[derive(Serialize)]
struct EventPage {
    count: u64,
    /// When not, there are more than `count`.
    count_exact: bool,
    results: Vec<EventRow>,
}

/// An event in a list: without its payload, which may be large.
#[derive(Serialize)]
struct EventRow {
    id: EventId,
    source: String,
    #[serde(rename = "type")]
    event_type: String,
    status: EventStatus,
    received_at: Timestamp,
    error_message: Option<String>,
}

impl From<Event> for EventRow {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            source: event.source,
            event_type: event.event_type,
            status: event.status,
            received_at: event.received_at,
            error_message: event.error_message,
        }
    }
}

fn views_of(app: &App, histories: Vec<DeliveryHistory>) -> anyhow::Result<Vec<DeliveryView>> {
    let waits = app.waits();
    histories
        .into_iter()
        .map(|history| DeliveryView::of(history, Audience::Staff, &waits))
        .collect::<Result<_, Problem>>()
        .map_err(Into::into)
}

/// How long an action may wait for a free slot and its commit, beside its own timeout.
const ACTION_SLACK: Duration = Duration::from_secs(30);
