//! One plugin with everything about it.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::super::acts::said;
use super::super::bin;
use super::super::guard::MayLook;
use super::super::layout::{self, Layout, Section};
use super::super::place;
use super::super::say::{self, When};
use super::attempts::{self, Recent};
use super::limits::{self, LimitRow};
use super::log::{self, LogRow};
use super::rights::Rights;
use super::section::SectionView;
use super::standing::{Outcomes, Standing};
use crate::domain::time::Timestamp;
use crate::http::extract::Params;
use crate::http::plugins::{missing, named, views_of};
use crate::http::{ApiState, Problem};
use crate::wasm::{Manifest, Reload, ReloadCause};

#[derive(Template)]
#[template(path = "plugin.html")]
struct PluginPage {
    layout: Layout,
    done: Option<&'static str>,
    /// The page's own address.
    href: String,
    standing: Standing,
    is_enabled: bool,
    /// The newest build was rolled back.
    is_rolled_back: bool,
    actions: Vec<ActionLink>,
    rights: Rights,
    limits: Vec<LimitRow>,
    section: SectionView,
    /// It has schedules.
    is_scheduled: bool,
    recent: Vec<Recent>,
    log: Vec<LogRow>,
    reloads: Vec<ReloadRow>,
    dead_href: String,
    events_href: String,
    /// The page of what it was given, which the request bin has.
    bin_href: Option<String>,
}

/// An action that it offers.
struct ActionLink {
    href: String,
    name: String,
    summary: String,
}

/// A load, as a row.
struct ReloadRow {
    at: When,
    cause: &'static str,
    result: &'static str,
    /// First digits of what was tried and of what served before.
    build: String,
    before: String,
    generation: String,
    why: String,
    took: String,
}

/// Shows it.
pub async fn page(
    State(state): State<ApiState>,
    by: MayLook,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let name = named(&name)?;
    let specs = state.waits.specs.load_full();
    let found = views_of(&state.waits)
        .into_iter()
        .find(|view| view.status.name == name);
    let (Some(view), Some(spec)) = (found, specs.get(&name)) else {
        return Err(missing(name.as_str()));
    };
    let now = state.waits.clock.now();
    let layout = Layout::of(&by, Section::Plugins, format!("Plugin {name}"));
    let manifest = view.status.manifest.clone();
    let newest = attempts::gather(&state, &layout, &name, now).await?;
    let log = log::gather(&state, &layout, &name, newest.attempts, now).await?;
    let reloads = state.actions.registry.reloads(&name).unwrap_or_default();
    let outcomes = Outcomes::gather(&state, now).await?;
    layout::render(&PluginPage {
        done: said(params.get("done")),
        href: layout.link(&place::plugin(name.as_str())),
        standing: Standing::of(&layout, view, &outcomes, now),
        is_enabled: spec.enabled,
        is_rolled_back: is_rolled_back(&reloads),
        actions: actions(&layout, name.as_str(), manifest.as_ref()),
        rights: Rights::of(manifest.as_ref(), &spec.grants, &newest.calls),
        limits: limits::rows(&spec.limits, state.waits.lanes.used(&name)),
        section: SectionView::of(spec),
        is_scheduled: !spec.schedules.is_empty(),
        recent: newest.rows,
        log,
        reloads: reloads.into_iter().map(|reload| row(reload, now)).collect(),
        dead_href: layout.link(&format!("/admin/dead-letters/?plugin={name}")),
        events_href: layout.link(&format!("/admin/events/?plugin={name}")),
        bin_href: (name.as_str() == bin::NAME).then(|| layout.link(bin::PAGE)),
        layout,
    })
}

fn actions(layout: &Layout, plugin: &str, manifest: Option<&Manifest>) -> Vec<ActionLink> {
    let offered = manifest.map_or(&[][..], |said| said.actions.as_slice());
    let offered = offered.iter();
    offered
        .map(|action| ActionLink {
            href: layout.link(&format!("{}actions/{}/", place::plugin(plugin), action.name)),
            name: action.name.clone(),
            summary: action.summary.clone(),
        })
        .collect()
}

/// Whether the last word on builds was a rollback: what came after it is another section.
fn is_rolled_back(reloads: &[Reload]) -> bool {
    let last = reloads
        .iter()
        .find(|reload| reload.cause != ReloadCause::Section && reload.cause != ReloadCause::Start);
    last.is_some_and(|reload| matches!(reload.cause, ReloadCause::Rollback | ReloadCause::Failures))
}

/// Digits of a digest that are shown.
const DIGEST_DIGITS: usize = 12;

fn row(reload: Reload, now: Timestamp) -> ReloadRow {
    let short = |digest: Option<String>| {
        let digest = digest.unwrap_or_default();
        digest.chars().take(DIGEST_DIGITS).collect::<String>()
    };
    ReloadRow {
        at: When::of(reload.at, now),
        cause: reload.cause.as_str(),
        result: reload.result.as_str(),
        build: short(reload.new_digest),
        before: short(reload.old_digest),
        generation: reload
            .generation
            .map_or_else(String::new, |number| number.to_string()),
        why: reload.why.unwrap_or_default(),
        took: say::exact(std::time::Duration::from_millis(reload.duration_ms)),
    }
}
