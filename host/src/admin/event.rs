//! One event: what was sent, and what became of it.

pub mod body;
mod curl;
pub mod edit;

use std::collections::HashSet;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::acts::said;
use super::guard::MayLook;
use super::layout::{self, Layout, Section};
use super::mend::Mend;
use super::say::When;
use super::shell;
use super::tree::{Line, Tree};
use crate::domain::delivery::{DeliveryHistory, DeliveryState};
use crate::domain::time::Timestamp;
use crate::http::extract::Params;
use crate::http::views::{Audience, DeliveryView, EventView};
use crate::http::{ApiState, Problem, events};

use curl::Curl;

/// Most characters of a body that are shown as text; the download has all.
const MAX_RAW_CHARS: usize = 65_536;

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    layout: Layout,
    done: Option<&'static str>,
    event: EventView,
    received: When,
    /// The payload, as a tree.
    tree: Tree,
    /// The payload as it was sent.
    raw: String,
    raw_is_cut: bool,
    /// Where parts of the payload are shown by themselves.
    body_href: String,
    /// The command that sends it once more.
    curl: Curl,
    deliveries: Vec<DeliveryCard>,
}

/// A delivery with what may be done about it.
struct DeliveryCard {
    view: DeliveryView,
    made: When,
    acts: Acts,
    /// What it lacks, if that is known and nobody has replayed it.
    mend: Option<Mend>,
}

/// What may be done about a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acts {
    pub replay: bool,
    pub discard: bool,
    pub resolve: bool,
}

impl Acts {
    /// Of a delivery in this state.
    #[must_use]
    pub const fn on(state: DeliveryState) -> Self {
        Self {
            replay: !state.is_open(),
            discard: matches!(
                state,
                DeliveryState::Pending
                    | DeliveryState::Retrying
                    | DeliveryState::Deferred
                    | DeliveryState::Dead
                    | DeliveryState::Unknown
            ),
            resolve: matches!(state, DeliveryState::Unknown),
        }
    }
}

/// Shows it.
pub async fn page(
    State(state): State<ApiState>,
    by: MayLook,
    Path(id): Path<String>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let event = events::visible_event(&state, by.user(), &id).await?;
    let address = shell::address(&state, &headers, &curl::path(&event));
    let is_protected = state.sources.table.load().is_protected(&event.source);
    let curl = Curl::of(&event, &address, is_protected);
    let now = state.waits.clock.now();
    let received = When::of(event.received_at, now);
    let histories = state.store.deliveries(event.id).await?;
    let deliveries = histories.iter().map(|history| &history.delivery);
    let replayed: HashSet<_> = deliveries.filter_map(|delivery| delivery.replay_of).collect();
    let deliveries = histories
        .into_iter()
        .map(|history| {
            let is_replayed = replayed.contains(&history.delivery.id);
            card(&state, history, is_replayed, now)
        })
        .collect::<Result<_, _>>()?;
    let event = EventView::of(event)?;
    let payload = event.payload.get();
    let raw: String = payload.chars().take(MAX_RAW_CHARS).collect();
    let title = format!("{} from {}", event.event_type, event.source);
    let layout = Layout::of(&by, Section::Events, title);
    layout::render(&EventPage {
        body_href: layout.link(&body::path(&event.id)),
        curl,
        layout,
        done: said(params.get("done")),
        received,
        tree: Tree::of(&event.payload),
        raw_is_cut: raw.len() < payload.len(),
        raw,
        deliveries,
        event,
    })
}

/// Its body as it came, always a download.
pub async fn raw(
    State(state): State<ApiState>,
    by: MayLook,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    events::download(events::visible_event(&state, by.user(), &id).await?)
}

fn card(
    state: &ApiState,
    history: DeliveryHistory,
    is_replayed: bool,
    now: Timestamp,
) -> Result<DeliveryCard, Problem> {
    Ok(DeliveryCard {
        mend: Mend::of(state, &history).filter(|_| !is_replayed),
        acts: Acts::on(history.delivery.state),
        made: When::of(history.delivery.created_at, now),
        view: DeliveryView::of(history, Audience::Staff, &state.waits)?,
    })
}
