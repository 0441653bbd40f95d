//! How a plugin stands.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::layout::Layout;
use super::super::place;
use super::super::say::{self, When};
use crate::domain::attempt::AttemptOutcome;
use crate::domain::breaker::BreakerState;
use crate::domain::plugin::PluginName;
use crate::domain::time::Timestamp;
use crate::http::plugins::{LaneView, PluginView};
use crate::http::{ApiState, Problem};
use crate::wasm::Grade;

/// The attempts that error rates are taken from: those that the overview's latencies are taken from.
const SAMPLE: u32 = 2_000;
const SAMPLE_WITHIN: Duration = Duration::from_hours(1);

/// Digits of a digest that are shown: as many as name a build.
const DIGEST_DIGITS: usize = 12;

/// How the newest attempts of all plugins ended.
pub struct Outcomes(BTreeMap<PluginName, Ended>);

#[derive(Clone, Copy, Default)]
struct Ended {
    succeeded: u64,
    failed: u64,
}

impl Outcomes {
    /// Those of the last hour.
    pub async fn gather(state: &ApiState, now: Timestamp) -> Result<Self, Problem> {
        let since = now.minus(SAMPLE_WITHIN);
        let mut by_plugin: BTreeMap<_, Ended> = BTreeMap::new();
        for counted in state.store.outcomes(since, SAMPLE).await? {
            let ended = by_plugin.entry(counted.plugin).or_default();
            match counted.outcome {
                AttemptOutcome::Succeeded => ended.succeeded += counted.count,
                // It says nothing of the plugin.
                AttemptOutcome::Deferred => {}
                _ => ended.failed += counted.count,
            }
        }
        Ok(Self(by_plugin))
    }

    /// How many failed, in words; empty when there was none.
    fn told(&self, plugin: &PluginName) -> String {
        let Ended { succeeded, failed } = self.0.get(plugin).copied().unwrap_or_default();
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
    /// How many attempts failed; empty when there was none.
    pub failed: String,
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
            failed: outcomes.told(&status.name),
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
