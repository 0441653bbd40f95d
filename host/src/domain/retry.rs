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

/// Why a delivery is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// There are no more attempts.
    Attempts,
    /// After this wait it would be older than `max_age`.
    Age { wait: Duration },
}

impl RetryPolicy {
    /// How long to wait after attempt `attempt` (1 is the first) failed.
    ///
    /// `age` is how old the delivery is. `after` is what the vendor asked for: it is never
    /// undercut, and no bound of the policy makes it shorter. `chance` is a number from 0 to 1 from
    /// the caller's random source.
    ///
    /// # Errors
    /// When it is given up: attempts are used up, or the next would fall past `max_age`.
    pub fn next(
        &self,
        attempt: u32,
        age: Duration,
        after: Option<Duration>,
        chance: f64,
    ) -> Result<Duration, GiveUp> {
        let own = self.own_wait(attempt.max(1), chance).ok_or(GiveUp::Attempts)?;
        let wait = after.map_or(own, |asked| own.max(asked));
        if age.saturating_add(wait) > self.max_age {
            return Err(GiveUp::Age { wait });
        }
        Ok(wait)
    }

    /// `None` when there are no more attempts.
    fn own_wait(&self, attempt: u32, chance: f64) -> Option<Duration> {
        match &self.backoff {
            Backoff::Schedule(waits) => waits.get(usize::try_from(attempt - 1).ok()?).copied(),
            Backoff::Exponential { base, max, attempts } => {
                if attempt >= *attempts {
                    return None;
                }
                let doubled = base.saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
                Some(doubled.min(*max).mul_f64(chance.clamp(0.0, 1.0)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the policy: never before the vendor wants it, never past the age, and an answer
        /// for every attempt.
        #[test]
        fn a_vendors_wait_is_never_undercut(
            attempt in 0_u32..200, age_s in 0_u64..1_000_000, asked_s in 0_u64..10_000_000,
            max_age_s in 0_u64..10_000_000, chance in 0.0_f64..=1.0, schedule in any::<bool>(),
        ) {
            let backoff = if schedule {
                Backoff::Schedule(vec![Duration::from_secs(5); 9])
            } else {
                RetryPolicy::default().backoff
            };
            let policy = RetryPolicy { backoff, max_age: Duration::from_secs(max_age_s) };
            let (age, asked) = (Duration::from_secs(age_s), Duration::from_secs(asked_s));
            match policy.next(attempt, age, Some(asked), chance) {
                Ok(wait) => prop_assert!(wait >= asked && age + wait <= policy.max_age),
                Err(GiveUp::Age { wait }) => prop_assert!(wait >= asked && age + wait > policy.max_age),
                Err(GiveUp::Attempts) => prop_assert!(policy.next(attempt, Duration::ZERO, None, chance).is_err()),
            }
        }
    }
}
