//! The most that a shape holds.

use std::time::Duration;

use crate::costs::Costs;
use crate::model::{Outcome, Shape, simulate};

/// Tries between too little and too much: to about a hundredth.
const TRIES: u32 = 12;

/// Beyond this nobody asks.
const MOST: f64 = 200_000.0;

/// What senders put up with, 99 times of 100.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// Time's worth of events that may be unfinished at the end, beside what the vendor has.
const SLACK_SECONDS: f64 = 0.3;

/// The most that so many nodes hold.
#[derive(Debug)]
pub struct Most {
    pub nodes: u32,
    pub rate: f64,
    pub answers: Duration,
    pub results: Duration,
    pub database: f64,
    pub processors: f64,
}

/// Looks for the highest rate at which nothing piles up and answers come in time.
pub fn most(costs: &Costs, shape: Shape) -> Most {
    let (mut low, mut high) = (0.0, 1.0);
    while high < MOST && holds(shape, high, &simulate(costs, Shape { rate: high, ..shape })) {
        low = high;
        high *= 2.0;
    }
    for _ in 0..TRIES {
        let rate = f64::midpoint(low, high);
        if holds(shape, rate, &simulate(costs, Shape { rate, ..shape })) {
            low = rate;
        } else {
            high = rate;
        }
    }
    let mut outcome = simulate(
        costs,
        Shape {
            rate: low.max(1.0),
            ..shape
        },
    );
    Most {
        nodes: shape.nodes,
        rate: low,
        answers: high_time(&mut outcome.answers),
        results: high_time(&mut outcome.results),
        database: outcome.database,
        processors: outcome.processors,
    }
}

fn holds(shape: Shape, rate: f64, outcome: &Outcome) -> bool {
    // As many are always under way as come while the vendor thinks.
    let usual = rate * (shape.vendor.as_secs_f64() + SLACK_SECONDS) + 10.0;
    let left = f64::from(u32::try_from(outcome.left).unwrap_or(u32::MAX));
    left <= usual && high_time(&mut outcome.answers.clone()) <= ANSWERS_WITHIN
}

/// The time below which 99 of 100 lie; zero when there are none.
fn high_time(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    let index = times.len() * 99 / 100;
    times.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{made_up, shape};

    /// With these times a node's processors hold 2 s / 600 µs, and its slots 32 / 27 ms: the slots come first.
    #[test]
    fn the_scarcest_part_sets_the_rate() {
        let one = most(&made_up(), shape(1, 1.0));
        assert!(one.rate > 600.0 && one.rate < 1_600.0, "{one:?}");
        let two = most(&made_up(), shape(2, 1.0));
        assert!(two.rate > one.rate * 1.4, "{two:?} after {one:?}");
        assert!(two.database < 1.01 && two.processors < 1.01, "{two:?}");
    }
}
