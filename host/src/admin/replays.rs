//! Orders that replay many deliveries: which there are, how far each has come, and its end.

mod order;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::acts::said;
use super::guard::{MayAct, MayLook};
use super::layout::{self, Layout, Section};
use super::paging::Paging;
use super::say::{self, When};
use super::visit::done_at;
use super::{done, place};
use crate::domain::page::Total;
use crate::domain::replay::{DeliveryFilter, JobState, ReplayJob};
use crate::domain::time::Timestamp;
use crate::http::doer::Doer;
use crate::http::extract::Params;
use crate::http::origin::Origin;
use crate::http::replays::{named, no_such};
use crate::http::{ApiState, Problem, page};

pub use order::{preview, start};

#[derive(Template)]
#[template(path = "replays.html")]
struct ReplaysPage {
    layout: Layout,
    rows: Vec<OrderCard>,
    paging: Paging,
}

#[derive(Template)]
#[template(path = "replay.html")]
struct ReplayPage {
    layout: Layout,
    done: Option<&'static str>,
    order: OrderCard,
}

/// An order and how far it has come.
struct OrderCard {
    href: String,
    kind: &'static str,
    state: &'static str,
    is_running: bool,
    conditions: Vec<Condition>,
    to: Option<String>,
    rate: String,
    note: String,
    total: String,
    made: String,
    skipped: String,
    /// `None` when how much it is is not known.
    bar: Option<Bar>,
    created: When,
    created_by: String,
    finished: Option<When>,
    cancelled_by: Option<String>,
}

/// How far one has come.
struct Bar {
    dealt_with: u64,
    total: u64,
}

/// A condition of an order, for people.
pub struct Condition {
    pub name: &'static str,
    pub value: String,
}

/// Shows a page of them.
pub async fn list(State(state): State<ApiState>, by: MayLook, params: Params) -> Result<Response, Problem> {
    let request = page::request(&params)?;
    let found = state.store.replay_jobs(request).await?;
    let (total, got) = (Total::exactly(found.total), found.items.len());
    let paging = Paging::of(&state, &params, request, total, got)?;
    let layout = Layout::of(&by, Section::DeadLetters, "Orders");
    let now = state.waits.clock.now();
    let jobs = found.items.into_iter();
    layout::render(&ReplaysPage {
        rows: jobs.map(|job| card(&layout, job, now)).collect(),
        paging,
        layout,
    })
}

/// Shows one.
pub async fn detail(
    State(state): State<ApiState>,
    by: MayLook,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let job = state.store.replay_job(named(&id)?).await?;
    let job = job.ok_or_else(no_such)?;
    let layout = Layout::of(&by, Section::DeadLetters, "Order");
    layout::render(&ReplayPage {
        done: said(params.get("done")),
        order: card(&layout, job, state.waits.clock.now()),
        layout,
    })
}

/// Ends one that runs; what it has made stays.
pub async fn cancel(
    State(state): State<ApiState>,
    origin: Origin,
    Path(id): Path<String>,
    MayAct { by, .. }: MayAct,
) -> Result<Response, Problem> {
    let doer = Doer {
        user: by.user().clone(),
        origin,
    };
    let job = doer.cancel_order(&state, named(&id)?).await?;
    let word = match job.state {
        JobState::Cancelled => done::ORDER_CANCELLED,
        JobState::Running | JobState::Done => done::ORDER_OVER,
    };
    by.visit.redirect(&done_at(&place::order(job.id), word))
}

fn card(layout: &Layout, job: ReplayJob, now: Timestamp) -> OrderCard {
    let dealt_with = job.made.saturating_add(job.skipped);
    OrderCard {
        href: layout.link(&place::order(job.id)),
        kind: job.kind.as_str(),
        state: job.state.as_str(),
        is_running: job.state == JobState::Running,
        conditions: conditions(&job.filter),
        to: job.to.map(|plugin| plugin.to_string()),
        rate: job.rate.to_string(),
        note: job.note.unwrap_or_default(),
        total: say::at_least(job.total.count, job.total.exact),
        made: say::count(job.made),
        skipped: say::count(job.skipped),
        bar: (job.total.exact && job.total.count > 0).then(|| Bar {
            dealt_with: dealt_with.min(job.total.count),
            total: job.total.count,
        }),
        created: When::of(job.created_at, now),
        created_by: job.created_by,
        finished: job.finished_at.map(|at| When::of(at, now)),
        cancelled_by: job.cancelled_by,
    }
}

/// What a filter says, as far as it says something.
fn conditions(filter: &DeliveryFilter) -> Vec<Condition> {
    let inside = filter.inside.clone().unwrap_or_default();
    let replayed = filter
        .replayed
        .map(|replayed| if replayed { "yes" } else { "not yet" });
    let said = [
        ("State", filter.state.map(|state| state.to_string())),
        ("Plugin", filter.plugin.as_ref().map(ToString::to_string)),
        ("Source", filter.source.clone()),
        ("Type", filter.event_type.clone()),
        ("Made since", filter.since.map(|at| at.to_string())),
        ("Made before", filter.until.map(|at| at.to_string())),
        ("In the error", filter.error.clone()),
        ("Replayed", replayed.map(str::to_owned)),
        ("In the body", inside.search),
        ("At the JSON pointer", inside.pointer),
        ("is the value", inside.value),
    ];
    let said = said.into_iter();
    said.filter_map(|(name, value)| Some(Condition { name, value: value? }))
        .collect()
}
