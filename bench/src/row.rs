//! One figure, what it is compared with, and the table for people.

use std::time::Duration;

use serde_json::{Value, json};

use crate::aims::{self, Of};

/// A figure.
#[derive(Clone, Debug)]
pub struct Row {
    /// For scripts, and for finding its target.
    pub name: String,
    pub what: String,
    /// In `unit`; `None` where it could not be measured.
    pub value: Option<f64>,
    pub unit: &'static str,
    /// What it is compared with; empty for none.
    pub baseline: String,
    /// The baseline's value, in the same unit.
    pub base: Option<f64>,
    /// How it was measured, or why it was not.
    pub how: String,
}

impl Row {
    /// A figure without a comparison.
    pub fn new(name: impl Into<String>, what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            what: what.into(),
            value: Some(value),
            unit,
            baseline: String::new(),
            base: None,
            how: String::new(),
        }
    }

    /// The figure of a target, which has its words.
    pub fn aimed(name: &str, value: f64, unit: &'static str) -> Self {
        let aim = aims::find(name);
        Self {
            baseline: aim.map_or("", |aim| aim.baseline).to_owned(),
            ..Self::new(name, aim.map_or(name, |aim| aim.what), value, unit)
        }
    }

    /// One that could not be measured here, and why.
    pub fn skipped(name: &str, why: &str) -> Self {
        Self {
            value: None,
            ..Self::aimed(name, 0.0, "").how(format!("skipped: {why}"))
        }
    }

    /// A time against another.
    pub fn times(
        name: impl Into<String>,
        what: impl Into<String>,
        measured: Duration,
        baseline: &str,
        base: Duration,
    ) -> Self {
        Self::new(name, what, measured.as_secs_f64() * 1e6, "µs")
            .against(baseline, base.as_secs_f64() * 1e6)
            .how(format!("{measured:.1?} and {base:.1?}"))
    }

    /// Compared with this.
    #[must_use]
    pub fn against(mut self, baseline: &str, base: f64) -> Self {
        if !baseline.is_empty() {
            baseline.clone_into(&mut self.baseline);
        }
        self.base = Some(base);
        self
    }

    /// Measured so.
    #[must_use]
    pub fn how(mut self, how: impl Into<String>) -> Self {
        self.how = how.into();
        self
    }

    /// Measured over baseline.
    pub fn ratio(&self) -> Option<f64> {
        let ratio = self.value? / self.base?;
        ratio.is_finite().then_some(ratio)
    }

    /// Whether its target is met; `None` where it has none, or was not measured.
    pub fn met(&self) -> Option<bool> {
        let aim = aims::find(&self.name)?;
        let figure = match aim.of {
            Of::Ratio => self.ratio(),
            Of::Value => self.value,
        }?;
        Some(aim.bound.holds(figure))
    }

    /// As it goes into the results.
    pub fn json(&self) -> Value {
        json!({
            "name": self.name,
            "what": self.what,
            "value": self.value,
            "unit": self.unit,
            "baseline": self.baseline,
            "baseline_value": self.base,
            "ratio": self.ratio(),
            "target": aims::find(&self.name).map(aims::Aim::words),
            "met": self.met(),
            "how": self.how,
        })
    }

    /// As a line of the table.
    pub fn line(&self) -> String {
        let value = self
            .value
            .map_or_else(|| "–".to_owned(), |value| shown(value, self.unit));
        let ratio = self
            .ratio()
            .map_or_else(String::new, |ratio| format!("{ratio:.3}×"));
        let target = aims::find(&self.name).map_or_else(String::new, aims::Aim::words);
        let met = match self.met() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        format!(
            "{:<26} {:<62} {value:>16} {ratio:>10}  {:<30} {target:<20} {met:<6}  {}",
            self.name, self.what, self.baseline, self.how
        )
    }
}

/// The head of the table.
pub fn head() -> String {
    format!(
        "{:<26} {:<62} {:>16} {:>10}  {:<30} {:<20} {:<6}  how",
        "name", "what", "measured", "ratio", "compared with", "target", ""
    )
}

/// A value with as many digits as it deserves.
pub fn shown(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let gap = if unit.is_empty() { "" } else { " " };
    format!("{value:.digits$}{gap}{unit}")
}

/// The middle one; zero when there are none.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// A count as a figure.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts and sizes here have far fewer than 52 bits"
)]
pub const fn figure(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_held_against_the_ratio_or_the_value() {
        let row = |base| Row::aimed("intake-1k-64", 30_000.0, "/s").against("", base);
        assert_eq!(row(40_000.0).met(), Some(true));
        assert_eq!(row(40_001.0).met(), Some(false));
        assert_eq!(Row::aimed("run-call", 40.5, "µs").met(), Some(false));
        assert_eq!(Row::skipped("run-call", "no engine").met(), None);
        assert_eq!(Row::new("other", "no target", 1.0, "").met(), None);
    }

    #[test]
    fn values_are_shown_with_three_digits_or_so() {
        assert_eq!(shown(12_345.6, "/s"), "12346 /s");
        assert_eq!(shown(0.753, ""), "0.75");
    }
}
