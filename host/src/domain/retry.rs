//! When to try again.

use std::time::Duration;

/// How a plugin's failed deliveries are retried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    pub backoff: Backoff,
    /// A delivery older than this is given up, however many attempts are left.
    pub max_age: Duration,
}

/// How long to wait after each failed attempt, and how many attempts there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backoff {
    /// The waits one by one; after the last there are no more attempts.
    Schedule(Vec<Duration>),
    /// A wait drawn evenly from zero to `min(max, base * 2^(n-1))` after attempt `n` ("full
    /// jitter": <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>), for
    /// `attempts` attempts in all.
    Exponential {
        base: Duration,
        max: Duration,
        attempts: u32,
    },
}

impl Default for RetryPolicy {
    /// About two days: 5 s doubling to at most 6 h, 16 attempts.
    fn default() -> Self {
        Self {
            backoff: Backoff::Exponential {
                base: Duration::from_secs(5),
                max: Duration::from_hours(6),
                attempts: 16,
            },
            max_age: Duration::from_hours(72),
        }
    }
}

impl RetryPolicy {
    /// How long to wait after attempt `attempt` (1 is the first) failed, or `None` to give up.
    ///
    /// `age` is how old the delivery is. `after` is what the vendor asked for: it is never
    /// undercut. `chance` is a number from 0 to 1 from the caller's random source. An attempt that
    /// would fall past `max_age` is not made.
    #[must_use]
    pub fn next_delay(
        &self,
        attempt: u32,
        age: Duration,
        after: Option<Duration>,
        chance: f64,
    ) -> Option<Duration> {
        let attempt = attempt.max(1);
        let own = match &self.backoff {
            Backoff::Schedule(waits) => *waits.get(usize::try_from(attempt - 1).ok()?)?,
            Backoff::Exponential { base, max, attempts } => {
                if attempt >= *attempts {
                    return None;
                }
                let doubled = base.saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
                doubled.min(*max).mul_f64(chance.clamp(0.0, 1.0))
            }
        };
        let delay = after.map_or(own, |asked| own.max(asked));
        (age.saturating_add(delay) <= self.max_age).then_some(delay)
    }
}
