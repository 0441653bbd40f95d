//! What was looked at and what came of it.

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::output::{Output, cell};
use crate::control::Answer;

/// How it stands with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    /// Not looked at.
    Skipped,
    /// It works, and something should be done.
    Warning,
    /// It does not work.
    Failure,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    /// What it belongs to: settings, files, machine, …
    area: &'static str,
    what: String,
    level: Level,
    told: String,
    /// What to do about it.
    mend: Option<String>,
}

/// All findings, in the order they were made. None holds a secret.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Finding>);

impl Report {
    pub(super) fn ok(&mut self, area: &'static str, what: &str, told: &str) {
        self.add(area, what, Level::Ok, told, None);
    }

    pub(super) fn skip(&mut self, area: &'static str, what: &str, told: &str) {
        self.add(area, what, Level::Skipped, told, None);
    }

    pub(super) fn warn(&mut self, area: &'static str, what: &str, told: &str, mend: &str) {
        self.add(area, what, Level::Warning, told, Some(mend));
    }

    pub(super) fn fail(&mut self, area: &'static str, what: &str, told: &str, mend: &str) {
        self.add(area, what, Level::Failure, told, Some(mend));
    }

    fn add(&mut self, area: &'static str, what: &str, level: Level, told: &str, mend: Option<&str>) {
        self.0.push(Finding {
            area,
            what: what.to_owned(),
            level,
            told: told.to_owned(),
            mend: mend.map(str::to_owned),
        });
    }

    fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|finding| finding.level == level).count()
    }

    pub(super) fn has_failures(&self) -> bool {
        self.count(Level::Failure) > 0
    }

    /// Prints all findings, and how many are wrong.
    pub(super) fn print(&self, output: Output) -> anyhow::Result<()> {
        let (failures, warnings) = (self.count(Level::Failure), self.count(Level::Warning));
        let answer = json!({
            "ok": failures == 0, "failures": failures, "warnings": warnings, "findings": self.0,
        });
        output.print(&Answer::of(&answer)?, |_| {
            for finding in &self.0 {
                print_finding(finding);
            }
            match (failures, warnings) {
                (0, 0) => println!("\nnothing to do"),
                (failures, warnings) => println!("\n{failures} failures, {warnings} warnings"),
            }
        });
        Ok(())
    }
}

fn print_finding(finding: &Finding) {
    let level = match finding.level {
        Level::Ok => "ok",
        Level::Skipped => "skipped",
        Level::Warning => "WARNING",
        Level::Failure => "FAILURE",
    };
    let mut told = lines(&finding.told);
    println!(
        "{level:<8} {:<9} {}: {}",
        finding.area,
        cell(&Value::from(finding.what.as_str())),
        told.next().unwrap_or_default()
    );
    for line in told {
        println!("                   {line}");
    }
    for (at, line) in lines(finding.mend.as_deref().unwrap_or_default()).enumerate() {
        let lead = if at == 0 { "what to do:" } else { "" };
        println!("         {lead:<11} {line}");
    }
}

/// A text's lines, each safe for a terminal.
fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| cell(&Value::from(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_fail() {
        let mut report = Report::default();
        report.ok("files", "data", "there");
        report.skip("egress", "hosts", "not asked");
        report.warn("machine", "disk", "small", "make room");
        assert!(!report.has_failures());
        report.fail("machine", "disk", "full", "make room");
        assert!(report.has_failures());
        assert_eq!(report.count(Level::Warning), 1);
    }
}
