//! Another event made of one: the same source, type and headers, with a payload that a person gives. The original stays
//! as it is.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;

use super::super::done;
use super::super::guard::{MayActAtLength, MayLook};
use super::super::layout::{self, Layout, Section};
use super::super::say;
use super::super::visit::done_at;
use crate::domain::access::Right;
use crate::domain::event::Event;
use crate::http::doer::Doer;
use crate::http::origin::Origin;
use crate::http::views::EventView;
use crate::http::{ApiState, Problem, events};
use crate::replays::Edit;

#[derive(Template)]
#[template(path = "edit.html")]
struct EditPage {
    layout: Layout,
    /// The original's page, which the form's own follows.
    event_href: String,
    source: String,
    event_type: String,
    /// How many headers go with it.
    headers: usize,
    payload: String,
    /// The original's payload is no JSON; what the form begins with stands for it.
    stands_for: bool,
    to: String,
    note: String,
    most: String,
    /// Why it was not made.
    wrong: Option<String>,
}

/// Shows the form, with the payload as it is.
pub async fn page(
    State(state): State<ApiState>,
    by: MayLook,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    by.must(Right::Operate)?;
    let event = events::visible_event(&state, by.user(), &id).await?;
    layout::render(&EditPage::of(&state, &by, event)?)
}

/// Makes the event and brings it to whom it is for.
pub async fn send(
    State(state): State<ApiState>,
    origin: Origin,
    Path(id): Path<String>,
    MayActAtLength { by, form }: MayActAtLength,
) -> Result<Response, Problem> {
    let event = events::visible_event(&state, by.user(), &id).await?;
    let payload = form.lines("payload");
    let edit = Edit {
        payload: Bytes::from(payload.clone()),
        headers: None,
    };
    let plugins = form.get("to").map(|plugin| vec![plugin.to_owned()]);
    let note = form.get("note").map(str::to_owned);
    let doer = Doer {
        user: by.user().clone(),
        origin,
    };
    let made = doer
        .edit_event(&state, event.id, edit, plugins.as_deref(), note)
        .await;
    match made {
        Ok(made) => {
            let path = format!("/admin/events/{}/", made.event);
            by.visit.redirect(&done_at(&path, done::EDITED))
        }
        Err(problem) if is_about_the_form(problem.status()) => {
            let page = EditPage {
                payload,
                to: form.raw("to").to_owned(),
                note: form.raw("note").to_owned(),
                wrong: Some(problem.to_string()),
                ..EditPage::of(&state, &by, event)?
            };
            layout::answer(problem.status(), &page)
        }
        Err(problem) => Err(problem),
    }
}

/// Whether another try with the form may do.
fn is_about_the_form(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::PAYLOAD_TOO_LARGE
    )
}

impl EditPage {
    fn of(state: &ApiState, by: &MayLook, event: Event) -> Result<Self, Problem> {
        let sent = event.payload();
        let view = EventView::of(event)?;
        let payload = view.payload.get().to_owned();
        let layout = Layout::of(by, Section::Events, "Edit and replay");
        let most = u64::try_from(state.max_body).unwrap_or(u64::MAX);
        Ok(Self {
            event_href: layout.link(&format!("/admin/events/{}/", view.id)),
            headers: view.headers.len(),
            stands_for: payload.trim().as_bytes() != sent.trim_ascii(),
            payload,
            source: view.source,
            event_type: view.event_type,
            to: String::new(),
            note: String::new(),
            most: say::bytes(most),
            wrong: None,
            layout,
        })
    }
}
