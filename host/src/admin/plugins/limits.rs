//! What one run of a plugin may use, and the most that one has used.

use super::super::say;
use crate::dispatch::Used;
use crate::domain::plugin::Limits;

/// One limit.
pub struct LimitRow {
    pub label: &'static str,
    pub limit: String,
    /// The most that one run of the serving build used here; empty where that is not measured.
    pub used: String,
}

/// All of them, with what was used, if anything ran here.
#[must_use]
pub fn rows(limits: &Limits, used: Option<Used>) -> Vec<LimitRow> {
    let of = |tell: fn(Used) -> String| used.map_or_else(String::new, tell);
    let row = |label, limit, used| LimitRow { label, limit, used };
    let none = String::new;
    vec![
        row(
            "Memory",
            say::bytes(limits.memory),
            of(|used| say::bytes(used.memory)),
        ),
        row(
            "Time",
            say::exact(limits.timeout),
            of(|used| say::exact(used.duration)),
        ),
        row(
            "Processor time",
            say::exact(limits.cpu),
            of(|used| say::exact(used.cpu)),
        ),
        row(
            "Requests",
            say::count(u64::from(limits.requests)),
            of(|used| say::count(used.requests as u64)),
        ),
        row(
            "Log",
            say::bytes(limits.log_bytes),
            of(|used| say::bytes(used.log_bytes as u64)),
        ),
        row("Bytes sent", say::bytes(limits.request_bytes), none()),
        row("Bytes received", say::bytes(limits.response_bytes), none()),
        row("Runs at once", say::count(u64::from(limits.concurrency)), none()),
        row(
            "Webhooks in one call",
            say::count(u64::from(limits.batch)),
            none(),
        ),
        row(
            "Rate",
            limits
                .rate
                .map_or_else(|| "as many as come".to_owned(), |rate| rate.to_string()),
            none(),
        ),
    ]
}
