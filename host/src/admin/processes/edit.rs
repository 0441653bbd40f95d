//! One script: its text in a form, what storing it would change, and its versions.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::acts::said;
use super::super::diff::Diff;
use super::super::guard::{MayActAtLength, MayLook};
use super::super::layout::{self, Layout, Section};
use super::super::paging::Paging;
use super::super::say::{self, When};
use super::super::visit::done_at;
use super::super::{done, place};
use super::lines::as_before;
use crate::domain::page::{DEFAULT_PAGE_SIZE, PageRequest, Total};
use crate::domain::process::{Process, ProcessChange, ProcessVersion};
use crate::domain::time::Timestamp;
use crate::http::doer::Doer;
use crate::http::extract::Params;
use crate::http::origin::Origin;
use crate::http::{ApiState, Problem, page};

/// What the second button of the form sends: show what would change, and store nothing.
const COMPARE: &str = "compare";

#[derive(Template)]
#[template(path = "process.html")]
struct ProcessPage {
    layout: Layout,
    done: Option<&'static str>,
    /// The page's own path.
    path: String,
    code: String,
    /// `None` when it is removed.
    editor: Option<Editor>,
    versions: Vec<VersionRow>,
    paging: Paging,
}

/// The form.
struct Editor {
    name: String,
    script: String,
    /// When what the form was made from was written: what somebody else has written since is not lost.
    seen: String,
    /// Why it was not stored.
    wrong: Option<String>,
    /// What storing it would change.
    diff: Option<Diff>,
    created: When,
    updated: When,
}

/// A version, as a row.
struct VersionRow {
    href: String,
    label: String,
    name: String,
    /// Its size; empty when it was removed with it.
    size: String,
    changed: When,
    by: String,
}

impl Editor {
    fn of(process: &Process, now: Timestamp) -> Self {
        Self {
            name: process.name.clone(),
            script: process.script.clone(),
            seen: process.updated_at.to_string(),
            wrong: None,
            diff: None,
            created: When::of(process.created_at, now),
            updated: When::of(process.updated_at, now),
        }
    }
}

/// Shows one, or the versions of one that is removed.
pub async fn page(
    State(state): State<ApiState>,
    by: MayLook,
    Path(code): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let request = page::request(&params)?;
    let found = state.store.process(&code).await?;
    let now = state.waits.clock.now();
    let editor = found.map(|process| Editor::of(&process, now));
    let mut shown = assemble(&state, &by, &code, &params, request).await?;
    shown.editor = editor;
    shown.done = said(params.get("done"));
    layout::render(&shown)
}

/// Stores what the form says, or shows what that would change.
pub async fn store(
    State(state): State<ApiState>,
    origin: Origin,
    Path(code): Path<String>,
    MayActAtLength { by, form }: MayActAtLength,
) -> Result<Response, Problem> {
    let found = state.store.process(&code).await?;
    let before = found.ok_or_else(|| Problem::no_such("process"))?;
    let name = form.raw("name").to_owned();
    let script = as_before(form.lines("script"), &before.script);
    let edited = Editor {
        name: name.clone(),
        script: script.clone(),
        ..Editor::of(&before, state.waits.clock.now())
    };
    if form.raw("act") == COMPARE {
        return with_diff(&state, &by, before, edited, StatusCode::OK).await;
    }
    if form.raw("seen") != edited.seen {
        let why = "Somebody has stored another text meanwhile. Below is what yours would change of it: store it again \
                   to do so.";
        let edited = Editor {
            wrong: Some(why.to_owned()),
            ..edited
        };
        return with_diff(&state, &by, before, edited, StatusCode::CONFLICT).await;
    }
    let change = ProcessChange {
        name: Some(name),
        script: Some(script),
    };
    let doer = Doer {
        user: by.user().clone(),
        origin,
    };
    match doer.change_process(&state, &code, change).await {
        Ok(_changed) => by.visit.redirect(&done_at(&place::process(&code), done::STORED)),
        Err(problem) if problem.status() == StatusCode::BAD_REQUEST => {
            let edited = Editor {
                wrong: Some(problem.to_string()),
                ..edited
            };
            with_diff(&state, &by, before, edited, StatusCode::BAD_REQUEST).await
        }
        Err(problem) => Err(problem),
    }
}

/// The page with the form as it was sent, and what storing it would change.
async fn with_diff(
    state: &ApiState,
    by: &MayLook,
    before: Process,
    edited: Editor,
    status: StatusCode,
) -> Result<Response, Problem> {
    let first = PageRequest {
        page: 1,
        size: DEFAULT_PAGE_SIZE,
    };
    let mut shown = assemble(state, by, &before.code, &Params::default(), first).await?;
    let (old, new) = (before.script, edited.script.clone());
    let diff = tokio::task::spawn_blocking(move || Diff::of(&old, &new)).await;
    let diff = diff.map_err(|error| Problem::internal(error.to_string()))?;
    shown.editor = Some(Editor {
        diff: Some(diff),
        ..edited
    });
    layout::answer(status, &shown)
}

/// The page without its form.
async fn assemble(
    state: &ApiState,
    by: &MayLook,
    code: &str,
    params: &Params,
    request: PageRequest,
) -> Result<ProcessPage, Problem> {
    let found = state.store.process_versions(code, request).await?;
    if found.total == 0 {
        return Err(Problem::no_such("process"));
    }
    let (total, got) = (Total::exactly(found.total), found.items.len());
    let paging = Paging::of(state, params, request, total, got)?;
    let layout = Layout::of(by, Section::Processes, format!("Process {code}"));
    let now = state.waits.clock.now();
    // Counted from the oldest, so that an address goes on to mean the same version.
    let newest = found.total.saturating_sub(request.offset());
    let rows = found.items.into_iter().zip(0..);
    Ok(ProcessPage {
        done: None,
        path: layout.link(&place::process(code)),
        code: code.to_owned(),
        editor: None,
        versions: rows
            .map(|(version, at)| row(&layout, code, version, newest.saturating_sub(at), now))
            .collect(),
        paging,
        layout,
    })
}

fn row(layout: &Layout, code: &str, version: ProcessVersion, at: u64, now: Timestamp) -> VersionRow {
    let script = version.script.as_ref();
    VersionRow {
        href: layout.link(&format!("{}versions/{at}/", place::process(code))),
        label: format!("Version {}", version.version),
        size: script.map_or_else(String::new, |script| say::bytes(script.len() as u64)),
        name: version.name,
        changed: When::of(version.changed_at, now),
        by: version.changed_by,
    }
}
