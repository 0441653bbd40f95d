//! The plugins: how each stands, what waits for it, and how long its deliveries take.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::layout::Layout;
use super::super::place;
use super::super::say;
use crate::domain::delivery::DeliveryState;
use crate::domain::overview::LatencySample;
use crate::domain::plugin::PluginName;
use crate::domain::replay::DeliveryCount;
use crate::domain::time::Timestamp;
use crate::http::{ApiState, Problem};
use crate::wasm::PluginStatus;

/// The attempts that latencies are taken from: the newest of an hour. So many tell a 95th percentile well, and are read
/// in a few milliseconds; a plugin that had none among them shows none.
const SAMPLE: u32 = 2_000;
const SAMPLE_WITHIN: Duration = Duration::from_hours(1);

/// One plugin.
pub struct PluginRow {
    pub name: String,
    /// The word of its state, and the class that colours it.
    pub state: &'static str,
    pub error: String,
    pub waiting: String,
    pub running: String,
    pub dead: String,
    /// How long the delivery that waits longest has been due; empty when none is.
    pub oldest: String,
    /// Empty where the sample has none.
    pub p50: String,
    pub p95: String,
    /// Its dead letters.
    pub dead_href: String,
    /// Its page; its events where the file has it no more.
    pub href: String,
}

/// All plugins of the file, and others that have deliveries.
pub async fn gather(
    state: &ApiState,
    layout: &Layout,
    counts: &[DeliveryCount],
    now: Timestamp,
) -> Result<Vec<PluginRow>, Problem> {
    let sample = state.store.latencies(now.minus(SAMPLE_WITHIN), SAMPLE).await?;
    let latencies = by_plugin(sample);
    let statuses: BTreeMap<PluginName, PluginStatus> = state
        .waits
        .registry
        .statuses()
        .into_iter()
        .map(|status| (status.name.clone(), status))
        .collect();
    let counted = counts.iter().map(|count| &count.plugin);
    let names: BTreeSet<_> = statuses.keys().chain(counted).cloned().collect();
    let mut rows = Vec::with_capacity(names.len());
    for name in names {
        let due = state.store.oldest_due(&name).await?;
        let overdue = due.filter(|due| *due < now).map(|due| now.since(due));
        let of = |states: &[DeliveryState]| {
            let own = counts.iter().filter(|count| count.plugin == name);
            let sum = own.filter(|count| states.contains(&count.state));
            say::count(sum.map(|count| count.count).sum())
        };
        let status = statuses.get(&name);
        let times = latencies.get(&name);
        let percentile = |part| times.map_or_else(String::new, |times| say::exact(at(times, part)));
        rows.push(PluginRow {
            state: status.map_or("removed", |status| status.state.as_str()),
            error: status.and_then(|status| status.error.clone()).unwrap_or_default(),
            waiting: of(&[
                DeliveryState::Pending,
                DeliveryState::Retrying,
                DeliveryState::Deferred,
            ]),
            running: of(&[DeliveryState::Claimed, DeliveryState::Running]),
            dead: of(&[DeliveryState::Dead]),
            oldest: overdue.map_or_else(String::new, say::exact),
            p50: percentile(50),
            p95: percentile(95),
            dead_href: layout.link(&format!("/admin/dead-letters/?plugin={name}")),
            href: layout.link(&match status {
                Some(_) => place::plugin(name.as_str()),
                None => format!("/admin/events/?plugin={name}"),
            }),
            name: name.to_string(),
        });
    }
    Ok(rows)
}

/// The latencies of each plugin, shortest first.
fn by_plugin(sample: Vec<LatencySample>) -> BTreeMap<PluginName, Vec<Duration>> {
    let mut latencies: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for LatencySample { plugin, latency } in sample {
        latencies.entry(plugin).or_default().push(latency);
    }
    for times in latencies.values_mut() {
        times.sort_unstable();
    }
    latencies
}

/// The time that so many percent of them do not pass (nearest rank).
fn at(times: &[Duration], percent: usize) -> Duration {
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times: Vec<_> = (1..=20).map(Duration::from_millis).collect();
        assert_eq!(at(&times, 50), Duration::from_millis(10));
        assert_eq!(at(&times, 95), Duration::from_millis(19));
        assert_eq!(at(&times[..1], 95), Duration::from_millis(1));
        assert_eq!(at(&[], 95), Duration::ZERO);
    }
}
