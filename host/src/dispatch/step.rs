//! A clock that goes back: what waits would wait that much longer.
//!
//! Deliveries are due by the database's clock, which somebody may set and which a machine without a battery gets
//! wrong. A step forward makes things due early, which harms nobody; a step back by two hours would keep an event that
//! was acknowledged a second ago waiting for two hours. So the keeper holds the clock against one that only goes forward.

use std::time::{Duration, Instant};

use super::Parts;
use crate::domain::time::Timestamp;

/// A smaller step is left alone: it is no more than a busy machine's pause, and what waits for it is not missed.
const SMALLEST: Duration = Duration::from_secs(2);

/// The last look at the clock.
#[derive(Default)]
pub(super) struct StepWatch {
    last: Option<(Timestamp, Instant)>,
}

impl StepWatch {
    /// Looks, and makes good a step back since the last look.
    pub(super) async fn look(&mut self, parts: &Parts) {
        let before = Instant::now();
        let Ok(now) = parts.store.clock().await else {
            return; // the sweep that follows says that the database does not answer
        };
        let Some(by) = self.step_back(now, before, Instant::now()) else {
            return;
        };
        match parts.store.clock_went_back(by).await {
            Ok(deliveries) => {
                tracing::warn!(
                    step_s = by.as_secs(),
                    deliveries,
                    "the clock went back; what waits is due that much earlier"
                );
            }
            Err(error) => {
                tracing::warn!(%error, step_s = by.as_secs(), "the clock went back, and what waits could not be told");
            }
        }
    }

    /// How far the clock has gone back, being at `now` when it was read between `before` and `after`.
    fn step_back(&mut self, now: Timestamp, before: Instant, after: Instant) -> Option<Duration> {
        let (last, read) = self.last.replace((now, after))?;
        let expected = last.plus(before.saturating_duration_since(read));
        let by = expected.since(now);
        (by >= SMALLEST).then_some(by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_step_back_counts() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut watch = StepWatch::default();
        let mut look = |clock_s: i64, seconds| {
            watch.step_back(Timestamp::from_millis(clock_s * 1000), at(seconds), at(seconds))
        };
        assert_eq!(look(10_000, 0), None, "nothing to compare with");
        assert_eq!(look(10_005, 5), None, "as it should be");
        assert_eq!(look(10_009, 10), None, "a second is no step");
        assert_eq!(look(17_214, 15), None, "forward");
        assert_eq!(look(10_019, 20), Some(Duration::from_hours(2)));
        assert_eq!(look(10_024, 25), None, "once");
    }
}
