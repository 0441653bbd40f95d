//! The overview: what needs a person first, then how things go.
//!
//! Every number is a counter's, a look-up's, or a walk of bounded length: what is stored makes it no slower.

mod chart;
mod needs;
mod plugins;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::acts::said;
use super::bin::{self, BinStanding};
use super::guard::MayLook;
use super::layout::{self, Layout, Section};
use super::say::{self, When};
use crate::domain::event::EventStatus;
use crate::domain::overview::EventCount;
use crate::domain::time::Timestamp;
use crate::http::extract::Params;
use crate::http::{ApiState, Problem};
use crate::nodes::NodeView;

use chart::{Chart, SpanLink};
use needs::Need;
use plugins::PluginRow;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    layout: Layout,
    /// What was done just before.
    done: Option<&'static str>,
    /// While nothing was ever received: how to begin.
    first_run: Option<FirstRun>,
    needs: Vec<Need>,
    totals: Vec<Count>,
    spans: Vec<SpanLink>,
    chart: Chart,
    plugins: Vec<PluginRow>,
    nodes: Vec<NodeRow>,
}

/// What teaches.
struct FirstRun {
    bin: Option<BinStanding>,
    bin_href: String,
}

/// A number with its name, which leads to what it counts.
struct Count {
    label: &'static str,
    number: String,
    href: String,
}

/// A node, as a row.
struct NodeRow {
    host: String,
    version: String,
    id: String,
    is_this: bool,
    is_live: bool,
    started: When,
    seen: When,
    /// The first digits of its `plugins.toml`'s digest.
    digest: String,
    /// It has another file than this node.
    differs: bool,
}

/// Shows it.
pub async fn page(State(state): State<ApiState>, by: MayLook, params: Params) -> Result<Response, Problem> {
    let now = state.waits.clock.now();
    let events = state.store.event_counts().await?;
    let counts = state.store.delivery_counts().await?;
    let nothing_yet = events.iter().all(|count| count.count == 0);
    let span = chart::Span::named(params.get("span"));
    let layout = Layout::of(&by, Section::Overview, "Overview");
    let first_run = if nothing_yet {
        Some(FirstRun {
            bin: BinStanding::of(&state, &layout)?,
            bin_href: layout.link(bin::PAGE),
        })
    } else {
        None
    };
    layout::render(&OverviewPage {
        done: said(params.get("done")),
        first_run,
        needs: needs::gather(&state, &layout, &counts, now).await?,
        totals: totals(&layout, &events),
        spans: span.links(),
        chart: Chart::of(
            &state.store.tallies(span.since(now), span.width()).await?,
            span,
            now,
        ),
        plugins: plugins::gather(&state, &layout, &counts, now).await?,
        nodes: nodes(state.nodes.list().await?, now),
        layout,
    })
}

/// How many events there are, by what became of them.
fn totals(layout: &Layout, events: &[EventCount]) -> Vec<Count> {
    let labels = [
        (EventStatus::Pending, "pending"),
        (EventStatus::Processing, "processing"),
        (EventStatus::Processed, "processed"),
        (EventStatus::Failed, "failed"),
    ];
    let of = |wanted: EventStatus| {
        let found = events.iter().find(|count| count.status == wanted);
        found.map_or(0, |count| count.count)
    };
    let labels = labels.into_iter();
    labels
        .map(|(status, label)| Count {
            label,
            number: say::count(of(status)),
            href: layout.link(&format!("/admin/events/?status={status}")),
        })
        .collect()
}

/// Digits of a digest that are shown: two files that differ differ in these.
const DIGEST_DIGITS: usize = 12;

fn nodes(nodes: Vec<NodeView>, now: Timestamp) -> Vec<NodeRow> {
    let this = nodes.iter().find(|node| node.this);
    let own = this.and_then(|node| node.plugins_digest.clone());
    let nodes = nodes.into_iter();
    nodes
        .map(|node| NodeRow {
            id: node.id.to_string(),
            is_this: node.this,
            is_live: node.live,
            started: When::of(node.started_at, now),
            seen: When::of(node.seen_at, now),
            differs: node.live && node.plugins_digest != own,
            digest: node
                .plugins_digest
                .map_or_else(String::new, |digest| digest.chars().take(DIGEST_DIGITS).collect()),
            host: node.host,
            version: node.version,
        })
        .collect()
}
