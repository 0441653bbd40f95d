//! What each step takes, read from what was measured.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// A time that grows with the items of one statement or transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    pub each: Duration,
    pub item: Duration,
}

impl Line {
    /// For so many items.
    pub fn of(self, items: u32) -> Duration {
        self.each + self.item * items
    }
}

/// A step in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What a caller waits when nobody else asks: network, parsing and the sync of the log with it.
    pub alone: Line,
    /// What it takes of the database: time over steps when all connections ask at once. Smaller than `alone`, since
    /// processors and syncs are shared.
    pub busy: Line,
}

/// All steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    pub accept: Step,
    pub claim: Step,
    pub mark: Step,
    pub finish: Step,
    /// Processor time of one run of a plugin that asks a vendor once.
    pub run_cpu: Duration,
    /// Processor time of one request, from the socket to the answer.
    pub request_cpu: Duration,
}

impl Costs {
    /// Reads the file; and what it says of the machine.
    ///
    /// # Errors
    /// When it cannot be read, or something was not measured yet.
    pub fn read(file: &Path) -> anyhow::Result<(Self, String)> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let value: Value = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
        let costs = Self::of(&value).with_context(|| {
            format!(
                "{} is not complete: `BENCH_DATABASE_URL=postgres://… cargo xtask bench` measures what it needs",
                file.display()
            )
        })?;
        let word = |name: &str| value[name].as_str().unwrap_or("?").to_owned();
        Ok((costs, format!("{}, {}", word("database"), word("on"))))
    }

    fn of(value: &Value) -> anyhow::Result<Self> {
        let items = value["items"]
            .as_u64()
            .and_then(|items| u32::try_from(items).ok());
        let items = items.filter(|items| *items > 1).context("items")?;
        let step = |name: &str| -> anyhow::Result<Step> {
            let line = |way: &str| line(&value[name][way], items).with_context(|| format!("{name}.{way}"));
            Ok(Step {
                alone: line("alone_us")?,
                busy: line("busy_us")?,
            })
        };
        Ok(Self {
            accept: step("accept")?,
            claim: step("claim")?,
            mark: step("mark")?,
            finish: step("finish")?,
            run_cpu: micros(&value["run_cpu_us"]).context("run_cpu_us")?,
            request_cpu: micros(&value["request_cpu_us"]).context("request_cpu_us")?,
        })
    }
}

/// The line through the times of one item and of `items`.
fn line(times: &Value, items: u32) -> anyhow::Result<Line> {
    let (one, many) = (micros(&times[0])?, micros(&times[1])?);
    let item = many.saturating_sub(one) / (items - 1);
    Ok(Line {
        each: one.saturating_sub(item),
        item,
    })
}

fn micros(value: &Value) -> anyhow::Result<Duration> {
    match value.as_f64() {
        Some(micros) if micros > 0.0 && micros < 1e9 => Ok(Duration::from_secs_f64(micros / 1e6)),
        _ => bail!("not measured"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_goes_through_both_times() {
        let line = line(&json!([110, 740]), 64).expect("measured");
        assert_eq!(
            (line.of(1), line.of(64)),
            (Duration::from_micros(110), Duration::from_micros(740))
        );
    }

    #[test]
    fn what_was_not_measured_is_no_number() {
        assert!(line(&json!([null, 5]), 64).is_err());
        assert!(micros(&json!(0)).is_err());
    }
}
