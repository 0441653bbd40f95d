//! A clock that goes back: what waits would wait that much longer.
//!
//! Deliveries are due by the database's clock, which somebody may set and which a machine without a battery gets
//! wrong. A step forward makes things due early, which harms nobody; a step back by two hours would keep an event that
//! was acknowledged a second ago waiting for two hours. So the keeper holds the clock against one that only goes forward.

use std::time::{Duration, Instant};

use super::{LEASE, Parts};
use crate::domain::time::Timestamp;
use crate::store::StepBack;

/// A smaller step is left alone: it is no more than a busy machine's pause, and what waits for it is not missed.
const SMALLEST: Duration = Duration::from_secs(2);

/// The last look at the clock, and what is still to be made good.
#[derive(Default)]
pub(super) struct StepWatch {
    last: Option<(Timestamp, Instant)>,
    owed: Option<Owed>,
}

/// Steps back that the database has not been told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owed {
    by: Duration,
    /// When the clock was last seen to be right.
    since: Instant,
}

impl StepWatch {
    /// Looks, and makes good a step back since the last look, or an earlier one that could not be made good then.
    pub(super) async fn look(&mut self, parts: &Parts) {
        let before = Instant::now();
        let Ok(now) = parts.store.clock().await else {
            return; // the sweep that follows says that the database does not answer
        };
        self.compare(now, before, Instant::now());
        let Some(Owed { by, since }) = self.owed else {
            return;
        };
        let ago = since.elapsed();
        match parts.store.clock_went_back(StepBack { by, ago }, LEASE).await {
            Ok(deliveries) => {
                self.owed = None;
                tracing::warn!(
                    step_s = by.as_secs(),
                    deliveries,
                    "the clock went back; what waits is due that much earlier"
                );
            }
            Err(error) => {
                tracing::warn!(%error, step_s = by.as_secs(), "the clock went back, and what waits could not be told; trying again");
            }
        }
    }

    /// Notes how far the clock has gone back, being at `now` when it was read between `before` and `after`. A step
    /// forward takes back what is owed: somebody has mended the clock.
    fn compare(&mut self, now: Timestamp, before: Instant, after: Instant) {
        let Some((last, read)) = self.last.replace((now, after)) else {
            return;
        };
        let back = last.plus(before.saturating_duration_since(read)).since(now);
        let forward = now.since(last.plus(after.saturating_duration_since(read)));
        let (by, since) = self
            .owed
            .map_or((Duration::ZERO, read), |owed| (owed.by, owed.since));
        if back >= SMALLEST {
            let by = by + back;
            self.owed = Some(Owed { by, since });
        } else if forward >= SMALLEST {
            let by = by.saturating_sub(forward);
            self.owed = (by >= SMALLEST).then_some(Owed { by, since });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A watch that has looked at these moments: what the clock said, in seconds, and when.
    fn watched(begun: Instant, looks: &[(i64, u64)]) -> StepWatch {
        let mut watch = StepWatch::default();
        for (clock_s, seconds) in looks {
            let at = begun + Duration::from_secs(*seconds);
            watch.compare(Timestamp::from_millis(clock_s * 1000), at, at);
        }
        watch
    }

    #[test]
    fn only_a_step_back_counts() {
        let begun = Instant::now();
        let looks = [(10_000, 0), (10_005, 5), (10_009, 10), (17_214, 15), (10_019, 20)];
        for (count, why) in [
            (1, "nothing to compare with"),
            (2, "as it should be"),
            (3, "a second is no step"),
            (4, "forward"),
        ] {
            assert_eq!(watched(begun, &looks[..count]).owed, None, "{why}");
        }
        let owed = Owed {
            by: Duration::from_hours(2),
            since: begun + Duration::from_secs(15),
        };
        assert_eq!(watched(begun, &looks).owed, Some(owed));
    }

    #[test]
    fn what_could_not_be_made_good_stays_owed() {
        let begun = Instant::now();
        let owed = |looks: &[(i64, u64)]| watched(begun, looks).owed;
        let stepped = |minutes| Owed {
            by: Duration::from_mins(minutes),
            since: begun,
        };
        let back = [(10_000, 0), (9_945, 5)];
        assert_eq!(owed(&back), Some(stepped(1)));
        let [first, second] = back;
        assert_eq!(owed(&[first, second, (9_950, 10)]), Some(stepped(1)), "later");
        assert_eq!(
            owed(&[first, second, (9_890, 10)]),
            Some(stepped(2)),
            "and once more"
        );
        assert_eq!(owed(&[first, second, (10_010, 10)]), None, "and mended");
    }
}
