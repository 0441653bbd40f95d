//! How many deliveries a plugin takes in a span of time: a token bucket. Pure; the caller says what
//! time it is.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// So many deliveries in a span, of which up to `burst` may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    amount: u32,
    per: Span,
    burst: u32,
}

/// The spans a rate may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    Second,
    Minute,
    Hour,
}

impl Span {
    const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    const fn word(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
        }
    }

    const fn nanos(self) -> u128 {
        let seconds = match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
        };
        seconds * 1_000_000_000
    }
}

/// Most deliveries a rate may name: more than any plugin does in its span.
pub const MAX_AMOUNT: u32 = 1_000_000;

/// A text that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no rate; write it like \"60/min\", \"5/s\" or \"1000/h\", with a number from 1 to {MAX_AMOUNT}"
)]
pub struct InvalidRate(String);

impl Rate {
    /// The same rate with another burst, from 1 to [`MAX_AMOUNT`].
    #[must_use]
    pub fn with_burst(self, burst: u32) -> Self {
        Self {
            burst: burst.clamp(1, MAX_AMOUNT),
            ..self
        }
    }

    /// How many may come at once.
    #[must_use]
    pub const fn burst(self) -> u32 {
        self.burst
    }

    /// What is within both.
    #[must_use]
    pub fn narrowed_to(self, other: Self) -> Self {
        let slower = if self.per_hour() <= other.per_hour() {
            self
        } else {
            other
        };
        slower.with_burst(self.burst.min(other.burst))
    }

    fn per_hour(self) -> u128 {
        u128::from(self.amount) * (Span::Hour.nanos() / self.per.nanos())
    }
}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let parsed = text.split_once('/').and_then(|(amount, span)| {
            let amount = amount.trim().parse().ok()?;
            let span = Span::ALL.into_iter().find(|one| one.word() == span.trim())?;
            (1..=MAX_AMOUNT).contains(&amount).then_some((amount, span))
        });
        let (amount, per) = parsed.ok_or_else(|| InvalidRate(text.to_owned()))?;
        Ok(Self {
            amount,
            per,
            burst: amount,
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.amount, self.per.word())?;
        if self.burst != self.amount {
            write!(f, " (at once {})", self.burst)?;
        }
        Ok(())
    }
}

/// The tokens of one plugin on one node. Each delivery that is claimed takes one; a full bucket has
/// `burst` of them. Counted without rounding, so that a rate holds over any span.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: Rate,
    /// Tokens times the nanoseconds of the rate's span.
    level: u128,
    seen: Instant,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            level: u128::from(rate.burst) * rate.per.nanos(),
            seen: now,
        }
    }

    /// Takes another rate; the tokens that are there stay, as far as the new burst has room.
    pub fn follow(&mut self, rate: Rate, now: Instant) {
        if self.rate == rate {
            return;
        }
        self.fill(now);
        self.level = self.level * rate.per.nanos() / self.rate.per.nanos();
        self.rate = rate;
        self.fill(now);
    }

    /// How many tokens there are.
    pub fn tokens(&mut self, now: Instant) -> u32 {
        self.fill(now);
        u32::try_from(self.level / self.rate.per.nanos()).unwrap_or(u32::MAX)
    }

    /// Takes tokens, at most as many as there are.
    pub fn take(&mut self, tokens: u32, now: Instant) {
        self.fill(now);
        let taken = u128::from(tokens) * self.rate.per.nanos();
        self.level = self.level.saturating_sub(taken);
    }

    /// How long until there is a token; zero when there is one.
    pub fn wait(&mut self, now: Instant) -> Duration {
        self.fill(now);
        let missing = self.rate.per.nanos().saturating_sub(self.level);
        let nanos = missing.div_ceil(u128::from(self.rate.amount));
        // At most an hour: a token comes at least once in the rate's span.
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.seen);
        self.seen = self.seen.max(now);
        let earned = passed.as_nanos().saturating_mul(u128::from(self.rate.amount));
        let full = u128::from(self.rate.burst) * self.rate.per.nanos();
        self.level = self.level.saturating_add(earned).min(full);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(text: &str) -> Rate {
        text.parse().expect("a rate")
    }

    #[test]
    fn rates_are_read_and_told() {
        for text in ["60/min", "5/s", "1000/h"] {
            assert_eq!(rate(text).to_string(), text);
        }
        assert_eq!(rate("60/min").with_burst(5).to_string(), "60/min (at once 5)");
        for text in [
            "",
            "60",
            "0/s",
            "-1/s",
            "60/day",
            "1.5/s",
            "1000001/s",
            "60/min/s",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_lesser_of_two_rates_is_within_both() {
        let narrowed = rate("1/s")
            .with_burst(9)
            .narrowed_to(rate("100/h").with_burst(50));
        assert_eq!(narrowed, rate("100/h").with_burst(9));
        assert_eq!(rate("60/min").narrowed_to(rate("60/min")), rate("60/min"));
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let begun = Instant::now();
        let mut bucket = Bucket::new(rate("60/min").with_burst(3), begun);
        assert_eq!(bucket.tokens(begun), 3);
        bucket.take(3, begun);
        assert_eq!(
            (bucket.tokens(begun), bucket.wait(begun)),
            (0, Duration::from_secs(1))
        );
        let later = begun + Duration::from_millis(999);
        assert_eq!(
            (bucket.tokens(later), bucket.wait(later)),
            (0, Duration::from_millis(1))
        );
        let later = begun + Duration::from_secs(1);
        assert_eq!((bucket.tokens(later), bucket.wait(later)), (1, Duration::ZERO));
        assert_eq!(
            bucket.tokens(begun + Duration::from_hours(9)),
            3,
            "never more than the burst"
        );
    }

    #[test]
    fn another_rate_keeps_the_tokens_that_fit() {
        let begun = Instant::now();
        let mut bucket = Bucket::new(rate("10/s"), begun);
        bucket.take(4, begun);
        bucket.follow(rate("60/min"), begun);
        assert_eq!(bucket.tokens(begun), 6);
        bucket.follow(rate("2/h"), begun);
        assert_eq!(bucket.tokens(begun), 2);
    }

    proptest! {
        /// Whatever is asked for and when: no more than the burst and what the time has earned.
        #[test]
        fn the_rate_is_never_passed(
            amount in 1_u32..1_000, burst in 1_u32..50, span in 0_usize..3,
            steps in prop::collection::vec((0_u64..5_000, 0_u32..20), 1..200),
        ) {
            let rate = Rate { amount, per: Span::ALL[span], burst };
            let begun = Instant::now();
            let (mut now, mut taken) = (begun, 0_u128);
            let mut bucket = Bucket::new(rate, begun);
            for (millis, wanted) in steps {
                now += Duration::from_millis(millis);
                let got = bucket.tokens(now).min(wanted);
                bucket.take(got, now);
                taken += u128::from(got);
                let earned = (now - begun).as_nanos() * u128::from(amount);
                prop_assert!(taken * rate.per.nanos() <= earned + u128::from(burst) * rate.per.nanos());
                let wait = bucket.wait(now);
                prop_assert!(bucket.clone().tokens(now + wait) >= 1);
            }
        }
    }
}
