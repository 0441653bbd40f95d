//! Schedules: when each runs next, what became of its moments, a run on request, and pauses.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::acts::said;
use super::guard::{MayAct, MayLook};
use super::layout::{self, Layout, Section};
use super::paging::Paging;
use super::say::When;
use super::visit::done_at;
use super::{done, place};
use crate::domain::event::EventStatus;
use crate::domain::page::Total;
use crate::domain::schedule::{CatchUp, Overlap, ScheduleKey, ScheduleRun};
use crate::domain::time::Timestamp;
use crate::http::doer::Doer;
use crate::http::extract::Params;
use crate::http::origin::Origin;
use crate::http::{ApiState, Problem, page};
use crate::scheduler::ScheduleStatus;

/// Where the list lies.
const LIST: &str = "/admin/schedules/";

#[derive(Template)]
#[template(path = "schedules.html")]
struct SchedulesPage {
    layout: Layout,
    done: Option<&'static str>,
    rows: Vec<ScheduleRow>,
}

/// A schedule, as a row.
struct ScheduleRow {
    href: String,
    plugin: String,
    plugin_href: String,
    name: String,
    cron: String,
    zone: String,
    /// What happens to a tick while an earlier one runs, and to those that were missed.
    rule: String,
    next: Option<When>,
    last: Option<RunRow>,
    /// Its plugin takes runs.
    may_run: bool,
    paused: Option<PauseRow>,
}

/// Who paused a schedule.
struct PauseRow {
    since: When,
    by: String,
}

/// A moment, as a row.
struct RunRow {
    planned: When,
    /// `made`, `manual`, `skipped` or `missed`.
    outcome: &'static str,
    /// The event that it became, and how that stands.
    event_href: Option<String>,
    status: &'static str,
    error: String,
}

/// Shows all of them.
pub async fn list(State(state): State<ApiState>, by: MayLook, params: Params) -> Result<Response, Problem> {
    let layout = Layout::of(&by, Section::Schedules, "Schedules");
    let now = state.waits.clock.now();
    let schedules = state.schedules.list().await?.into_iter();
    layout::render(&SchedulesPage {
        done: said(params.get("done")),
        rows: schedules
            .map(|schedule| schedule_row(&layout, schedule, now))
            .collect(),
        layout,
    })
}

fn schedule_row(layout: &Layout, schedule: ScheduleStatus, now: Timestamp) -> ScheduleRow {
    let (plugin, spec) = (&schedule.plugin, &schedule.spec);
    ScheduleRow {
        href: layout.link(&place::schedule(plugin.name.as_str(), spec.name.as_str())),
        plugin_href: layout.link(&place::plugin(plugin.name.as_str())),
        plugin: plugin.name.to_string(),
        name: spec.name.to_string(),
        cron: spec.cron.to_string(),
        zone: spec.zone.to_string(),
        rule: rule(spec.overlap, spec.catch_up).to_owned(),
        next: schedule.next.map(|at| When::of(at, now)),
        last: schedule.last.map(|run| run_row(layout, run, now)),
        may_run: plugin.enabled && !plugin.paused,
        paused: schedule.paused.map(|pause| PauseRow {
            since: When::of(pause.at, now),
            by: pause.by,
        }),
    }
}

const fn rule(overlap: Overlap, catch_up: CatchUp) -> &'static str {
    match (overlap, catch_up) {
        (Overlap::Skip, CatchUp::Once) => "skipped while one runs; one run for all that were missed",
        (Overlap::Skip, CatchUp::None) => "skipped while one runs; none for those that were missed",
        (Overlap::Queue, CatchUp::Once) => "queued while one runs; one run for all that were missed",
        (Overlap::Queue, CatchUp::None) => "queued while one runs; none for those that were missed",
    }
}

fn run_row(layout: &Layout, run: ScheduleRun, now: Timestamp) -> RunRow {
    RunRow {
        planned: When::of(run.planned_at, now),
        outcome: run.outcome.as_str(),
        event_href: run
            .event
            .map(|event| layout.link(&format!("/admin/events/{event}/"))),
        status: run.status.map_or("", EventStatus::as_str),
        error: run.error_message.unwrap_or_default(),
    }
}

#[derive(Template)]
#[template(path = "schedule.html")]
struct SchedulePage {
    layout: Layout,
    plugin: String,
    plugin_href: String,
    name: String,
    rows: Vec<RunRow>,
    paging: Paging,
}

/// Shows what became of the moments of one, latest first.
pub async fn history(
    State(state): State<ApiState>,
    by: MayLook,
    Path((plugin, name)): Path<(String, String)>,
    params: Params,
) -> Result<Response, Problem> {
    let no_such = || Problem::no_such("schedule");
    let key = ScheduleKey {
        plugin: plugin.parse().map_err(|_| no_such())?,
        schedule: name.parse().map_err(|_| no_such())?,
    };
    let request = page::request(&params)?;
    let found = state.schedules.history(&key, request).await?;
    let total = Total::exactly(found.total);
    let paging = Paging::of(&state, &params, request, total, found.items.len())?;
    let layout = Layout::of(&by, Section::Schedules, format!("Schedule {name} of {plugin}"));
    let now = state.waits.clock.now();
    let rows = found.items.into_iter();
    layout::render(&SchedulePage {
        plugin_href: layout.link(&place::plugin(&plugin)),
        rows: rows.map(|run| run_row(&layout, run, now)).collect(),
        plugin,
        name,
        paging,
        layout,
    })
}

/// Runs one now; its event shows what becomes of it.
pub async fn run(
    State(state): State<ApiState>,
    origin: Origin,
    Path((plugin, name)): Path<(String, String)>,
    MayAct { by, .. }: MayAct,
) -> Result<Response, Problem> {
    let started = doer(&by, origin).run_schedule(&state, &plugin, &name).await?;
    let event = format!("/admin/events/{}/", started.event);
    by.visit.redirect(&done_at(&event, done::STARTED))
}

/// Pauses one.
pub async fn pause(
    State(state): State<ApiState>,
    origin: Origin,
    Path((plugin, name)): Path<(String, String)>,
    MayAct { by, .. }: MayAct,
) -> Result<Response, Problem> {
    let doer = doer(&by, origin);
    doer.pause_schedule(&state, &plugin, &name, true).await?;
    by.visit.redirect(&done_at(LIST, done::PAUSED))
}

/// Lets one go on.
pub async fn resume(
    State(state): State<ApiState>,
    origin: Origin,
    Path((plugin, name)): Path<(String, String)>,
    MayAct { by, .. }: MayAct,
) -> Result<Response, Problem> {
    let doer = doer(&by, origin);
    doer.pause_schedule(&state, &plugin, &name, false).await?;
    by.visit.redirect(&done_at(LIST, done::RESUMED))
}

fn doer(by: &MayLook, origin: Origin) -> Doer {
    Doer {
        user: by.user().clone(),
        origin,
    }
}
