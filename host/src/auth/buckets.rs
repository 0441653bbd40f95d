//! Token buckets in memory, one per key: how often each may do something.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::rate_limit::RateLimit;
use crate::domain::time::Timestamp;

/// Keys remembered, per table: at most about 10 MiB. When it is full the half that is nearest to having
/// everything back is forgotten.
pub const MAX_ENTRIES: usize = 100_000;

/// How many in a row, and how long until one comes back.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub burst: u32,
    pub per: Duration,
}

impl From<RateLimit> for Rate {
    fn from(limit: RateLimit) -> Self {
        Self {
            burst: limit.burst(),
            per: limit.spacing(),
        }
    }
}

/// For each key the moment at which its bucket is full again (the "generic cell rate algorithm"), in nanoseconds
/// since 1970: at a million per second one token is worth a thousand of them.
pub(super) struct Buckets<K>(Mutex<HashMap<K, i64>>);

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone> Buckets<K> {
    /// Takes one from the bucket of `key`, or says how long until there is one.
    pub fn take(&self, key: &K, rate: Rate, now: Timestamp) -> Result<(), Duration> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = nanos_since_1970(now);
        let most = now.saturating_add(nanos(rate.per.saturating_mul(rate.burst)));
        // Held at an empty bucket: a clock that was set back must not shut anybody out for as long as that.
        let before = table.get(key).copied().unwrap_or(now).clamp(now, most);
        let full_again = before.saturating_add(nanos(rate.per));
        if full_again > most {
            return Err(Duration::from_nanos(full_again.abs_diff(most)));
        }
        if table.len() >= MAX_ENTRIES && !table.contains_key(key) {
            forget(&mut table, now);
        }
        table.insert(key.clone(), full_again);
        Ok(())
    }

    /// How long until there is one in the bucket of `key`, taking none; `None` when there is one.
    pub fn wait(&self, key: &K, rate: Rate, now: Timestamp) -> Option<Duration> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = nanos_since_1970(now);
        let most = now.saturating_add(nanos(rate.per.saturating_mul(rate.burst)));
        let before = table.get(key).copied()?.clamp(now, most);
        let full_again = before.saturating_add(nanos(rate.per));
        (full_again > most).then(|| Duration::from_nanos(full_again.abs_diff(most)))
    }

    /// Puts one back.
    pub fn give_back(&self, key: &K, rate: Rate) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full_again) = table.get_mut(key) {
            *full_again = full_again.saturating_sub(nanos(rate.per));
        }
    }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

fn nanos_since_1970(moment: Timestamp) -> i64 {
    moment.as_millis().saturating_mul(1_000_000)
}

/// Makes room: drops whose bucket is full, or else the half that is nearest to it.
fn forget<K: Eq + Hash>(table: &mut HashMap<K, i64>, now: i64) {
    table.retain(|_, full_again| *full_again > now);
    if table.len() >= MAX_ENTRIES {
        let mut moments: Vec<i64> = table.values().copied().collect();
        let (_, median, _) = moments.select_nth_unstable(MAX_ENTRIES / 2);
        let median = *median;
        table.retain(|_, full_again| *full_again > median);
    }
}

/// Who an address stands for: in IPv6 a customer has a /64, in which addresses cost nothing.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_750_000_000_000);

    fn rate(text: &str) -> Rate {
        text.parse::<RateLimit>().expect("a rate").into()
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_one_per_share() {
        let (buckets, rate) = (Buckets::default(), rate("5/s"));
        for _ in 0..5 {
            buckets.take(&"a", rate, NOW).expect("within the burst");
        }
        let wait = buckets.take(&"a", rate, NOW).expect_err("empty");
        assert_eq!(wait, Duration::from_millis(200));
        assert_eq!(buckets.wait(&"a", rate, NOW), Some(wait));
        buckets.take(&"b", rate, NOW).expect("another's is full");
        let later = NOW.plus(wait);
        buckets.take(&"a", rate, later).expect("one came back");
        buckets.take(&"a", rate, later).expect_err("and no more");
    }

    #[test]
    fn a_million_a_second_are_told_apart() {
        let (buckets, rate) = (Buckets::default(), rate("1000000/s"));
        for _ in 0..1_000_000 {
            buckets.take(&(), rate, NOW).expect("within the burst");
        }
        assert_eq!(buckets.take(&(), rate, NOW), Err(Duration::from_micros(1)));
    }

    #[test]
    fn a_clock_that_is_set_back_shuts_nobody_out() {
        let (buckets, rate) = (Buckets::default(), rate("5/s"));
        buckets.take(&(), rate, NOW).expect("full");
        let earlier = NOW.minus(Duration::from_hours(1));
        let wait = buckets.take(&(), rate, earlier).expect_err("taken for empty");
        assert_eq!(wait, Duration::from_millis(200));
    }

    #[test]
    fn the_table_is_bounded_and_keeps_who_has_taken_most() {
        let (buckets, rate) = (Buckets::default(), rate("2/h"));
        for _ in 0..2 {
            buckets.take(&usize::MAX, rate, NOW).expect("full");
        }
        for key in 0..MAX_ENTRIES + 10 {
            buckets.take(&key, rate, NOW).expect("full");
        }
        assert!(buckets.0.lock().expect("not poisoned").len() <= MAX_ENTRIES);
        buckets
            .take(&usize::MAX, rate, NOW)
            .expect_err("it is remembered");
    }
}
