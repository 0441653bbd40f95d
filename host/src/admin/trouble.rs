//! Deliveries that wait for a person: dead letters, and outcomes that nobody knows.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::acts::said;
use super::event::Acts;
use super::guard::MayLook;
use super::layout::{self, Layout, Section};
use super::paging::Paging;
use super::say::When;
use crate::domain::delivery::DeliveryState;
use crate::domain::replay::ListedDelivery;
use crate::domain::time::Timestamp;
use crate::http::extract::Params;
use crate::http::{ApiState, Problem, deliveries, page};

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage {
    layout: Layout,
    done: Option<&'static str>,
    tabs: Vec<Tab>,
    filter: FilterForm,
    rows: Vec<TroubleRow>,
    paging: Paging,
    /// To an order with these conditions, where one may be given.
    replay_href: Option<String>,
}

/// The parameters that an order takes over.
const CONDITIONS: [&str; 8] = [
    "state", "plugin", "source", "type", "error", "replayed", "since", "until",
];

/// A list beside this one.
struct Tab {
    href: String,
    label: &'static str,
    is_current: bool,
}

/// The conditions, as they are in the address.
struct FilterForm {
    state: String,
    plugin: String,
    source: String,
    event_type: String,
    error: String,
    /// Those that were replayed are shown too.
    with_replayed: bool,
}

/// A delivery, as a row.
struct TroubleRow {
    id: String,
    event_href: String,
    source: String,
    event_type: String,
    plugin: String,
    state: &'static str,
    attempts: u32,
    since: When,
    error: String,
    is_replayed: bool,
    acts: Acts,
}

/// Shows a page of it: dead letters that nobody has replayed, unless the address says otherwise.
pub async fn page(State(state): State<ApiState>, by: MayLook, params: Params) -> Result<Response, Problem> {
    let params = params
        .or("state", DeliveryState::Dead.as_str())
        .or("replayed", "false");
    let request = page::request(&params)?;
    let filter = deliveries::filter(&params)?;
    let found = state.store.delivery_list(&filter, request).await?;
    let paging = Paging::of(&state, &params, request, found.total(), found.items.len())?;
    let is_unknown = filter.state == Some(DeliveryState::Unknown);
    let title = if is_unknown {
        "Unknown outcomes"
    } else {
        "Dead letters"
    };
    let layout = Layout::of(&by, Section::DeadLetters, title);
    let now = state.waits.clock.now();
    let rows = found.items.into_iter();
    let may_order = filter.state.is_some_and(|state| !state.is_open());
    let conditions = params.only(&CONDITIONS).query();
    let replay_href = layout.link(&format!("/admin/new-replay/?{conditions}"));
    layout::render(&TroublePage {
        replay_href: may_order.then_some(replay_href),
        done: said(params.get("done")),
        tabs: tabs(&layout, is_unknown),
        filter: FilterForm::of(&params),
        rows: rows.map(|listed| row(&layout, listed, now)).collect(),
        paging,
        layout,
    })
}

fn tabs(layout: &Layout, is_unknown: bool) -> Vec<Tab> {
    let tab = |path, label, is_current| Tab {
        href: layout.link(path),
        label,
        is_current,
    };
    vec![
        tab("/admin/dead-letters/", "Dead letters", !is_unknown),
        tab(
            "/admin/dead-letters/?state=unknown",
            "Unknown outcomes",
            is_unknown,
        ),
    ]
}

impl FilterForm {
    fn of(params: &Params) -> Self {
        let text = |name| params.get(name).unwrap_or_default().to_owned();
        Self {
            state: text("state"),
            plugin: text("plugin"),
            source: text("source"),
            event_type: text("type"),
            error: text("error"),
            with_replayed: params.get("replayed").is_none(),
        }
    }
}

fn row(layout: &Layout, listed: ListedDelivery, now: Timestamp) -> TroubleRow {
    let delivery = listed.delivery;
    let event = delivery.event;
    TroubleRow {
        event_href: layout.link(&format!("/admin/events/{event}/#delivery-{}", delivery.id)),
        id: delivery.id.to_string(),
        source: listed.source,
        event_type: listed.event_type,
        plugin: delivery.plugin.to_string(),
        state: delivery.state.as_str(),
        attempts: delivery.attempts,
        since: When::of(delivery.finished_at.unwrap_or(delivery.created_at), now),
        error: delivery.last_error.unwrap_or_default(),
        is_replayed: listed.replayed,
        acts: Acts::on(delivery.state),
    }
}
