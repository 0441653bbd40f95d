//! How much happened when, and how long it took.

use std::time::Duration;

use super::event::EventStatus;
use super::plugin::PluginName;
use super::time::Timestamp;
use super::words::words;

/// The time that one tally covers; migration 0007 has the same number. Twelve bars make an hour.
pub const TALLY_SPAN: Duration = Duration::from_mins(5);

/// How long tallies are kept: the longest chart shows a week.
pub const TALLY_AGE: Duration = Duration::from_hours(24 * 8);

/// What is tallied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Happening {
    /// An event was stored.
    Received,
    /// An attempt succeeded.
    Succeeded,
    /// An attempt failed, whether or not another follows.
    Failed,
    /// A delivery was given up.
    Dead,
}

words!(Happening, "happening" {
    Received = "received",
    Succeeded = "succeeded",
    Failed = "failed",
    Dead = "dead",
});

/// How often something happened within a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// When the span begins.
    pub at: Timestamp,
    pub what: Happening,
    pub count: u64,
}

/// How many events have a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventCount {
    pub status: EventStatus,
    pub count: u64,
}

/// How often something happened to a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginTally {
    pub plugin: PluginName,
    pub what: Happening,
    pub count: u64,
}

/// How long one delivery took, from when it was made to the end of the attempt that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencySample {
    pub plugin: PluginName,
    pub latency: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemas_know_every_happening_and_the_span() {
        for schema in [
            include_str!("../../../migrations/sqlite/0007_admin.sql"),
            include_str!("../../../migrations/postgres/0007_admin.sql"),
        ] {
            let dense: String = schema.split_whitespace().collect();
            let check = format!("IN('{}')", Happening::WORDS.join("','"));
            assert!(dense.contains(&check), "{check}");
            let span = TALLY_SPAN.as_millis();
            assert!(schema.contains(&format!("/ {span} * {span}")), "{span}");
        }
    }
}
