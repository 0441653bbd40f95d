//! How a plugin stands.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::layout::Layout;
use super::super::place;
use super::super::say::{self, When};
use crate::domain::breaker::BreakerState;
use crate::domain::overview::{Happening, TALLY_SPAN};
use crate::domain::plugin::PluginName;
use crate::domain::time::Timestamp;
use crate::http::plugins::{LaneView, PluginView};
use crate::http::{ApiState, Problem};
use crate::wasm::Grade;

/// The times that error rates are told of.
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Digits of a digest that are shown: as many as name a build.
const DIGEST_DIGITS: usize = 12;

/// How the attempts of all plugins ended lately.
pub struct Outcomes {
    hour: BTreeMap<PluginName, Ended>,
    day: BTreeMap<PluginName, Ended>,
}

#[derive(Clone, Copy, Default)]
struct Ended {
    succeeded: u64,
    failed: u64,
}

impl Outcomes {
    /// Those of the last hour and of the last day, from the tallies.
    pub async fn gather(state: &ApiState, now: Timestamp) -> Result<Self, Problem> {
        Ok(Self {
            hour: ended(state, now, HOUR).await?,
            day: ended(state, now, DAY).await?,
        })
    }
}

/// How the attempts ended that began within this time, and in the rest of the tally in which it begins.
async fn ended(
    state: &ApiState,
    now: Timestamp,
    within: Duration,
) -> Result<BTreeMap<PluginName, Ended>, Problem> {
    let span = i64::try_from(TALLY_SPAN.as_millis()).unwrap_or(1);
    let since = now.minus(within).as_millis();
    let since = Timestamp::from_millis(since - since.rem_euclid(span));
    let mut by_plugin: BTreeMap<_, Ended> = BTreeMap::new();
    for tally in state.store.plugin_tallies(since).await? {
        let ended = by_plugin.entry(tally.plugin).or_default();
        match tally.what {
            Happening::Succeeded => ended.succeeded += tally.count,
            Happening::Failed => ended.failed += tally.count,
            Happening::Received | Happening::Dead => {}
        }
    }
    Ok(by_plugin)
}

/// How many of a plugin's attempts failed, in words; empty when there was none.
fn told(ended: &BTreeMap<PluginName, Ended>, plugin: &PluginName) -> String {
    let Ended { succeeded, failed } = ended.get(plugin).copied().unwrap_or_default();
    match succeeded + failed {
        0 => String::new(),
        all => {
            let per_mille = failed.saturating_mul(1_000) / all;
            let (percent, tenth) = (per_mille / 10, per_mille % 10);
            format!(
                "{percent}.{tenth} % ({} of {})",
                say::count(failed),
                say::count(all)
            )
        }
    }
}

/// A plugin, as a row or at the top of its page.
pub struct Standing {
    pub name: String,
    pub href: String,
    /// The word of its state, and the class that colours it.
    pub state: &'static str,
    /// Why it is so; may be empty.
    pub error: String,
    pub version: String,
    pub summary: String,
    /// The first digits, and all of them.
    pub short_digest: String,
    pub digest: String,
    pub generation: String,
    /// `draft` while its code was compiled in haste.
    pub code: &'static str,
    pub component: String,
    pub loaded: Option<When>,
    pub warnings: Vec<String>,
    /// The kept builds that served before, newest first.
    pub earlier: Vec<String>,
    /// How many attempts of the last hour failed; empty when there was none.
    pub failed: String,
    /// The same of the last day.
    pub failed_of_day: String,
    /// What holds its lane on this node up, and the class that colours it.
    pub lane: String,
    pub lane_class: &'static str,
}

impl Standing {
    /// Of this plugin.
    #[must_use]
    pub fn of(layout: &Layout, view: PluginView, outcomes: &Outcomes, now: Timestamp) -> Self {
        let PluginView { status, lane } = view;
        let digest = status.digest.unwrap_or_default();
        let (lane, lane_class) = lane_text(lane.as_ref(), now);
        let manifest = status.manifest;
        Self {
            href: layout.link(&place::plugin(status.name.as_str())),
            failed: told(&outcomes.hour, &status.name),
            failed_of_day: told(&outcomes.day, &status.name),
            name: status.name.to_string(),
            state: status.state.as_str(),
            error: status.error.unwrap_or_default(),
            version: manifest
                .as_ref()
                .map_or_else(String::new, |said| said.version.clone()),
            summary: manifest.map_or_else(String::new, |said| said.summary),
            short_digest: digest.chars().take(DIGEST_DIGITS).collect(),
            digest,
            generation: status
                .generation
                .map_or_else(String::new, |number| number.to_string()),
            code: status.code.map_or("", code),
            component: status.component,
            loaded: status.loaded_at.map(|at| When::of(at, now)),
            warnings: status.warnings,
            earlier: status.earlier_digests,
            lane,
            lane_class,
        }
    }
}

const fn code(grade: Grade) -> &'static str {
    match grade {
        Grade::Draft => "draft",
        Grade::Optimised => "optimised",
    }
}

/// How a lane stands, in words.
fn lane_text(lane: Option<&LaneView>, now: Timestamp) -> (String, &'static str) {
    let until =
        |at: Option<Timestamp>| at.map_or_else(String::new, |at| format!(", {}", When::of(at, now).text));
    match lane {
        None => ("has not run here yet".to_owned(), ""),
        Some(lane) => match lane.breaker {
            BreakerState::Open => (
                format!("breaker open; one call is tried{}", until(lane.breaker_until)),
                "broken",
            ),
            BreakerState::HalfOpen => ("breaker half-open: one call is let through".to_owned(), "paused"),
            BreakerState::Closed if lane.rate_until.is_some() => (
                format!("rate used up; it goes on{}", until(lane.rate_until)),
                "paused",
            ),
            BreakerState::Closed if lane.full => ("every slot is taken".to_owned(), "paused"),
            BreakerState::Closed => ("runs".to_owned(), "ready"),
        },
    }
}
