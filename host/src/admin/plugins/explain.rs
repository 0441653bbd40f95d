//! Where an event would go by the routes in force, and why not elsewhere: one that is stored, or one that is pasted.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use serde::de::IgnoredAny;

use super::super::form::Form;
use super::super::guard::{MayAsk, MayLook};
use super::super::layout::{self, Layout, Section};
use super::super::place;
use crate::http::events::visible_event;
use crate::http::plugins::named;
use crate::http::{ApiState, Problem};
use crate::routing::{Imagined, PluginExplained};

#[derive(Template)]
#[template(path = "explain.html")]
struct ExplainPage {
    layout: Layout,
    plugin: String,
    plugin_href: String,
    /// The path of the form.
    path: String,
    event: String,
    source: String,
    event_type: String,
    payload: String,
    /// Why it cannot be said.
    wrong: Option<String>,
    /// This plugin first.
    explained: Vec<PluginExplained>,
}

/// Says it of every plugin.
pub async fn explain(
    State(state): State<ApiState>,
    Path(name): Path<String>,
    MayAsk { by, form }: MayAsk,
) -> Result<Response, Problem> {
    let name = named(&name)?;
    match asked(&state, &by, &form).await {
        Ok(mut explained) => {
            explained.sort_by_key(|told| told.plugin != name);
            layout::render(&assemble(&by, name.as_str(), &form, explained, None))
        }
        Err(problem) if problem.status().is_client_error() => {
            let wrong = Some(problem.to_string());
            let page = assemble(&by, name.as_str(), &form, Vec::new(), wrong);
            layout::answer(problem.status(), &page)
        }
        Err(problem) => Err(problem),
    }
}

async fn asked(state: &ApiState, by: &MayLook, form: &Form) -> Result<Vec<PluginExplained>, Problem> {
    let explained = if let Some(id) = form.get("event") {
        let event = visible_event(state, by.user(), id).await?;
        state.routing.explain(event).await
    } else {
        state.routing.explain_imagined(imagined(form)?).await
    };
    explained.ok_or_else(|| Problem::internal("the routes cannot be explained"))
}

fn imagined(form: &Form) -> Result<Imagined, Problem> {
    let payload = form.lines("payload");
    if let Err(error) = serde_json::from_str::<IgnoredAny>(&payload) {
        let detail = format!("The payload is no JSON: {error}.");
        return Err(Problem::new(StatusCode::BAD_REQUEST, "bad-json", detail));
    }
    let named = |field| form.get(field).unwrap_or("unknown").to_owned();
    Ok(Imagined {
        source: named("source"),
        event_type: named("type"),
        headers: Vec::new(),
        payload: Bytes::from(payload),
    })
}

fn assemble(
    by: &MayLook,
    plugin: &str,
    form: &Form,
    explained: Vec<PluginExplained>,
    wrong: Option<String>,
) -> ExplainPage {
    let mut layout = Layout::of(by, Section::Plugins, "Where an event goes");
    let page = place::plugin(plugin);
    // Where the form led to shows nothing by itself.
    layout.here.clone_from(&page);
    let text = |field| form.get(field).unwrap_or_default().to_owned();
    ExplainPage {
        plugin: plugin.to_owned(),
        plugin_href: layout.link(&page),
        path: layout.link(&format!("{page}explain/")),
        event: text("event"),
        source: text("source"),
        event_type: text("type"),
        payload: form.lines("payload"),
        wrong,
        explained,
        layout,
    }
}
