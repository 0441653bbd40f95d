//! Schedules: moments at which a plugin runs, and which of them are due.

mod cron;
mod zone;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use cron::{Cron, InvalidCron};
pub use zone::{UnknownZone, Zone};

use super::event::{EventStatus, MAX_NAME_CHARS, NewEvent};
use super::id::EventId;
use super::plugin::PluginName;
use super::time::Timestamp;
use super::words::words;

/// How late a tick may be made and still counts as made in time: above a short loss of the
/// database, a quick restart and the difference between two nodes' clocks.
pub const IN_TIME: Duration = Duration::from_mins(1);

/// The name of a schedule, unique in its plugin: 1 to 100 characters, none of them a control
/// character. It is the type of the schedule's events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ScheduleName(String);

/// A text that is no schedule's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a schedule's name has 1 to {MAX_NAME_CHARS} characters and no control characters; give it a `name`")]
pub struct InvalidScheduleName;

impl ScheduleName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ScheduleName {
    type Err = InvalidScheduleName;

    fn from_str(text: &str) -> Result<Self, InvalidScheduleName> {
        let length = text.chars().count();
        if (1..=MAX_NAME_CHARS).contains(&length) && !text.contains(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidScheduleName)
        }
    }
}

impl fmt::Display for ScheduleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What happens to a tick while an earlier one's delivery is not finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// It does not run, and is recorded as skipped.
    #[default]
    Skip,
    /// It waits in the queue like any other event.
    Queue,
}

/// What happens after a stop to the moments that passed meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    /// One run stands for all of them.
    #[default]
    Once,
    /// They do not run.
    None,
}

/// A schedule as the operator wants it: an entry of `[[plugins.NAME.schedules]]`, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleSpec {
    pub name: ScheduleName,
    pub cron: Cron,
    pub zone: Zone,
    /// Handed to the plugin with each tick (always an object).
    pub input: serde_json::Value,
    pub overlap: Overlap,
    pub catch_up: CatchUp,
}

/// What is due of a schedule now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The latest of the moments that passed too long ago and do not run.
    pub missed: Option<Timestamp>,
    /// The moments to run, oldest first.
    pub ticks: Vec<Timestamp>,
}

impl ScheduleSpec {
    /// The first moment after `after`; `None` past the end of the calendar.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let second = jiff::Timestamp::from_second(after.as_millis().div_euclid(1000)).ok()?;
        let next = self.zone.next(&self.cron, second)?;
        Some(Timestamp::from_millis(next.as_millisecond()))
    }

    /// What tells a changed schedule from the one that was in force before.
    #[must_use]
    pub fn rule(&self) -> String {
        format!("{} {}", self.cron, self.zone)
    }

    /// What is due at `now`, when everything up to `since` has been dealt with. Moments of the last
    /// [`IN_TIME`] all run; older ones are missed, and run once or not at all.
    #[must_use]
    pub fn due(&self, since: Timestamp, now: Timestamp) -> Due {
        let in_time = since.max(now.minus(IN_TIME));
        let mut due = Due::default();
        let mut next = self.next_after(in_time);
        while let Some(moment) = next.filter(|moment| *moment <= now) {
            due.ticks.push(moment);
            next = self.next_after(moment);
        }
        let missed = self.latest(since, in_time);
        if due.ticks.is_empty() && self.catch_up == CatchUp::Once {
            due.ticks.extend(missed);
        } else {
            due.missed = missed;
        }
        due
    }

    /// What is due at `now` of a schedule that was paused until then: every moment since `since` was missed, however
    /// recent, and they run once or not at all.
    #[must_use]
    pub fn due_after_pause(&self, since: Timestamp, now: Timestamp) -> Due {
        let missed = self.latest(since, now);
        match self.catch_up {
            CatchUp::Once => Due {
                missed: None,
                ticks: missed.into_iter().collect(),
            },
            CatchUp::None => Due {
                missed,
                ticks: Vec::new(),
            },
        }
    }

    /// The latest moment after `since` and not after `until`, found by halving: a long stop costs
    /// no more than a short one.
    fn latest(&self, since: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let next = |after| self.next_after(after).filter(|moment| *moment <= until);
        let mut found = next(since)?;
        let mut bound = until;
        while found < bound {
            let middle = Timestamp::from_millis(i64::midpoint(found.as_millis(), bound.as_millis()));
            match next(middle) {
                Some(later) => found = later,
                None => bound = middle,
            }
        }
        Some(found)
    }
}

/// Which schedule is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScheduleKey {
    pub plugin: PluginName,
    pub schedule: ScheduleName,
}

/// A schedule in force, with its [`ScheduleSpec::rule`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleInForce {
    pub key: ScheduleKey,
    pub rule: String,
}

/// What became of a moment of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// It became an event.
    Made,
    /// A person asked for it, and it became an event.
    Manual,
    /// An earlier run was not finished, and `overlap` is `skip`.
    Skipped,
    /// It passed while nothing ran, and `catch-up` gives it no run of its own.
    Missed,
}

words!(RunOutcome, "outcome of a moment" {
    Made = "made",
    Manual = "manual",
    Skipped = "skipped",
    Missed = "missed",
});

/// What to record of a moment.
#[derive(Clone, Debug)]
pub enum TickAction {
    /// Make this event.
    Make(Box<NewEvent>, Overlap),
    /// Make this event, whatever else runs: a person asked.
    MakeForPerson(Box<NewEvent>),
    /// Note that it does not run.
    Miss,
}

/// A moment of a schedule about to be recorded.
#[derive(Clone, Debug)]
pub struct NewTick {
    pub schedule: ScheduleInForce,
    pub planned_at: Timestamp,
    pub recorded_at: Timestamp,
    pub action: TickAction,
}

/// What came of recording a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticked {
    /// Recorded now, with this outcome.
    Recorded(RunOutcome),
    /// This moment is recorded already, here or by another node; nothing was written.
    Already,
    /// The schedule is paused; nothing was written, and the moment is still to be dealt with.
    Paused,
}

/// Who paused a schedule, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulePause {
    pub at: Timestamp,
    /// The username; `cli:` and the name of the operating system's user for a command.
    pub by: String,
}

/// A recorded moment of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRun {
    pub planned_at: Timestamp,
    pub recorded_at: Timestamp,
    pub outcome: RunOutcome,
    /// The event it became; `None` when it became none or the event has been removed.
    pub event: Option<EventId>,
    pub status: Option<EventStatus>,
    /// Why the event failed.
    pub error_message: Option<String>,
}

#[cfg(test)]
mod tests;
