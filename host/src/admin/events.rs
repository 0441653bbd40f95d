//! The list of events, filtered by its address: in pages, by what is in the bodies, or as they come.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::acts::said;
use super::guard::MayLook;
use super::layout::{self, Layout, Section};
use super::paging::Paging;
use super::say::{self, When};
use crate::domain::event::{Event, EventFilter, EventOrder, EventStatus};
use crate::domain::inside::Inside;
use crate::domain::time::Timestamp;
use crate::http::events::looks;
use crate::http::extract::Params;
use crate::http::{ApiState, Problem, events, page};
use crate::store::{Bounds, Look, Looked};

/// The parameters that say which events are meant: what a link that is kept, an export and an order take over.
pub const FILTERS: [&str; 9] = [
    "status", "source", "type", "plugin", "search", "pointer", "value", "since", "until",
];

/// How far a list that follows what comes looks, each time something came.
const TAIL: Bounds = Bounds {
    found: 50,
    rows: 500,
    bytes: 8 << 20,
};

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    layout: Layout,
    done: Option<&'static str>,
    filter: FilterForm,
    rows: Vec<EventRow>,
    /// Of a list in pages.
    paging: Option<Paging>,
    /// Of a list by what is in the bodies.
    looked: Option<LookedThrough>,
    /// The newest, as they come.
    is_tail: bool,
    /// Nothing is there that the conditions could leave out.
    is_unfiltered: bool,
    links: Links,
}

/// Where the same conditions lead.
struct Links {
    /// To this list, as one keeps it.
    kept: String,
    pages: String,
    tail: String,
    export: String,
    replay: String,
}

/// How far a page looked.
struct LookedThrough {
    rows: String,
    /// What was looked into, as one or as many.
    what: &'static str,
    /// How many could not be opened.
    unreadable: usize,
    /// The query of what comes after it.
    next: Option<String>,
    /// The list from its start, when this is not it.
    first: Option<String>,
}

/// The conditions, as they are in the address.
struct FilterForm {
    source: String,
    event_type: String,
    plugin: String,
    search: String,
    pointer: String,
    value: String,
    since: String,
    until: String,
    statuses: Vec<Choice>,
    oldest_first: bool,
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

/// What a page shows of the events that were found.
struct Found {
    events: Vec<Event>,
    paging: Option<Paging>,
    looked: Option<LookedThrough>,
}

/// Shows a page of it.
pub async fn page(State(state): State<ApiState>, by: MayLook, params: Params) -> Result<Response, Problem> {
    let filter = events::filter(&params, by.user())?;
    let inside = looks::inside(&params)?;
    let order = events::ordering(&params)?;
    let is_unfiltered = inside.is_none() && filter == EventFilter::default();
    let is_tail = params.get("tail") == Some("on");
    let form = FilterForm::of(&params, filter.status, order);
    let found = if is_tail {
        newest(&state, filter, inside).await?
    } else if let Some(inside) = inside {
        looked_through(&state, &params, filter, inside, order).await?
    } else {
        in_pages(&state, &params, &filter, order).await?
    };
    let layout = Layout::of(&by, Section::Events, "Events");
    let now = state.waits.clock.now();
    let rows = found.events.into_iter();
    layout::render(&EventsPage {
        done: said(params.get("done")),
        rows: rows.map(|event| row(&layout, event, now)).collect(),
        is_unfiltered,
        filter: form,
        paging: found.paging,
        looked: found.looked,
        is_tail,
        links: Links::of(&layout, &params),
        layout,
    })
}

/// A list that columns alone tell.
async fn in_pages(
    state: &ApiState,
    params: &Params,
    filter: &EventFilter,
    order: EventOrder,
) -> Result<Found, Problem> {
    let request = page::request(params)?;
    let listed = state.store.events(filter, order, request).await?;
    let paging = Paging::of(state, params, request, listed.total(), listed.items.len())?;
    Ok(Found {
        events: listed.items,
        paging: Some(paging),
        looked: None,
    })
}

/// A list by what is in the bodies, as far as one page looks.
async fn looked_through(
    state: &ApiState,
    params: &Params,
    filter: EventFilter,
    inside: Inside,
    order: EventOrder,
) -> Result<Found, Problem> {
    let request = page::request(params)?;
    let looked = looks::page(state, params, filter, inside, order, request).await?;
    let is_first = params.get("after").is_none();
    Ok(Found {
        looked: Some(LookedThrough {
            next: looked
                .next
                .map(|place| format!("?{}", looks::query_after(params, place))),
            first: (!is_first).then(|| format!("?{}", params.without(&["after", "done"]).query())),
            ..LookedThrough::of(&looked)
        }),
        events: looked.found,
        paging: None,
    })
}

/// The newest, without a way to older ones.
async fn newest(state: &ApiState, filter: EventFilter, inside: Option<Inside>) -> Result<Found, Problem> {
    let has_inside = inside.is_some();
    let look = Look {
        filter,
        inside: inside.unwrap_or_default(),
        order: EventOrder::NewestFirst,
        after: None,
        bounds: TAIL,
    };
    let looked = state.store.look_into_events(&look).await?;
    Ok(Found {
        looked: has_inside.then(|| LookedThrough::of(&looked)),
        events: looked.found,
        paging: None,
    })
}

impl LookedThrough {
    fn of(looked: &Looked) -> Self {
        Self {
            rows: say::count(looked.rows),
            what: say::plural(looked.rows, "event that was", "events that were"),
            unreadable: looked.unreadable.len(),
            next: None,
            first: None,
        }
    }
}

impl Links {
    fn of(layout: &Layout, params: &Params) -> Self {
        let conditions = params.only(&FILTERS);
        let list = layout.link("/admin/events/");
        let address = |path: &str, query: String| match query.as_str() {
            "" => path.to_owned(),
            query => format!("{path}?{query}"),
        };
        let mut kept = FILTERS.to_vec();
        kept.extend(["ordering", "tail"]);
        Self {
            kept: address(&list, params.only(&kept).query()),
            pages: address(&list, conditions.query()),
            tail: address(&list, conditions.with("tail", "on")),
            export: address(&layout.link("/admin/events/export/"), conditions.query()),
            replay: address(
                &layout.link("/admin/new-replay/"),
                conditions.with("from", "events"),
            ),
        }
    }
}

impl FilterForm {
    fn of(params: &Params, status: Option<EventStatus>, order: EventOrder) -> Self {
        let text = |name| params.get(name).unwrap_or_default().to_owned();
        let words = EventStatus::WORDS.iter().copied();
        Self {
            source: text("source"),
            event_type: text("type"),
            plugin: text("plugin"),
            search: text("search"),
            pointer: text("pointer"),
            value: text("value"),
            since: text("since"),
            until: text("until"),
            statuses: words
                .map(|word| Choice {
                    word,
                    is_chosen: status.is_some_and(|status| status.as_str() == word),
                })
                .collect(),
            oldest_first: order == EventOrder::OldestFirst,
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
