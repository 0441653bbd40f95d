//! Stored scripts: the list, a new one, one with its versions, what changed between two.

mod backup;
mod edit;
mod history;
mod lines;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::acts::said;
use super::guard::{MayAct, MayActAtLength, MayLook};
use super::layout::{self, Layout, Section};
use super::paging::Paging;
use super::say::{self, When};
use super::visit::done_at;
use super::{done, place};
use crate::domain::access::Right;
use crate::domain::page::Total;
use crate::domain::process::ProcessSummary;
use crate::domain::time::Timestamp;
use crate::http::doer::Doer;
use crate::http::extract::Params;
use crate::http::origin::Origin;
use crate::http::{ApiState, Problem, page};
use crate::processes::Draft;

use backup::Backup;

pub use edit::{page as detail, store};
pub use history::page as version;

/// Where the list lies.
const LIST: &str = "/admin/processes/";

#[derive(Template)]
#[template(path = "processes.html")]
struct ProcessesPage {
    layout: Layout,
    done: Option<&'static str>,
    search: String,
    rows: Vec<ProcessRow>,
    paging: Paging,
    backups: Vec<Backup>,
}

/// A process, as a row.
struct ProcessRow {
    href: String,
    code: String,
    name: String,
    size: String,
    created: When,
    updated: When,
}

/// Shows a page of the list.
pub async fn list(State(state): State<ApiState>, by: MayLook, params: Params) -> Result<Response, Problem> {
    let request = page::request(&params)?;
    let search = params.get("search");
    let found = state.store.process_page(search, request).await?;
    let total = Total::exactly(found.total);
    let paging = Paging::of(&state, &params, request, total, found.items.len())?;
    let layout = Layout::of(&by, Section::Processes, "Processes");
    let now = state.waits.clock.now();
    let rows = found.items.into_iter();
    layout::render(&ProcessesPage {
        done: said(params.get("done")),
        search: search.unwrap_or_default().to_owned(),
        rows: rows.map(|process| row(&layout, process, now)).collect(),
        paging,
        backups: backup::gather(&state, &layout, now).await?,
        layout,
    })
}

fn row(layout: &Layout, process: ProcessSummary, now: Timestamp) -> ProcessRow {
    ProcessRow {
        href: layout.link(&place::process(&process.code)),
        code: process.code,
        name: process.name,
        size: say::bytes(process.size),
        created: When::of(process.created_at, now),
        updated: When::of(process.updated_at, now),
    }
}

#[derive(Template)]
#[template(path = "new_process.html")]
struct NewProcessPage {
    layout: Layout,
    /// Why it was not stored.
    wrong: Option<String>,
    code: String,
    name: String,
    script: String,
}

impl NewProcessPage {
    fn of(by: &MayLook) -> Self {
        Self {
            layout: Layout::of(by, Section::Processes, "New process"),
            wrong: None,
            code: String::new(),
            name: String::new(),
            script: String::new(),
        }
    }
}

/// The form of a new one.
pub async fn new(by: MayLook) -> Result<Response, Problem> {
    by.must(Right::Operate)?;
    layout::render(&NewProcessPage::of(&by))
}

/// Stores a new one; the form again, with what is wrong, where that can be mended.
pub async fn create(
    State(state): State<ApiState>,
    origin: Origin,
    MayActAtLength { by, form }: MayActAtLength,
) -> Result<Response, Problem> {
    let draft = Draft {
        code: form.raw("code").to_owned(),
        name: Some(form.raw("name").to_owned()),
        script: form.lines("script"),
    };
    let doer = Doer {
        user: by.user().clone(),
        origin,
    };
    match doer.create_process(&state, draft.clone()).await {
        Ok(made) => by
            .visit
            .redirect(&done_at(&place::process(&made.code), done::STORED)),
        Err(problem) if problem.status() == StatusCode::BAD_REQUEST => {
            let page = NewProcessPage {
                wrong: Some(problem.to_string()),
                code: draft.code,
                name: draft.name.unwrap_or_default(),
                script: draft.script,
                ..NewProcessPage::of(&by)
            };
            layout::answer(StatusCode::BAD_REQUEST, &page)
        }
        Err(problem) => Err(problem),
    }
}

/// Removes one; its versions stay.
pub async fn remove(
    State(state): State<ApiState>,
    origin: Origin,
    Path(code): Path<String>,
    MayAct { by, .. }: MayAct,
) -> Result<Response, Problem> {
    let doer = Doer {
        user: by.user().clone(),
        origin,
    };
    doer.remove_process(&state, &code).await?;
    by.visit.redirect(&done_at(LIST, done::REMOVED))
}
