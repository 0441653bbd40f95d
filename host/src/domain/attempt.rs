//! Attempts: one try of a delivery, with all that was seen of it.

use serde::{Deserialize, Serialize};

use super::id::{AttemptId, BatchId, DeliveryId};
use super::time::Timestamp;
use super::words::words;

/// How one try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptOutcome {
    Succeeded,
    /// The plugin said that it may work later.
    Retry,
    /// The plugin or a limit said: not yet.
    Deferred,
    /// The plugin said that it can never work.
    Rejected,
    /// The plugin trapped or panicked.
    Trapped,
    /// Memory, CPU time or wall time ran out.
    Limit,
    /// The host could not run the plugin (not loaded, instantiation failed).
    Host,
    /// The host stopped while it ran.
    Interrupted,
    /// The lease ended while it ran: nobody knows.
    Unknown,
}

words!(AttemptOutcome, "outcome" {
    Succeeded = "succeeded",
    Retry = "retry",
    Deferred = "deferred",
    Rejected = "rejected",
    Trapped = "trapped",
    Limit = "limit",
    Host = "host",
    Interrupted = "interrupted",
    Unknown = "unknown",
});

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
    Stdout,
    Stderr,
}

words!(LogLevel, "log level" {
    Debug = "debug",
    Info = "info",
    Warn = "warn",
    Error = "error",
    Stdout = "stdout",
    Stderr = "stderr",
});

/// One line the plugin wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Milliseconds since the attempt began.
    pub at_ms: u64,
    pub level: LogLevel,
    pub message: String,
}

/// One outbound HTTP request the plugin made, as it looked before secrets were put in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboundCall {
    /// Milliseconds since the attempt began.
    pub at_ms: u64,
    pub method: String,
    pub url: String,
    /// The answer's status; `None` when there was none.
    pub status: Option<u16>,
    pub duration_ms: u64,
    /// Why there was no answer: refused by a grant, not resolved, timed out, …
    pub error: Option<String>,
}

/// What the runtime saw of one try.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedAttempt {
    pub id: AttemptId,
    pub started_at: Timestamp,
    pub duration_ms: u64,
    pub outcome: AttemptOutcome,
    /// The plugin's own line on success.
    pub summary: Option<String>,
    /// The plugin's output, JSON text.
    pub output: Option<String>,
    /// What went wrong, for people.
    pub error: Option<String>,
    pub logs: Vec<LogLine>,
    pub calls: Vec<OutboundCall>,
    /// Which generation of the plugin ran, and the SHA-256 of its component in hex; `None` when
    /// none was loaded.
    pub generation: Option<u64>,
    pub digest: Option<String>,
    /// The call that this attempt shared with others; duration, logs and outbound calls are then those of all.
    pub batch: Option<Batch>,
    /// The plugin saw what its `map` made of the payload.
    pub mapped: bool,
}

/// A call of a plugin with several deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    pub id: BatchId,
    /// How many deliveries it had.
    pub size: u32,
}

/// A stored attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    pub delivery: DeliveryId,
    /// 1 for the first. A deferral takes the number of the attempt it put off.
    pub number: u32,
    pub record: FinishedAttempt,
}
