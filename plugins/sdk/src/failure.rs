//! How a job ends: [`Outcome`] when it is done, [`Failure`] when it is not. The code that fails
//! settles whether a retry makes sense; the host does not guess.

use std::fmt::Display;
use std::time::Duration;

use serde::Serialize;

use crate::bindings::hookyard::plugin::types::{DeferFailure, RetryFailure};
use crate::{Failure, Outcome};

impl Outcome {
    /// Done, with one line for people.
    pub fn new(summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            output: None,
        }
    }

    /// Keeps this with the attempt, as JSON of at most 64 KiB.
    pub fn with_output<T: Serialize>(mut self, output: &T) -> Result<Self, Failure> {
        let text = serde_json::to_string(output)
            .map_err(|error| Failure::reject(format!("the output does not go into JSON: {error}")))?;
        self.output = Some(text);
        Ok(self)
    }
}

impl Failure {
    /// It may work later; the operator's retry policy says when. Costs one attempt.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry(RetryFailure {
            reason: reason.into(),
            after: None,
        })
    }

    /// It may work, but not before `after`, because the vendor said so. Costs one attempt.
    pub fn retry_after(reason: impl Into<String>, after: Duration) -> Self {
        Self::Retry(RetryFailure {
            reason: reason.into(),
            after: Some(millis(after)),
        })
    }

    /// It is not this job's turn yet. Costs no attempt.
    pub fn defer(reason: impl Into<String>, after: Duration) -> Self {
        Self::Defer(DeferFailure {
            reason: reason.into(),
            after: millis(after),
        })
    }

    /// It can never work as it stands. Say what a person has to mend.
    pub fn reject(reason: impl Into<String>) -> Self {
        Self::Reject(reason.into())
    }

    /// The text for people.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Retry(failure) => &failure.reason,
            Self::Defer(failure) => &failure.reason,
            Self::Reject(reason) => reason,
        }
    }

    /// Whether the host may try again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Reject(_))
    }

    /// The same failure with `context: ` before its text.
    #[must_use]
    pub fn context(self, context: impl Display) -> Self {
        let say = |reason: String| format!("{context}: {reason}");
        match self {
            Self::Retry(failure) => Self::Retry(RetryFailure {
                reason: say(failure.reason),
                after: failure.after,
            }),
            Self::Defer(failure) => Self::Defer(DeferFailure {
                reason: say(failure.reason),
                after: failure.after,
            }),
            Self::Reject(reason) => Self::Reject(say(reason)),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Settles on the spot whether an error is worth a retry.
///
/// ```
/// use hookyard_plugin_sdk::{Failure, Settle};
/// let number: Result<u8, Failure> = "x".parse::<u8>().or_reject("the count is no number");
/// assert!(!number.unwrap_err().is_retryable());
/// ```
pub trait Settle<T> {
    /// It can never work: `what: error`.
    fn or_reject(self, what: &str) -> Result<T, Failure>;
    /// It may work later: `what: error`.
    fn or_retry(self, what: &str) -> Result<T, Failure>;
}

impl<T, E: Display> Settle<T> for Result<T, E> {
    fn or_reject(self, what: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::reject(format!("{what}: {error}")))
    }

    fn or_retry(self, what: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::retry(format!("{what}: {error}")))
    }
}

impl<T> Settle<T> for Option<T> {
    fn or_reject(self, what: &str) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::reject(what))
    }

    fn or_retry(self, what: &str) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::retry(what))
    }
}
