//! One source, with a box that tells what would become of a request.
//!
//! Operators only, and not all who may look: whether a pasted token is the secret is told here without being counted.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::form::Form;
use super::super::guard::{MayActAtLength, MayLook};
use super::super::layout::{self, Layout, Section};
use super::{SourceCard, address, card, pasted};
use crate::domain::rejected::Check;
use crate::http::{ApiState, Problem};
use crate::intake::rehearse::{Rehearsal, Step};

#[derive(Template)]
#[template(path = "source.html")]
struct SourcePage {
    layout: Layout,
    source: SourceCard,
    pasted: Pasted,
    /// What of the request cannot be read.
    wrong: Option<String>,
    told: Option<Told>,
}

/// What was put into the box.
#[derive(Default)]
struct Pasted {
    headers: String,
    body: String,
    body_as: String,
    query: String,
    at: String,
}

/// What would become of it.
struct Told {
    steps: Vec<Step>,
    /// The check that it does not pass, its status, and why; `None` when it would be taken.
    refused: Option<Refused>,
    /// The types of the events, each with the earlier event that it would be.
    events: Vec<ForeseenRow>,
}

struct Refused {
    check: &'static str,
    status: u16,
    why: String,
}

struct ForeseenRow {
    event_type: String,
    /// The event that is here already.
    duplicate_href: Option<String>,
}

/// Shows it, with an empty box.
pub async fn page(
    State(state): State<ApiState>,
    by: MayLook,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    layout::render(&assemble(&state, &by, &name)?)
}

/// Says what would become of the request in the box. Nothing is stored.
pub async fn rehearse(
    State(state): State<ApiState>,
    Path(name): Path<String>,
    MayActAtLength { by, form }: MayActAtLength,
) -> Result<Response, Problem> {
    let mut shown = assemble(&state, &by, &name)?;
    shown.pasted = Pasted::of(&form);
    let now = state.sources.clock.now();
    match pasted::request(&form, &address(&name), now) {
        Err(why) => {
            shown.wrong = Some(why);
            layout::answer(StatusCode::BAD_REQUEST, &shown)
        }
        Ok(request) => {
            let rehearsal = state.sources.rehearse(&name, &request).await?;
            shown.told = Some(Told::of(&shown.layout, rehearsal));
            layout::render(&shown)
        }
    }
}

fn assemble(state: &ApiState, by: &MayLook, name: &str) -> Result<SourcePage, Problem> {
    let table = state.sources.table.load_full();
    let spec = table.get(name).ok_or_else(|| Problem::no_such("source"))?;
    let layout = Layout::of(by, Section::Sources, format!("Source {name}"));
    Ok(SourcePage {
        source: card(state, &layout, spec),
        pasted: Pasted::default(),
        wrong: None,
        told: None,
        layout,
    })
}

impl Pasted {
    fn of(form: &Form) -> Self {
        Self {
            headers: form.lines("headers"),
            body: form.lines("body"),
            body_as: form.raw("body-as").to_owned(),
            query: form.raw("query").to_owned(),
            at: form.raw("at").to_owned(),
        }
    }
}

impl Told {
    fn of(layout: &Layout, rehearsal: Rehearsal) -> Self {
        let events = rehearsal.events.into_iter().map(|event| ForeseenRow {
            event_type: event.event_type,
            duplicate_href: event
                .duplicate_of
                .map(|id| layout.link(&format!("/admin/events/{id}/"))),
        });
        Self {
            steps: rehearsal.steps,
            refused: rehearsal.rejection.map(|rejection| Refused {
                check: Check::as_str(rejection.check),
                status: rejection.check.status(),
                why: rejection.why,
            }),
            events: events.collect(),
        }
    }
}
