//! What a load found.

use std::time::Duration;

use anyhow::ensure;
use hdrhistogram::Histogram;

use crate::row::figure;

/// What came back in the measured window.
pub struct Outcome {
    /// Answers of 2xx.
    pub answered: u64,
    /// Length of the window.
    pub seconds: f64,
    /// Of the 2xx, in µs.
    pub latency: Histogram<u64>,
    /// Other answers.
    pub refused: u64,
    /// Requests without a whole answer.
    pub broken: u64,
    /// Of one processor, the share that the generator itself took.
    pub own_share: f64,
    /// Ids and the moments of their answers, in milliseconds since the epoch.
    pub ids: Vec<(String, i64)>,
}

impl Outcome {
    /// Answers a second.
    pub fn per_second(&self) -> f64 {
        figure(self.answered) / self.seconds
    }

    /// A quantile of the latency.
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_micros(self.latency.value_at_quantile(share))
    }

    /// In words.
    pub fn how(&self) -> String {
        let spoilt = match (self.refused, self.broken) {
            (0, 0) => String::new(),
            (refused, broken) => format!(", {refused} refused, {broken} broken"),
        };
        format!(
            "p50 {:.2?}, p99 {:.2?}{spoilt}, generator {:.0} % of a core",
            self.quantile(0.5),
            self.quantile(0.99),
            self.own_share * 100.0
        )
    }

    /// An error unless nearly all answers were 2xx: a figure of refusals would say nothing.
    ///
    /// # Errors
    /// When more than one in a hundred was not.
    pub fn sound(self) -> anyhow::Result<Self> {
        let spoilt = self.refused + self.broken;
        ensure!(
            self.answered > 0 && spoilt * 100 <= self.answered,
            "of the requests {} were answered, {} refused and {} broken",
            self.answered,
            self.refused,
            self.broken
        );
        Ok(self)
    }
}
