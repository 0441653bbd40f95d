//! One refused request as it was kept, and what would become of it now.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::super::acts::said;
use super::super::guard::{MayAsk, MayLook};
use super::super::layout::{self, Layout, Section};
use super::super::place;
use super::super::say::When;
use super::super::tree::{Line, Tree};
use crate::http::extract::Params;
use crate::http::rejected::{RejectedDetail, RejectedView, VerdictView, parsed};
use crate::http::{ApiState, Problem};

/// Most characters of a body that are shown as text.
const MAX_SHOWN_CHARS: usize = 65_536;

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage {
    layout: Layout,
    done: Option<&'static str>,
    view: RejectedView,
    received: When,
    source_href: String,
    /// The path of its forms.
    path: String,
    body: Option<Body>,
    verdict: Option<VerdictView>,
}

/// What was sent.
struct Body {
    tree: Tree,
    text: String,
    is_cut: bool,
    /// How a text stands for bytes.
    encoding: Option<&'static str>,
}

/// Shows it.
pub async fn page(
    State(state): State<ApiState>,
    by: MayLook,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let mut shown = assemble(&state, &by, &id).await?;
    shown.done = said(params.get("done"));
    layout::render(&shown)
}

/// The same with what would become of it now. Nothing is stored.
pub async fn verify(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    MayAsk { by, .. }: MayAsk,
) -> Result<Response, Problem> {
    let verdict = state.sources.verify_again(parsed(&id)?).await?;
    let shown = RefusedPage {
        verdict: Some(verdict.into()),
        ..assemble(&state, &by, &id).await?
    };
    layout::render(&shown)
}

async fn assemble(state: &ApiState, by: &MayLook, id: &str) -> Result<RefusedPage, Problem> {
    let found = state.store.rejected_request(parsed(id)?).await?;
    let request = found.ok_or_else(|| Problem::no_such("rejected request"))?;
    let received = When::of(request.received_at, state.waits.clock.now());
    let RejectedDetail {
        request: view,
        body,
        encoding,
    } = RejectedDetail::of(request)?;
    let mut layout = Layout::of(
        by,
        Section::Rejected,
        format!("Refused request to {}", view.source),
    );
    // Not where its form led to, which shows nothing by itself.
    layout.here = format!("/admin/rejected/{}/", view.id);
    let body = body.map(|json| {
        let text: String = json.get().chars().take(MAX_SHOWN_CHARS).collect();
        Body {
            tree: Tree::of(&json),
            is_cut: text.len() < json.get().len(),
            text,
            encoding,
        }
    });
    Ok(RefusedPage {
        source_href: layout.link(&place::source(&view.source)),
        path: layout.self_link(),
        view,
        received,
        body,
        verdict: None,
        done: None,
        layout,
    })
}
