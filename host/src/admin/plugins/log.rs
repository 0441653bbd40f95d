//! The newest lines that a plugin logged, over all its attempts.

use std::collections::HashSet;
use std::time::Duration;

use super::super::layout::Layout;
use super::super::say::When;
use crate::domain::attempt::Attempt;
use crate::domain::id::EventId;
use crate::domain::plugin::PluginName;
use crate::domain::time::Timestamp;
use crate::http::{ApiState, Problem};

/// Lines that are shown: a few screens.
const LINES: usize = 200;

/// Where attempts are looked for: among as many of all plugins as the overview's latencies are taken from. The attempts
/// of the newest deliveries come on top, for a plugin that runs rarely.
const SAMPLE: u32 = 2_000;
const SAMPLE_WITHIN: Duration = Duration::from_hours(1);

/// Attempts that are read: most log at least a line, and each is read with its logs.
const ATTEMPTS: u32 = 50;

/// A line.
pub struct LogRow {
    pub at: When,
    pub level: &'static str,
    pub message: String,
    /// The delivery that it is about.
    pub href: String,
}

/// The newest lines, newest first. `known` are attempts that were read already.
pub async fn gather(
    state: &ApiState,
    layout: &Layout,
    plugin: &PluginName,
    known: Vec<(EventId, Attempt)>,
    now: Timestamp,
) -> Result<Vec<LogRow>, Problem> {
    let since = now.minus(SAMPLE_WITHIN);
    let newest = state.store.newest_attempts(plugin, since, SAMPLE, ATTEMPTS);
    let mut attempts = newest.await?;
    attempts.extend(known);
    Ok(rows(layout, attempts, now))
}

fn rows(layout: &Layout, attempts: Vec<(EventId, Attempt)>, now: Timestamp) -> Vec<LogRow> {
    let mut seen = HashSet::new();
    let mut batches = HashSet::new();
    let mut lines = Vec::new();
    for (event, attempt) in attempts {
        let record = attempt.record;
        // A call of several deliveries has one log, which each of its attempts repeats.
        let is_told = record.batch.is_some_and(|batch| !batches.insert(batch.id));
        if !seen.insert(record.id) || is_told {
            continue;
        }
        let href = layout.link(&format!("/admin/events/{event}/#delivery-{}", attempt.delivery));
        for (number, line) in record.logs.into_iter().enumerate() {
            let at = record.started_at.plus(Duration::from_millis(line.at_ms));
            lines.push((at, record.id, number, line, href.clone()));
        }
    }
    lines.sort_by_key(|(at, id, number, ..)| std::cmp::Reverse((*at, *id, *number)));
    lines.truncate(LINES);
    lines
        .into_iter()
        .map(|(at, _, _, line, href)| LogRow {
            at: When::of(at, now),
            level: line.level.as_str(),
            message: line.message,
            href,
        })
        .collect()
}
