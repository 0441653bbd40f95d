//! Which deliveries a list shows or an order is about, and orders that go through many of them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::act::Act;
use super::delivery::{Delivery, DeliveryHistory, DeliveryState};
use super::id::{DeliveryId, ReplayId};
use super::inside::Inside;
use super::order::OrderBy;
use super::page::Total;
use super::plugin::PluginName;
use super::time::Timestamp;
use super::words::words;

/// Longest text that is looked for in errors, in bytes.
pub const MAX_ERROR_BYTES: usize = 256;

/// Which deliveries; every given condition must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeliveryFilter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<DeliveryState>,
    /// The event's source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The event's type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// Made at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Made before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// A text in the last error, without regard to case (on SQLite: of ASCII letters).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether a replay stands for it: its own, or any later delivery of its event to the same plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed: Option<bool>,
    /// What is in the event's body. Lists of deliveries do not ask for it, orders may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inside: Option<Inside>,
}

impl DeliveryFilter {
    /// Whether it asks for nothing but plugin and state, which are counted exactly.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        let Self {
            plugin: _,
            state: _,
            source,
            event_type,
            since,
            until,
            error,
            replayed,
            inside,
        } = self;
        source.is_none()
            && event_type.is_none()
            && since.is_none()
            && until.is_none()
            && error.is_none()
            && replayed.is_none()
            && inside.is_none()
    }
}

/// How many deliveries a plugin has in a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeliveryCount {
    pub plugin: PluginName,
    pub state: DeliveryState,
    pub count: u64,
}

/// A delivery in a list.
#[derive(Clone, Debug)]
pub struct ListedDelivery {
    pub delivery: Delivery,
    /// Of the event.
    pub source: String,
    pub event_type: String,
    /// Whether a replay stands for it: its own, or any later delivery of its event to the same plugin.
    pub replayed: bool,
}

/// A delivery with all that was done about it.
#[derive(Clone, Debug)]
pub struct DeliveryDetail {
    pub history: DeliveryHistory,
    /// Of the event.
    pub source: String,
    pub event_type: String,
    /// What people did, oldest first.
    pub acts: Vec<Act>,
    /// Its replays, oldest first.
    pub replays: Vec<Delivery>,
}

/// What an order does to the deliveries it goes through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobKind {
    #[default]
    Replay,
    Discard,
}

words!(JobKind, "kind of order" {
    Replay = "replay",
    Discard = "discard",
});

/// How far an order has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    Running,
    Done,
    Cancelled,
}

words!(JobState, "state of an order" {
    Running = "running",
    Done = "done",
    Cancelled = "cancelled",
});

/// An order about to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    pub id: ReplayId,
    pub kind: JobKind,
    /// Names a state.
    pub filter: DeliveryFilter,
    /// Where replays go, when not to the plugin of each.
    pub to: Option<PluginName>,
    pub note: Option<String>,
    pub rate: ReplayRate,
    /// How many match now.
    pub total: Total,
    pub actor: String,
}

/// A stored order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayJob {
    pub id: ReplayId,
    pub kind: JobKind,
    pub filter: DeliveryFilter,
    pub to: Option<PluginName>,
    pub note: Option<String>,
    pub rate: ReplayRate,
    pub state: JobState,
    /// How many matched when it was given.
    pub total: Total,
    /// Replays made, or deliveries discarded.
    pub made: u64,
    /// Matched, and left alone: still on their way, or their plugin is not switched on.
    pub skipped: u64,
    /// The last delivery that was looked at.
    pub cursor: Option<DeliveryId>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub finished_at: Option<Timestamp>,
    pub cancelled_by: Option<String>,
}

/// The plugins that replays may be made for, and what each orders its deliveries by.
pub type Receivers = BTreeMap<PluginName, Option<OrderBy>>;

/// What one step through the orders came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobStep {
    /// A batch was dealt with; these plugins have something to do.
    Worked(Vec<PluginName>),
    /// Nothing is due: the next batch is after this time, `None` when no order runs.
    Nothing(Option<Duration>),
}

/// How many deliveries an order goes through in a time, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReplayRate(u32);

/// Fastest rate, per minute: 1000 a second, which one node makes in batches of [`MAX_BATCH`].
const MAX_PER_MINUTE: u32 = 60_000;

/// Most deliveries of one batch: one transaction must not hold the writer for long.
const MAX_BATCH: u32 = 200;

/// Batches a second that a rate is cut into.
const BATCHES_PER_SECOND: u32 = 5;

/// A text that is no such rate.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no rate: write a number and s, min or h, such as 10/s or 600/min, from 1/min to 1000/s")]
pub struct InvalidReplayRate(String);

impl Default for ReplayRate {
    /// 100 a second: a replay of thousands goes through in minutes and leaves room for new events.
    fn default() -> Self {
        Self(6000)
    }
}

impl ReplayRate {
    /// So many a minute, when that is a rate.
    #[must_use]
    pub fn per_minute(count: u32) -> Option<Self> {
        (1..=MAX_PER_MINUTE).contains(&count).then_some(Self(count))
    }

    /// How many a minute.
    #[must_use]
    pub const fn as_per_minute(self) -> u32 {
        self.0
    }

    /// How many go into one batch.
    #[must_use]
    pub fn batch(self) -> u32 {
        (self.0 / (60 * BATCHES_PER_SECOND)).clamp(1, MAX_BATCH)
    }

    /// How long so many deliveries take at this rate, rounded up to whole milliseconds.
    #[must_use]
    pub fn time_of(self, count: u32) -> Duration {
        Duration::from_millis((u64::from(count) * 60_000).div_ceil(u64::from(self.0)))
    }
}

impl FromStr for ReplayRate {
    type Err = InvalidReplayRate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidReplayRate(text.to_owned());
        let (count, unit) = text.split_once('/').ok_or_else(invalid)?;
        let count: u32 = count.trim().parse().map_err(|_| invalid())?;
        let per_minute = match unit.trim() {
            "s" => count.checked_mul(60),
            "min" => Some(count),
            "h" if count.is_multiple_of(60) => Some(count / 60),
            _ => None,
        };
        per_minute.and_then(Self::per_minute).ok_or_else(invalid)
    }
}

impl fmt::Display for ReplayRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(60) {
            write!(f, "{}/s", self.0 / 60)
        } else {
            write!(f, "{}/min", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_shown() {
        for (text, per_minute, shown) in [
            ("10/s", 600, "10/s"),
            ("90/min", 90, "90/min"),
            ("120/min", 120, "2/s"),
            ("120/h", 2, "2/min"),
            ("1000/s", 60_000, "1000/s"),
        ] {
            let rate: ReplayRate = text.parse().expect("a rate");
            assert_eq!(
                (rate.as_per_minute(), rate.to_string()),
                (per_minute, shown.to_owned())
            );
        }
        for text in ["", "10", "0/s", "1001/s", "-1/s", "1/day", "10/h", "71582789/s"] {
            let error = text.parse::<ReplayRate>().expect_err("no rate").to_string();
            assert!(error.contains("10/s"), "{error}");
        }
    }

    #[test]
    fn batches_never_pass_the_rate() {
        for per_minute in [1, 59, 299, 300, 301, 600, 6000, 59_999, 60_000] {
            let rate = ReplayRate::per_minute(per_minute).expect("a rate");
            let (batch, time) = (rate.batch(), rate.time_of(rate.batch()));
            assert!((1..=MAX_BATCH).contains(&batch));
            let made = u128::from(batch) * 60_000;
            assert!(made <= u128::from(per_minute) * time.as_millis(), "{per_minute}");
        }
    }

    #[test]
    fn a_filter_goes_through_json() {
        let filter = DeliveryFilter {
            state: Some(DeliveryState::Dead),
            event_type: Some("push".to_owned()),
            since: Some(Timestamp::from_millis(1_750_000_000_123)),
            ..DeliveryFilter::default()
        };
        let json = serde_json::to_string(&filter).expect("JSON");
        assert_eq!(
            json,
            r#"{"state":"dead","type":"push","since":"2025-06-15T15:06:40.123Z"}"#
        );
        assert_eq!(
            serde_json::from_str::<DeliveryFilter>(&json).expect("read"),
            filter
        );
        assert!(serde_json::from_str::<DeliveryFilter>(r#"{"plug":"a"}"#).is_err());
        assert!(!filter.is_counted());
        assert!(
            DeliveryFilter {
                since: None,
                event_type: None,
                ..filter
            }
            .is_counted()
        );
    }
}
