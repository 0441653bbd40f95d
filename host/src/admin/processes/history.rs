//! One version of a script, and what it changed of the one before.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::super::diff::Diff;
use super::super::guard::MayLook;
use super::super::layout::{self, Layout, Section};
use super::super::place;
use super::super::say::When;
use crate::domain::page::PageRequest;
use crate::domain::process::ProcessVersion;
use crate::http::{ApiState, Problem};

/// Most characters of a script that a page of a version shows as text.
const MAX_SHOWN_CHARS: usize = 262_144;

#[derive(Template)]
#[template(path = "version.html")]
struct VersionPage {
    layout: Layout,
    process_href: String,
    code: String,
    label: String,
    name: String,
    changed: When,
    by: String,
    /// With it the process was removed.
    is_removal: bool,
    /// There is none before it.
    is_first: bool,
    diff: Diff,
    script: String,
    script_is_cut: bool,
    /// The versions beside it.
    older: Option<String>,
    newer: Option<String>,
}

/// Shows the version that is so far from the oldest of its code; 1 is the oldest.
pub async fn page(
    State(state): State<ApiState>,
    by: MayLook,
    Path((code, at)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let none = || Problem::no_such("version");
    let at: u64 = at.parse().map_err(|_| none())?;
    let (total, _) = nth(&state, &code, 1).await?;
    if at == 0 || at > total {
        return Err(none());
    }
    let (_, version) = nth(&state, &code, total - at + 1).await?;
    let version = version.ok_or_else(none)?;
    let (_, before) = if at > 1 {
        nth(&state, &code, total - at + 2).await?
    } else {
        (total, None)
    };
    let is_first = before.is_none();
    let layout = Layout::of(&by, Section::Processes, format!("Process {code}"));
    let beside = |at: u64| layout.link(&format!("{}versions/{at}/", place::process(&code)));
    let (older, newer) = (
        (at > 1).then(|| beside(at - 1)),
        (at < total).then(|| beside(at + 1)),
    );
    let text = version.script.clone().unwrap_or_default();
    let script: String = text.chars().take(MAX_SHOWN_CHARS).collect();
    layout::render(&VersionPage {
        process_href: layout.link(&place::process(&code)),
        label: format!("Version {}", version.version),
        name: version.name,
        changed: When::of(version.changed_at, state.waits.clock.now()),
        by: version.changed_by,
        is_removal: version.script.is_none(),
        is_first,
        script_is_cut: script.len() < text.len(),
        script,
        diff: compared(before.and_then(|before| before.script), text).await?,
        older,
        newer,
        code,
        layout,
    })
}

/// How many versions a code has, and the one at this place, the newest first.
async fn nth(state: &ApiState, code: &str, place: u64) -> Result<(u64, Option<ProcessVersion>), Problem> {
    let page = u32::try_from(place).map_err(|_| Problem::no_such("version"))?;
    let request = PageRequest { page, size: 1 };
    let mut found = state.store.process_versions(code, request).await?;
    Ok((found.total, found.items.pop()))
}

async fn compared(old: Option<String>, new: String) -> Result<Diff, Problem> {
    let old = old.unwrap_or_default();
    let diff = tokio::task::spawn_blocking(move || Diff::of(&old, &new)).await;
    diff.map_err(|error| Problem::internal(error.to_string()))
}
