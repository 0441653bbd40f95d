//! The targets: what each figure must be, and compared with what. The table of `docs/performance.md` is this list.

/// What is held against the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Measured over baseline.
    Ratio,
    /// The measured value, in the row's unit.
    Value,
}

/// The bound itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    /// Whether a figure keeps it.
    pub fn holds(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(bound) => figure >= bound,
            Self::AtMost(bound) => figure <= bound,
        }
    }
}

/// One target.
#[derive(Clone, Copy, Debug)]
pub struct Aim {
    /// The row that it is about.
    pub name: &'static str,
    /// The group that measures it, as `--only` takes it.
    pub group: &'static str,
    pub what: &'static str,
    pub baseline: &'static str,
    pub of: Of,
    pub bound: Bound,
    /// The unit of a bound of the value; empty for ratios.
    pub unit: &'static str,
}

impl Aim {
    /// The bound in words.
    pub fn words(&self) -> String {
        let (way, bound) = match self.bound {
            Bound::AtLeast(bound) => ("at least", bound),
            Bound::AtMost(bound) => ("at most", bound),
        };
        let sign = match self.of {
            Of::Ratio => "×",
            Of::Value => "",
        };
        let gap = if self.unit.is_empty() { "" } else { " " };
        format!("{way} {bound}{sign}{gap}{}", self.unit)
    }
}

const SERVICE: &str = "(a) the replaced service";
const COMMIT: &str = "(c) axum and bare SQLite";
const COMMIT_PG: &str = "(c) axum and bare PostgreSQL";
const BARE: &str = "(d) bare wasmtime";
const EMPTY: &str = "the same on the empty database";
const NONE: &str = "";

const fn ratio(
    name: &'static str,
    group: &'static str,
    what: &'static str,
    baseline: &'static str,
    bound: Bound,
) -> Aim {
    Aim {
        name,
        group,
        what,
        baseline,
        of: Of::Ratio,
        bound,
        unit: "",
    }
}

const fn value(
    name: &'static str,
    group: &'static str,
    what: &'static str,
    bound: Bound,
    unit: &'static str,
) -> Aim {
    Aim {
        name,
        group,
        what,
        baseline: NONE,
        of: Of::Value,
        bound,
        unit,
    }
}

use Bound::{AtLeast, AtMost};

/// All of them, in the order of the table.
#[rustfmt::skip]
pub const ALL: &[Aim] = &[
    ratio("intake-vs-service", "intake", "webhooks of 1 KiB per second, 64 connections", SERVICE, AtLeast(75.0)),
    ratio("intake-1k-64", "intake", "webhooks of 1 KiB per second, 64 connections", COMMIT, AtLeast(0.75)),
    ratio("intake-20k-64", "intake", "webhooks of 20 KiB per second, 64 connections", COMMIT, AtLeast(0.75)),
    ratio("intake-100k-64", "intake", "webhooks of 100 KiB per second, 64 connections", COMMIT, AtLeast(0.75)),
    ratio("intake-1k-64-postgres", "intake", "webhooks of 1 KiB per second on PostgreSQL, 64 connections", COMMIT_PG, AtLeast(0.75)),
    ratio("intake-1k-1-p50", "intake", "median answer to a webhook of 1 KiB, one connection", COMMIT, AtMost(1.3)),
    ratio("ends-vs-service", "ends", "events per second from the request to the recorded outcome", SERVICE, AtLeast(40.0)),
    value("ends-rate", "ends", "the same by itself", AtLeast(8_000.0), "/s"),
    value("ends-start-p99", "ends", "from the answer to the start of the run at half load, 99 of 100", AtMost(5.0), "ms"),
    ratio("run-delivery", "runtime", "processor time of a delivery: claim, run, record", BARE, AtMost(2.0)),
    value("run-call", "runtime", "instantiate and call with 1 KiB, bare", AtMost(40.0), "µs"),
    value("run-slow-threads", "runtime", "threads that 200 runs add which wait on HTTP", AtMost(0.0), ""),
    value("run-plugin-memory", "runtime", "resident memory of one more idle plugin", AtMost(2.0), "MiB"),
    value("run-instance-memory", "runtime", "resident memory of a run that waits, its heap included", AtMost(1.0), "MiB"),
    ratio("size-intake", "size", "an event taken in beside 10 million", EMPTY, AtMost(1.15)),
    ratio("size-claim", "size", "a claim of 4 with 1 million waiting", EMPTY, AtMost(1.15)),
    ratio("size-list", "size", "a page of events", EMPTY, AtMost(1.15)),
    ratio("size-detail", "size", "an event with its deliveries and attempts", EMPTY, AtMost(1.15)),
    ratio("size-dead", "size", "a page of dead letters", EMPTY, AtMost(1.15)),
    ratio("size-counts", "size", "the counts of deliveries", EMPTY, AtMost(1.15)),
    value("size-start", "size", "start-up with that data", AtMost(500.0), "ms"),
    value("size-bytes", "ends", "bytes of the database per event, its body of 1 KiB left out", AtMost(1_024.0), "bytes"),
    value("start-ready", "start", "from start to ready with the four plugins, code cached", AtMost(150.0), "ms"),
    value("start-idle", "start", "resident memory at rest with the four plugins", AtMost(60.0), "MiB"),
    value("start-after", "start", "the same after a burst", AtMost(60.0), "MiB"),
    value("start-binary", "start", "the binary, stripped", AtMost(40.0), "MiB"),
    value("start-gsheets", "start", "the component gsheets", AtMost(1.5), "MiB"),
    value("start-slack-sdk", "start", "the component slack-sdk", AtMost(1.5), "MiB"),
    value("start-slack-webhook", "start", "the component slack-webhook", AtMost(1.5), "MiB"),
    value("start-github-backup", "start", "the component github-backup", AtMost(1.5), "MiB"),
    ratio("outbound-connections", "outbound", "connections opened by a burst of 1,000 deliveries to one host", "the plugin's concurrency", AtMost(1.0)),
    ratio("outbound-handshakes", "outbound", "TLS handshakes of a burst of 1,000 runs to one host", "the plugin's concurrency", AtMost(1.0)),
    ratio("soak-memory", "soak", "resident memory, last third", "the first third", AtMost(1.1)),
    ratio("soak-descriptors", "soak", "open descriptors, last third", "the first third", AtMost(1.1)),
    ratio("soak-p99", "soak", "99 of 100 answers, last third", "the first third", AtMost(1.25)),
    value("soak-wal", "soak", "the write-ahead log at its largest", AtMost(128.0), "MiB"),
];

/// The target of a row, if it has one.
pub fn find(name: &str) -> Option<&'static Aim> {
    ALL.iter().find(|aim| aim.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::groups;

    #[test]
    fn each_row_has_one_target_and_a_group_that_is_there() {
        let names: BTreeSet<_> = ALL.iter().map(|aim| aim.name).collect();
        assert_eq!(names.len(), ALL.len());
        for aim in ALL {
            assert!(groups::ALL.iter().any(|group| group.name == aim.group), "{aim:?}");
        }
    }

    #[test]
    fn a_bound_says_what_it_asks() {
        let words = |name| find(name).expect("a target").words();
        assert_eq!(words("intake-1k-64"), "at least 0.75×");
        assert_eq!(words("run-call"), "at most 40 µs");
        assert!(AtMost(1.15).holds(1.15) && !AtLeast(75.0).holds(74.9));
    }
}
