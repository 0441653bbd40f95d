//! What a scenario found: figures, and what was wrong.

use std::time::Duration;

use serde_json::{Map, Value, json};

/// The result of one scenario.
#[derive(Default)]
pub struct Found {
    /// In the order they were noted.
    pub figures: Map<String, Value>,
    /// What a promise forbids; empty when all were kept.
    pub wrong: Vec<String>,
    /// Why it could not be run here.
    pub skipped: Option<String>,
}

impl Found {
    /// It could not be run: says what is missing, and how to get it.
    pub fn skipped(why: &str) -> Self {
        Self {
            skipped: Some(why.to_owned()),
            ..Self::default()
        }
    }

    /// Notes a figure.
    pub fn note(&mut self, name: &str, value: impl Into<Value>) {
        self.figures.insert(name.to_owned(), value.into());
    }

    /// Adds to a figure that is a count.
    pub fn add(&mut self, name: &str, count: u64) {
        let before = self.figures.get(name).and_then(Value::as_u64).unwrap_or(0);
        self.note(name, before + count);
    }

    /// Notes a time in whole milliseconds.
    pub fn time(&mut self, name: &str, time: Duration) {
        self.note(name, millis(time));
    }

    /// Notes what is wrong unless it holds.
    pub fn must(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(otherwise());
        }
    }

    /// As a line for people.
    pub fn line(&self) -> String {
        let word = |(name, value): (&String, &Value)| match value {
            Value::String(text) => format!("{name} {text}"),
            value => format!("{name} {value}"),
        };
        // Tables are told on their own.
        let figures = self.figures.iter().filter(|(_, value)| !value.is_array());
        figures.map(word).collect::<Vec<_>>().join(", ")
    }

    /// As it goes into the table.
    pub fn json(&self) -> Value {
        json!({"figures": self.figures, "wrong": self.wrong, "skipped": self.skipped})
    }
}

/// Whole milliseconds.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The value below which this share of the times lies; zero when there are none.
pub fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into a few thousand times"
    )]
    let index = (times.len().saturating_sub(1) as f64 * share) as usize;
    times.get(index).copied().unwrap_or_default()
}
