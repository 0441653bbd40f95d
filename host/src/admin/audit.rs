//! The audit log, for admins: who changed what, newest first.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::guard::MayLook;
use super::layout::{self, Layout, Section};
use super::paging::Paging;
use super::say::When;
use crate::domain::access::Right;
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::page::Total;
use crate::domain::time::Timestamp;
use crate::http::audit::{AuditView, filter};
use crate::http::extract::Params;
use crate::http::{ApiState, Problem, page};

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    layout: Layout,
    actor: String,
    target: String,
    since: String,
    until: String,
    actions: Vec<Choice>,
    rows: Vec<AuditRow>,
    paging: Paging,
}

/// An action that may be asked for.
struct Choice {
    word: &'static str,
    is_chosen: bool,
}

/// An entry, as a row.
struct AuditRow {
    at: When,
    view: AuditView,
    /// What else there is to say, as JSON; empty when there is nothing.
    detail: String,
}

/// Shows a page of it.
pub async fn page(State(state): State<ApiState>, by: MayLook, params: Params) -> Result<Response, Problem> {
    by.must(Right::Administer)?;
    let request = page::request(&params)?;
    let filter = filter(&params)?;
    let found = state.audit.page(&filter, request).await?;
    let total = Total::exactly(found.total);
    let now = state.waits.clock.now();
    let text = |name| params.get(name).unwrap_or_default().to_owned();
    let words = Action::WORDS.iter().copied();
    layout::render(&AuditPage {
        layout: Layout::of(&by, Section::Audit, "Audit log"),
        actor: text("actor"),
        target: text("target"),
        since: text("since"),
        until: text("until"),
        actions: words
            .map(|word| Choice {
                word,
                is_chosen: filter.action.as_deref() == Some(word),
            })
            .collect(),
        paging: Paging::of(&state, &params, request, total, found.items.len())?,
        rows: found.items.into_iter().map(|entry| row(entry, now)).collect(),
    })
}

fn row(entry: AuditEntry, now: Timestamp) -> AuditRow {
    let at = When::of(entry.at, now);
    let view = AuditView::from(entry);
    let is_empty = view.detail.as_object().is_some_and(serde_json::Map::is_empty);
    AuditRow {
        at,
        detail: if is_empty {
            String::new()
        } else {
            view.detail.to_string()
        },
        view,
    }
}
