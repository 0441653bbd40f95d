//! The first run: a key for an hour, the command of a first event, and the event as it comes in and is delivered.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::bin::{self, BinStanding};
use super::guard::{MayAct, MayLook};
use super::layout::{self, Layout, Section};
use super::say::When;
use super::shell;
use crate::auth::KeyRequest;
use crate::domain::access::Right;
use crate::domain::api_key::SourceScope;
use crate::domain::event::{Event, EventFilter, EventOrder};
use crate::domain::page::PageRequest;
use crate::domain::time::Timestamp;
use crate::http::doer::Doer;
use crate::http::origin::Origin;
use crate::http::{ApiState, Problem};

/// The one source that a first run's key may name.
pub const SOURCE: &str = "first-run";

/// Where the page lies.
pub const PAGE: &str = "/admin/first-run/";

/// How long a first run's key works: long enough to try a few things, too short to be built upon.
const KEY_AGE: Duration = Duration::from_hours(1);

/// Events that are shown: each is read with its deliveries.
const SHOWN: u32 = 5;

#[derive(Template)]
#[template(path = "first_run.html")]
struct FirstRunPage {
    layout: Layout,
    bin: Option<BinStanding>,
    bin_href: String,
    /// A key that was just made, as a command: shown this once.
    command: Option<Command>,
    arrived: Vec<Arrived>,
}

/// The command that sends a first event.
struct Command {
    text: String,
    expires: When,
}

/// An event of a first run.
struct Arrived {
    href: String,
    event_type: String,
    status: &'static str,
    received: When,
    /// Where it went, and how that stands.
    deliveries: Vec<Delivered>,
}

/// A delivery of it.
struct Delivered {
    plugin: String,
    state: &'static str,
    /// What the plugin said of it, or what went wrong; may be empty.
    text: String,
}

/// Shows what has arrived.
pub async fn page(State(state): State<ApiState>, by: MayLook) -> Result<Response, Problem> {
    layout::render(&assemble(&state, &by, None).await?)
}

/// Makes a key that may name the one source for an hour, and shows it this once in the command that uses it. Whoever may
/// send may have it: it can do less than they can.
pub async fn make_key(
    State(state): State<ApiState>,
    origin: Origin,
    headers: HeaderMap,
    MayAct { by, .. }: MayAct,
) -> Result<Response, Problem> {
    by.must(Right::Send)?;
    let now = state.waits.clock.now();
    let expires = now.plus(KEY_AGE);
    let sources = SourceScope::new(&[SOURCE.to_owned()]);
    let request = KeyRequest {
        name: "a first run".to_owned(),
        owner: by.user().clone(),
        sources: sources.map_err(|error| Problem::internal(error.to_string()))?,
        rate: None,
        expires_at: Some(expires),
        by: by.user().username.clone(),
    };
    let doer = Doer {
        user: by.user().clone(),
        origin,
    };
    let made = doer.create_key(&state, request).await?;
    let command = Command {
        text: curl(&state, &headers, &made.key),
        expires: When::of(expires, now),
    };
    // No redirect: the key is in no address and in no store.
    let shown = assemble(&state, &by, Some(command)).await?;
    layout::answer(StatusCode::CREATED, &shown)
}

async fn assemble(state: &ApiState, by: &MayLook, command: Option<Command>) -> Result<FirstRunPage, Problem> {
    let layout = Layout::of(by, Section::Overview, "Send a first event");
    Ok(FirstRunPage {
        bin: BinStanding::of(state, &layout)?,
        bin_href: layout.link(bin::PAGE),
        command,
        arrived: arrived(state, &layout).await?,
        layout,
    })
}

async fn arrived(state: &ApiState, layout: &Layout) -> Result<Vec<Arrived>, Problem> {
    let filter = EventFilter {
        source: Some(SOURCE.to_owned()),
        ..EventFilter::default()
    };
    let newest = PageRequest { page: 1, size: SHOWN };
    let found = state
        .store
        .events(&filter, EventOrder::NewestFirst, newest)
        .await?;
    let now = state.waits.clock.now();
    let mut arrived = Vec::with_capacity(found.items.len());
    for event in found.items {
        arrived.push(row(state, layout, event, now).await?);
    }
    Ok(arrived)
}

async fn row(state: &ApiState, layout: &Layout, event: Event, now: Timestamp) -> Result<Arrived, Problem> {
    let histories = state.store.deliveries(event.id).await?.into_iter();
    let deliveries = histories.map(|mut history| {
        let said = history.attempts.pop().and_then(|attempt| attempt.record.summary);
        Delivered {
            plugin: history.delivery.plugin.to_string(),
            state: history.delivery.state.as_str(),
            text: said.or(history.delivery.last_error).unwrap_or_default(),
        }
    });
    Ok(Arrived {
        href: layout.link(&format!("/admin/events/{}/", event.id)),
        status: event.status.as_str(),
        received: When::of(event.received_at, now),
        deliveries: deliveries.collect(),
        event_type: event.event_type,
    })
}

/// The command that sends a first event with this key, to the address by which clients reach us.
fn curl(state: &ApiState, headers: &HeaderMap, key: &str) -> String {
    let path = format!("/api/webhooks/receive/?source={SOURCE}&type=hello");
    let address = shell::address(state, headers, &path);
    format!(
        "curl '{address}' \\\n  -H 'X-API-Key: {key}' \\\n  \
         -H 'Content-Type: application/json' \\\n  -d '{{\"hello\": \"world\"}}'"
    )
}
