//! A token bucket that all runs of a plugin share, on every node: it lives in [`crate::state`] and
//! is changed by compare-and-swap.
//!
//! ```
//! use std::time::Duration;
//! use hookyard_plugin_sdk::{Failure, bucket::Bucket, testing};
//! let host = testing::Host::new();
//! let channel = Bucket::new("rate/C1", 1, Duration::from_secs(1));
//! channel.take(1)?;
//! assert!(matches!(channel.take(1).map_err(Failure::from), Err(Failure::Defer(_))));
//! host.advance(Duration::from_secs(1));
//! channel.take(1)?;
//! # Ok::<(), Failure>(())
//! ```

use std::fmt;
use std::time::Duration;

use crate::state::{self, StateError};
use crate::{Failure, clock};

/// Swaps that are tried before the bucket counts as used up. Each lost one means that another run
/// took its tokens, so many losses mean a crowd.
const MAX_SWAPS: u32 = 16;

/// A bucket of tokens.
///
/// It never gives more than `capacity` tokens in any span of `per`, so a quota that the vendor
/// counts in windows of whatever start holds. Half of them (rounded up) may go at once, the rest
/// are spread evenly. What is kept is one moment, when the bucket will be full again (the generic
/// cell rate algorithm), so that no clean-up is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    key: String,
    capacity: u32,
    per: Duration,
}

/// Why there are no tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketError {
    /// They are used up; after `wait` there may be enough.
    Empty {
        /// The bucket's key in the state.
        key: String,
        /// How long it takes until the tokens asked for are there, if nobody else takes them.
        wait: Duration,
    },
    /// The state did not answer, or has no room.
    State(StateError),
}

impl Bucket {
    /// The bucket of this key in the plugin's state: `capacity` tokens (0 counts as 1) in any span
    /// of `per`.
    #[must_use]
    pub fn new(key: impl Into<String>, capacity: u32, per: Duration) -> Self {
        Self {
            key: key.into(),
            capacity: capacity.max(1),
            per,
        }
    }

    /// Takes `n` tokens (more than the capacity counts as the capacity), or says how long to wait.
    pub fn take(&self, n: u32) -> Result<(), BucketError> {
        let n = n.min(self.capacity);
        for _ in 0..MAX_SWAPS {
            let entry = state::get(&self.key).map_err(BucketError::State)?;
            let now = micros(clock::since_epoch());
            let stored = entry.as_ref().map_or(0, |entry| moment(&entry.value));
            let full_at = self
                .next(stored, now, n)
                .map_err(|wait| self.empty(Duration::from_micros(wait)))?;
            let version = entry.map(|entry| entry.version);
            if state::compare_and_swap(&self.key, version, &full_at.to_be_bytes())
                .map_err(BucketError::State)?
                .is_some()
            {
                return Ok(());
            }
        }
        Err(self.empty(Duration::from_micros(self.interval())))
    }

    /// When the bucket will be full after `n` tokens are taken, or how long to wait; all in
    /// microseconds.
    fn next(&self, stored: u64, now: u64, n: u32) -> Result<u64, u64> {
        // A moment further off than any debt comes of a clock that was set back.
        let furthest = now.saturating_add(micros(self.per).saturating_mul(2));
        let from = stored.clamp(now, furthest);
        let interval = self.interval();
        let needed = interval.saturating_mul(u64::from(n.min(self.burst())));
        let room = interval.saturating_mul(u64::from(self.burst()));
        let allowed_at = from.saturating_add(needed).saturating_sub(room);
        if allowed_at > now {
            return Err(allowed_at - now);
        }
        Ok(from.saturating_add(interval.saturating_mul(u64::from(n))))
    }

    /// Tokens that a full bucket gives at once.
    fn burst(&self) -> u32 {
        self.capacity.div_ceil(2)
    }

    /// Microseconds until one more token is there: with a burst in front, `capacity` are never
    /// exceeded in a span of `per`.
    fn interval(&self) -> u64 {
        let steps = u64::from(self.capacity - self.burst() + 1);
        micros(self.per).div_ceil(steps)
    }

    fn empty(&self, wait: Duration) -> BucketError {
        BucketError::Empty {
            key: self.key.clone(),
            wait,
        }
    }
}

/// A stored moment; a value of another length is none of ours and counts as long past.
fn moment(value: &[u8]) -> u64 {
    value.try_into().map_or(0, u64::from_be_bytes)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl fmt::Display for BucketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { key, wait } => write!(
                f,
                "the rate limit `{key}` is used up for another {} ms",
                wait.as_millis()
            ),
            Self::State(error) => write!(f, "the rate limit could not be read: {error:?}"),
        }
    }
}

impl std::error::Error for BucketError {}

impl From<BucketError> for Failure {
    fn from(error: BucketError) -> Self {
        match error {
            // Rounded up, so that the wait is over when the job comes back.
            BucketError::Empty { wait, .. } => {
                Self::defer(error.to_string(), wait + Duration::from_millis(1))
            }
            BucketError::State(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Host;

    const MINUTE: Duration = Duration::from_mins(1);

    fn wait(bucket: &Bucket, n: u32) -> Option<Duration> {
        match bucket.take(n) {
            Ok(()) => None,
            Err(BucketError::Empty { wait, .. }) => Some(wait),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_a_second_is_one_a_second() {
        let host = Host::new();
        let bucket = Bucket::new("c", 1, Duration::from_secs(1));
        assert_eq!(wait(&bucket, 1), None);
        host.advance(Duration::from_millis(400));
        assert_eq!(wait(&bucket, 1), Some(Duration::from_millis(600)));
        host.advance(Duration::from_millis(600));
        assert_eq!(wait(&bucket, 1), None);
        assert!(wait(&bucket, 1).is_some());
        let other = Bucket::new("d", 1, Duration::from_secs(1));
        assert_eq!(wait(&other, 1), None, "each key is a bucket of its own");
    }

    #[test]
    fn no_window_ever_has_more_than_the_capacity() {
        for capacity in [1, 2, 3, 7, 60] {
            let host = Host::new();
            let bucket = Bucket::new("q", capacity, MINUTE);
            let mut taken: Vec<Duration> = Vec::new();
            let mut clock = Duration::ZERO;
            // Greedy: takes whenever it may, sleeping now and then so that bursts come back.
            for round in 0..400 {
                while let Some(wait) = wait(&bucket, 1) {
                    host.advance(wait);
                    clock += wait;
                }
                taken.push(clock);
                if round % 37 == 0 {
                    host.advance(MINUTE / 2);
                    clock += MINUTE / 2;
                }
            }
            for (index, start) in taken.iter().enumerate() {
                let within = taken[index..]
                    .iter()
                    .take_while(|at| **at < *start + MINUTE)
                    .count();
                assert!(within <= capacity as usize, "{within} of {capacity} at {start:?}");
            }
        }
    }

    #[test]
    fn half_goes_at_once_and_the_rest_evenly() {
        let _host = Host::new();
        let bucket = Bucket::new("q", 60, MINUTE);
        assert_eq!(wait(&bucket, 30), None);
        assert_eq!(wait(&bucket, 1), Some(Duration::from_micros(1_935_484)));
    }

    #[test]
    fn more_than_the_capacity_waits_for_a_full_bucket_and_then_goes() {
        let host = Host::new();
        let bucket = Bucket::new("q", 4, MINUTE);
        assert_eq!(wait(&bucket, 1), None);
        let full = wait(&bucket, 9).expect("a wait");
        host.advance(full);
        assert_eq!(wait(&bucket, 9), None);
        assert!(wait(&bucket, 1).is_some());
    }

    #[test]
    fn a_clock_set_back_does_not_block_for_ever() {
        let host = Host::new();
        let bucket = Bucket::new("q", 2, MINUTE);
        assert_eq!(wait(&bucket, 2), None);
        let host = host.now(1_000_000);
        assert!(wait(&bucket, 1).expect("a wait") <= 2 * MINUTE);
        drop(host);
    }

    #[test]
    fn a_strange_value_counts_as_full_and_no_database_is_a_retry() {
        let host = Host::new();
        crate::state::set("q", b"not ours").unwrap();
        crate::state::set("r", b"x").unwrap();
        let bucket = Bucket::new("r", 1, MINUTE);
        assert_eq!(wait(&bucket, 1), None);
        let _down = host.database_down();
        let failure = Failure::from(bucket.take(1).unwrap_err());
        assert!(matches!(failure, Failure::Retry(_)), "{failure:?}");
    }

    #[test]
    fn an_empty_bucket_defers() {
        let _host = Host::new();
        let bucket = Bucket::new("q", 1, Duration::from_secs(1));
        bucket.take(1).unwrap();
        let failure = Failure::from(bucket.take(1).unwrap_err());
        assert!(
            matches!(failure, Failure::Defer(ref defer) if defer.after == 1001),
            "{failure:?}"
        );
    }
}
