//! From local times to moments, over changes of the clock.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp};

use super::cron::Cron;

/// Most local times that are looked at for one moment: each second of the longest stretch that a
/// change of the clock ever repeated, one day.
const MAX_REPEATED: usize = 86_401;

/// Most changes of the clock that are passed over for one moment: the zone with the most has four
/// a year, over the years in which an expression must come to pass.
const MAX_CHANGES: usize = 200;

/// A time zone by its IANA name, such as `Europe/Paris`.
///
/// The machine's database is used where it has one, else the one in this program.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// A text that names no time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time zone; use an IANA name such as \"Europe/Paris\" or \"UTC\"")]
pub struct UnknownZone(String);

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        let rules = TimeZone::get(text).map_err(|_| UnknownZone(text.to_owned()))?;
        // Names are found without regard to case, and kept in their own.
        let name = rules.iana_name().unwrap_or(text).to_owned();
        Ok(Self { name, rules })
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self {
            name: "UTC".to_owned(),
            rules: TimeZone::UTC,
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Zone {
    /// The first moment of `cron` in this zone that is later than `after`, a whole second.
    pub(super) fn next(&self, cron: &Cron, after: Timestamp) -> Option<Timestamp> {
        if cron.every_hour() {
            self.next_in_real_time(cron, after)
        } else {
            self.next_on_the_wall(cron, after)
        }
    }

    /// For schedules of certain hours: each local time counts once. One that the clock skips comes
    /// when it has skipped, one that it shows twice comes the first time.
    fn next_on_the_wall(&self, cron: &Cron, after: Timestamp) -> Option<Timestamp> {
        let mut local = self.rules.to_datetime(after);
        for _ in 0..MAX_REPEATED {
            local = cron.first_after(local)?;
            let moment = self.first_moment_of(local)?;
            if moment > after {
                return Some(moment);
            }
        }
        None
    }

    fn first_moment_of(&self, local: DateTime) -> Option<Timestamp> {
        match self.rules.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(local).ok()
            }
            AmbiguousOffset::Gap { after, .. } => {
                let shortly_before = after.to_timestamp(local).ok()?;
                Some(self.rules.following(shortly_before).next()?.timestamp())
            }
        }
    }

    /// For schedules of every hour: each moment at which the clock shows a fitting time.
    fn next_in_real_time(&self, cron: &Cron, after: Timestamp) -> Option<Timestamp> {
        let mut from = after;
        let mut local = cron.first_after(self.rules.to_datetime(from))?;
        for _ in 0..MAX_CHANGES {
            let offset = self.rules.to_offset(from);
            let moment = offset.to_timestamp(local).ok()?;
            let Some(change) = self.rules.following(from).next().map(|c| c.timestamp()) else {
                return Some(moment);
            };
            if moment < change {
                return Some(moment);
            }
            let shown = self.rules.to_datetime(change);
            if lost_its_hour(cron, offset.to_datetime(change), shown) {
                return Some(change);
            }
            from = change;
            local = cron.first_from(shown)?;
        }
        None
    }
}

/// Whether a jump of the clock from `before` to `shown` cut off an hour's beginning, and with it
/// every time of that hour. Where clocks jump by 30 minutes (Lord Howe) such an hour would have no
/// run; where they jump by a whole hour, the next run comes one real hour after the last.
fn lost_its_hour(cron: &Cron, before: DateTime, shown: DateTime) -> bool {
    let Ok(hour) = shown.with().minute(0).second(0).subsec_nanosecond(0).build() else {
        return false;
    };
    let Ok(next_hour) = hour.checked_add(Span::new().hours(1)) else {
        return false;
    };
    let Ok(jumped_hour) = before.checked_add(Span::new().hours(1)) else {
        return false;
    };
    let first = cron.first_from(hour);
    (before < shown && shown < jumped_hour)
        && shown > hour
        && first.is_some_and(|first| first >= before && first < shown)
        && cron.first_from(shown).is_none_or(|rest| rest >= next_hour)
}
