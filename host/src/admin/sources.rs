//! Sources: who may send by which proof, and a box that tells what would become of a request.

mod pasted;
mod rehearsal;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::guard::MayLook;
use super::layout::{self, Layout, Section};
use super::place;
use crate::config::PublicUrl;
use crate::domain::source::{Dedupe, SourceSpec};
use crate::http::{ApiState, Problem};
use crate::intake::rehearse::expected;

pub use rehearsal::{page as detail, rehearse};

#[derive(Template)]
#[template(path = "sources.html")]
struct SourcesPage {
    layout: Layout,
    rows: Vec<SourceCard>,
}

/// A source, for people.
struct SourceCard {
    href: String,
    name: String,
    /// The word of `verify`.
    verifier: &'static str,
    format: &'static str,
    /// What proves a sender.
    expected: String,
    /// Where the secrets come from, never their values.
    secrets: String,
    dedupe: String,
    tolerance: String,
    /// Where its senders post to.
    address: String,
    rejected_href: String,
}

/// Shows them by name.
pub async fn list(State(state): State<ApiState>, by: MayLook) -> Result<Response, Problem> {
    let layout = Layout::of(&by, Section::Sources, "Sources");
    let table = state.sources.table.load_full();
    layout::render(&SourcesPage {
        rows: table.iter().map(|spec| card(&state, &layout, spec)).collect(),
        layout,
    })
}

fn card(state: &ApiState, layout: &Layout, spec: &SourceSpec) -> SourceCard {
    let secrets: Vec<_> = spec.secrets.iter().map(ToString::to_string).collect();
    let path = address(spec.name.as_str());
    let public = state
        .public_url
        .as_ref()
        .map(|public: &PublicUrl| public.of(&path));
    SourceCard {
        href: layout.link(&place::source(spec.name.as_str())),
        rejected_href: layout.link(&format!("/admin/rejected/?source={}", spec.name)),
        name: spec.name.to_string(),
        verifier: spec.verifier.as_str(),
        format: spec.format.as_str(),
        expected: expected(&spec.scheme),
        secrets: secrets.join(", "),
        dedupe: match &spec.dedupe {
            Dedupe::Off => "each request is an event".to_owned(),
            Dedupe::On { window, .. } => format!(
                "the same delivery within {} is the same event",
                humantime::format_duration(*window)
            ),
        },
        tolerance: humantime::format_duration(spec.tolerance).to_string(),
        address: public.unwrap_or(path),
    }
}

/// The path that its senders post to.
fn address(name: &str) -> String {
    format!("/api/webhooks/receive/{name}/")
}
