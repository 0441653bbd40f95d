//! The list of events, filtered by its address.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::acts::said;
use super::guard::MayLook;
use super::layout::{self, Layout, Section};
use super::paging::Paging;
use super::say::When;
use crate::domain::event::{Event, EventFilter, EventOrder, EventStatus};
use crate::domain::time::Timestamp;
use crate::http::extract::Params;
use crate::http::{ApiState, Problem, events, page};

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    layout: Layout,
    done: Option<&'static str>,
    filter: FilterForm,
    rows: Vec<EventRow>,
    paging: Paging,
    /// Nothing is there that the conditions could leave out.
    is_unfiltered: bool,
}

/// The conditions, as they are in the address.
struct FilterForm {
    source: String,
    event_type: String,
    plugin: String,
    search: String,
    since: String,
    until: String,
    statuses: Vec<Choice>,
    oldest_first: bool,
    /// Bodies are sealed in the database and cannot be searched.
    is_sealed: bool,
}

/// One choice of a list.
struct Choice {
    word: &'static str,
    is_chosen: bool,
}

/// An event, as a row.
struct EventRow {
    id: String,
    href: String,
    source: String,
    event_type: String,
    kind: &'static str,
    status: &'static str,
    received: When,
    error: String,
}

/// Shows a page of it.
pub async fn page(State(state): State<ApiState>, by: MayLook, params: Params) -> Result<Response, Problem> {
    let request = page::request(&params)?;
    let filter = events::filter(&state, &params, by.user())?;
    let order = events::ordering(&params)?;
    let found = state.store.events(&filter, order, request).await?;
    let paging = Paging::of(&state, &params, request, found.total(), found.items.len())?;
    let layout = Layout::of(&by, Section::Events, "Events");
    let now = state.waits.clock.now();
    let rows = found.items.into_iter();
    layout::render(&EventsPage {
        done: said(params.get("done")),
        rows: rows.map(|event| row(&layout, event, now)).collect(),
        is_unfiltered: filter == EventFilter::default(),
        filter: FilterForm::of(&state, &params, filter.status, order),
        paging,
        layout,
    })
}

impl FilterForm {
    fn of(state: &ApiState, params: &Params, status: Option<EventStatus>, order: EventOrder) -> Self {
        let text = |name| params.get(name).unwrap_or_default().to_owned();
        let words = EventStatus::WORDS.iter().copied();
        Self {
            source: text("source"),
            event_type: text("type"),
            plugin: text("plugin"),
            search: text("search"),
            since: text("since"),
            until: text("until"),
            statuses: words
                .map(|word| Choice {
                    word,
                    is_chosen: status.is_some_and(|status| status.as_str() == word),
                })
                .collect(),
            oldest_first: order == EventOrder::OldestFirst,
            is_sealed: state.encrypts_events,
        }
    }
}

fn row(layout: &Layout, event: Event, now: Timestamp) -> EventRow {
    EventRow {
        href: layout.link(&format!("/admin/events/{}/", event.id)),
        id: event.id.to_string(),
        source: event.source,
        event_type: event.event_type,
        kind: event.kind.as_str(),
        status: event.status.as_str(),
        received: When::of(event.received_at, now),
        error: event.error_message.unwrap_or_default(),
    }
}
