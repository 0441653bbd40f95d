//! An order about to be given: what it is about, how much that is, and its form.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::form::Form;
use super::super::guard::{MayAct, MayLook};
use super::super::layout::{self, Layout, Section};
use super::super::say::{self, When};
use super::super::visit::done_at;
use super::super::{done, place};
use super::Condition;
use crate::domain::access::Right;
use crate::domain::delivery::DeliveryState;
use crate::domain::event::EventStatus;
use crate::domain::replay::{DeliveryFilter, JobKind, ListedDelivery, ReplayRate};
use crate::domain::time::Timestamp;
use crate::http::doer::Doer;
use crate::http::events::looks;
use crate::http::extract::Params;
use crate::http::origin::Origin;
use crate::http::{ApiState, Problem, deliveries};
use crate::replays::{DryRun, Order, ReplayError};

/// What says which deliveries are meant, in addresses and forms.
const CONDITIONS: [&str; 11] = [
    "state", "plugin", "source", "type", "error", "replayed", "since", "until", "search", "pointer", "value",
];

/// States that an order may be about: everything else is still on its way, or for a person to settle.
const STATES: [DeliveryState; 3] = [
    DeliveryState::Dead,
    DeliveryState::Cancelled,
    DeliveryState::Succeeded,
];

#[derive(Template)]
#[template(path = "new_replay.html")]
struct NewReplayPage {
    layout: Layout,
    filter: FilterForm,
    /// What the order's own form carries.
    carried: Vec<Carried>,
    conditions: Vec<Condition>,
    /// What it would do; `None` when it cannot be given like that.
    dry: Option<Dry>,
    /// Why it cannot be given.
    wrong: Option<String>,
    to: String,
    rate: String,
    note: String,
    /// The list was one of events: an order is about deliveries.
    is_from_events: bool,
}

/// The conditions, as fields.
struct FilterForm {
    states: Vec<Choice>,
    plugin: String,
    source: String,
    event_type: String,
    error: String,
    since: String,
    until: String,
    search: String,
    pointer: String,
    value: String,
    /// About what was replayed before, and not about what was not.
    replayed: bool,
}

/// One choice of a list.
struct Choice {
    word: &'static str,
    is_chosen: bool,
}

/// A hidden field.
struct Carried {
    name: &'static str,
    value: String,
}

/// What an order would do.
struct Dry {
    count: String,
    /// What is counted, as one or as many.
    what: &'static str,
    is_none: bool,
    /// There are more, or may be: it looks for them as it goes.
    is_bounded: bool,
    /// How long that takes at its rate.
    takes: String,
    first: Vec<Row>,
}

/// A delivery that it is about.
struct Row {
    href: String,
    source: String,
    event_type: String,
    plugin: String,
    made: When,
    error: String,
}

/// Shows what an order with the address's conditions would do.
pub async fn preview(
    State(state): State<ApiState>,
    by: MayLook,
    params: Params,
) -> Result<Response, Problem> {
    by.must(Right::Operate)?;
    let params = of_deliveries(params);
    let order = order(&params, None)?;
    shown(&state, &by, &params, order, None).await
}

/// Gives it.
pub async fn start(
    State(state): State<ApiState>,
    origin: Origin,
    MayAct { by, form }: MayAct,
) -> Result<Response, Problem> {
    let params = form.params();
    let order = order(&params, Some(&form))?;
    let doer = Doer {
        user: by.user().clone(),
        origin,
    };
    match doer.start_order(&state, order.clone()).await {
        Ok(job) => {
            let path = place::order(job.id);
            by.visit.redirect(&done_at(&path, done::ORDERED))
        }
        Err(problem) if problem.status().is_client_error() => {
            shown(&state, &by, &params, order, Some(problem)).await
        }
        Err(problem) => Err(problem),
    }
}

/// The conditions of a list of events as those of one of deliveries: the state follows from the status.
fn of_deliveries(params: Params) -> Params {
    let is_processed = params.get("status") == Some(EventStatus::Processed.as_str());
    let state = if is_processed {
        DeliveryState::Succeeded
    } else {
        DeliveryState::Dead
    };
    params.or("state", state.as_str())
}

/// The order that an address or a form describes.
fn order(params: &Params, form: Option<&Form>) -> Result<Order, Problem> {
    let text = |name| params.get(name).map(str::to_owned);
    let rate = params.get("rate").map(str::parse::<ReplayRate>).transpose();
    Ok(Order {
        kind: JobKind::Replay,
        filter: DeliveryFilter {
            inside: looks::inside(params)?,
            ..deliveries::filter(params)?
        },
        to: text("to"),
        rate: rate.map_err(|error| ReplayError::Invalid(error.to_string()))?,
        note: form.and_then(|form| form.get("note")).map(str::to_owned),
    })
}

/// The page with what the order would do, or why it was not given.
async fn shown(
    state: &ApiState,
    by: &MayLook,
    params: &Params,
    order: Order,
    refused: Option<Problem>,
) -> Result<Response, Problem> {
    let layout = Layout::of(by, Section::DeadLetters, "Replay many");
    let now = state.waits.clock.now();
    let rate = order.rate.unwrap_or_default();
    let (dry, refused) = match refused {
        Some(problem) => (None, Some(problem)),
        None => match state.replays.dry_run(&order, &by.user().username).await {
            Ok(dry) => (Some(dry), None),
            Err(error) => (None, Some(Problem::from(error))),
        },
    };
    let status = match &refused {
        Some(problem) if problem.status().is_server_error() => return Err(problem.clone()),
        Some(problem) => problem.status(),
        None => StatusCode::OK,
    };
    let text = |name| params.get(name).unwrap_or_default().to_owned();
    let carried = CONDITIONS.into_iter().filter_map(|name| {
        let value = params.get(name)?.to_owned();
        Some(Carried { name, value })
    });
    let page = NewReplayPage {
        filter: FilterForm::of(params, &order.filter),
        carried: carried.collect(),
        conditions: super::conditions(&order.filter),
        dry: dry.map(|dry| Dry::of(&layout, dry, rate, now)),
        wrong: refused.map(|problem| problem.to_string()),
        to: text("to"),
        rate: text("rate"),
        note: order.note.unwrap_or_default(),
        is_from_events: params.get("from") == Some("events"),
        layout,
    };
    layout::answer(status, &page)
}

impl FilterForm {
    fn of(params: &Params, filter: &DeliveryFilter) -> Self {
        let text = |name| params.get(name).unwrap_or_default().to_owned();
        let states = STATES.iter().map(|state| Choice {
            word: state.as_str(),
            is_chosen: filter.state == Some(*state),
        });
        Self {
            states: states.collect(),
            plugin: text("plugin"),
            source: text("source"),
            event_type: text("type"),
            error: text("error"),
            since: text("since"),
            until: text("until"),
            search: text("search"),
            pointer: text("pointer"),
            value: text("value"),
            replayed: filter.replayed == Some(true),
        }
    }
}

impl Dry {
    fn of(layout: &Layout, dry: DryRun, rate: ReplayRate, now: Timestamp) -> Self {
        let count = u32::try_from(dry.total.count).unwrap_or(u32::MAX);
        let first = dry.first.into_iter();
        Self {
            count: say::at_least(dry.total.count, dry.total.exact),
            what: say::plural(dry.total.count, "delivery", "deliveries"),
            is_none: dry.total.count == 0 && dry.total.exact,
            is_bounded: !dry.total.exact,
            takes: format!("{} at {rate}", lasting(rate.time_of(count))),
            first: first.map(|listed| row(layout, listed, now)).collect(),
        }
    }
}

/// How long, in words; what is over at once is not about nothing.
fn lasting(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        "less than 1 s".to_owned()
    } else {
        format!("about {}", say::rough(time))
    }
}

fn row(layout: &Layout, listed: ListedDelivery, now: Timestamp) -> Row {
    let delivery = listed.delivery;
    let href = format!("/admin/events/{}/#delivery-{}", delivery.event, delivery.id);
    Row {
        href: layout.link(&href),
        source: listed.source,
        event_type: listed.event_type,
        plugin: delivery.plugin.to_string(),
        made: When::of(delivery.created_at, now),
        error: delivery.last_error.unwrap_or_default(),
    }
}
