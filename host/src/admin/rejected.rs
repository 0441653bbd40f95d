//! Requests to sources that were refused: why each was, and what a person can do about it.

mod detail;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::acts::said;
use super::guard::MayLook;
use super::layout::{self, Layout, Section};
use super::paging::Paging;
use super::say::{self, When};
use crate::domain::page::Total;
use crate::domain::rejected::RejectedRequest;
use crate::domain::time::Timestamp;
use crate::http::extract::Params;
use crate::http::rejected::RejectedView;
use crate::http::{ApiState, Problem, page};

pub use detail::{page as detail, verify};

#[derive(Template)]
#[template(path = "rejected.html")]
struct RejectedPage {
    layout: Layout,
    done: Option<&'static str>,
    source: String,
    rows: Vec<RejectedRow>,
    paging: Paging,
}

/// A refused request, as a row.
struct RejectedRow {
    view: RejectedView,
    received: When,
    size: String,
}

/// Shows a page of them, newest first.
pub async fn page(State(state): State<ApiState>, by: MayLook, params: Params) -> Result<Response, Problem> {
    let request = page::request(&params)?;
    let source = params.get("source");
    let found = state.store.rejected_requests(source, request).await?;
    let total = Total::exactly(found.total);
    let paging = Paging::of(&state, &params, request, total, found.items.len())?;
    let now = state.waits.clock.now();
    let rows = found.items.into_iter();
    layout::render(&RejectedPage {
        layout: Layout::of(&by, Section::Rejected, "Rejected requests"),
        done: said(params.get("done")),
        source: source.unwrap_or_default().to_owned(),
        rows: rows.map(|refused| row(refused, now)).collect(),
        paging,
    })
}

fn row(refused: RejectedRequest, now: Timestamp) -> RejectedRow {
    RejectedRow {
        received: When::of(refused.received_at, now),
        size: say::count(refused.body_bytes),
        view: refused.into(),
    }
}
