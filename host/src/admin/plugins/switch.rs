//! Switching a plugin on or off, after a look at what that changes of the file; and going back to an earlier build.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::diff::Diff;
use super::super::guard::{MayAct, MayLook};
use super::super::layout::{self, Layout, Section};
use super::super::visit::done_at;
use super::super::{done, mask, place};
use crate::domain::access::Right;
use crate::domain::plugin::DigestPrefix;
use crate::http::doer::Doer;
use crate::http::extract::Params;
use crate::http::origin::Origin;
use crate::http::plugins::named;
use crate::http::{ApiState, Problem};
use crate::operator::Switch;

/// The words of the two ways.
const ON: &str = "on";
const OFF: &str = "off";

#[derive(Template)]
#[template(path = "switch.html")]
struct SwitchPage {
    layout: Layout,
    name: String,
    plugin_href: String,
    /// The path of the form.
    path: String,
    enabled: bool,
    /// The word of the way.
    to: &'static str,
    file: String,
    diff: Diff,
    /// The digest of the file that this is about.
    seen: String,
}

/// Shows what switching it would change of the file.
pub async fn page(
    State(state): State<ApiState>,
    by: MayLook,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    by.must(Right::Operate)?;
    let name = named(&name)?;
    let enabled = wanted(params.get("to"))?;
    let preview = state.operator.preview(&name, enabled).await?;
    let (before, after) = (preview.before, preview.after);
    let diff = tokio::task::spawn_blocking(move || Diff::of(&before, &after)).await;
    let mut diff = diff.map_err(|error| Problem::internal(error.to_string()))?;
    for line in &mut diff.lines {
        line.text = mask::toml_line(&line.text);
    }
    let to = if enabled { ON } else { OFF };
    let layout = Layout::of(&by, Section::Plugins, format!("Switch {name} {to}"));
    let plugin = place::plugin(name.as_str());
    layout::render(&SwitchPage {
        plugin_href: layout.link(&plugin),
        path: layout.link(&format!("{plugin}switch/")),
        name: name.to_string(),
        enabled,
        to,
        file: state.operator.path().display().to_string(),
        diff,
        seen: preview.digest,
        layout,
    })
}

fn wanted(word: Option<&str>) -> Result<bool, Problem> {
    match word {
        Some(ON) => Ok(true),
        Some(OFF) => Ok(false),
        _ => Err(Problem::bad_parameter("to", "must be on or off")),
    }
}

/// Switches it, in the file that was seen.
pub async fn switch(
    State(state): State<ApiState>,
    origin: Origin,
    Path(name): Path<String>,
    MayAct { by, form }: MayAct,
) -> Result<Response, Problem> {
    let name = named(&name)?;
    let switch = Switch {
        enabled: wanted(form.get("to"))?,
        seen: Some(form.raw("seen").to_owned()),
    };
    let word = if switch.enabled {
        done::SWITCHED_ON
    } else {
        done::SWITCHED_OFF
    };
    doer(&by, origin).switch(&state, &name, switch).await?;
    by.visit.redirect(&done_at(&place::plugin(name.as_str()), word))
}

/// Goes back from the build that serves to the one before.
pub async fn roll_back(
    State(state): State<ApiState>,
    origin: Origin,
    Path(name): Path<String>,
    MayAct { by, form }: MayAct,
) -> Result<Response, Problem> {
    let name = named(&name)?;
    // What serves may be another build by now than the one that was looked at.
    let from: DigestPrefix = form.raw("from").parse().map_err(|_| {
        let detail = "The form does not say which build is to be rolled back: load the page anew.";
        Problem::new(StatusCode::BAD_REQUEST, "bad-input", detail)
    })?;
    doer(&by, origin).roll_back(&state, &name, Some(from)).await?;
    let page = place::plugin(name.as_str());
    by.visit.redirect(&done_at(&page, done::ROLLED_BACK))
}

/// Takes a rollback back.
pub async fn take_back(
    State(state): State<ApiState>,
    origin: Origin,
    Path(name): Path<String>,
    MayAct { by, .. }: MayAct,
) -> Result<Response, Problem> {
    let name = named(&name)?;
    doer(&by, origin).take_back(&state, &name).await?;
    let page = place::plugin(name.as_str());
    by.visit.redirect(&done_at(&page, done::TAKEN_BACK))
}

fn doer(by: &MayLook, origin: Origin) -> Doer {
    Doer {
        user: by.user().clone(),
        origin,
    }
}
