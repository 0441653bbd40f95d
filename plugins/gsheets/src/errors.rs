//! What Google's refusals mean for a job.
//!
//! The shape is that of <https://cloud.google.com/apis/design/errors>; Drive still adds the older
//! `errors[].reason` (<https://developers.google.com/workspace/drive/api/guides/handle-errors>).
//!
//! A 401 means that the token which the host put in is not accepted any more. The host makes
//! another for the next run, so one retry makes sense; when that is refused too, the key itself is
//! revoked, and only a person can mend it.

use std::time::Duration;

use hookyard_plugin_sdk::Failure;
use hookyard_plugin_sdk::http::Response;
use serde_json::Value;

mod table;

use table::{TABLE, Verdict};

/// How much of Google's explanation goes into a failure, in characters.
const MAX_DETAIL: usize = 700;

/// The wait when a quota is used up and Google names none: quotas are counted by the minute.
const QUOTA_WAIT: Duration = Duration::from_secs(15);

/// What a request was for: the mend of a refusal depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reading or writing a spreadsheet.
    Spreadsheet,
    /// Making a spreadsheet.
    Create,
    /// Looking a title up.
    Find,
    /// Sharing with an address.
    Share,
}

impl Purpose {
    fn doing(self) -> &'static str {
        match self {
            Self::Spreadsheet => "opening or writing the spreadsheet",
            Self::Create => "making the spreadsheet",
            Self::Find => "looking for the spreadsheet by its title",
            Self::Share => "sharing the spreadsheet",
        }
    }
}

/// A request that was answered with anything but success.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// What it means for the job.
    pub(crate) failure: Failure,
}

/// Reads a refusal. `attempt` is the earliest attempt among the jobs of the run.
pub(crate) fn read(purpose: Purpose, response: &Response, attempt: u32) -> Refusal {
    let error = serde_json::from_slice::<Value>(&response.body)
        .ok()
        .and_then(|mut answer| answer.get_mut("error").map(Value::take));
    let failure = match &error {
        Some(error) => settle(purpose, response, error, attempt),
        None => unknown(purpose, response),
    };
    Refusal {
        status: response.status,
        failure,
    }
}

fn settle(purpose: Purpose, response: &Response, error: &Value, attempt: u32) -> Failure {
    let words = words(error);
    let entry = TABLE
        .iter()
        .find(|entry| entry.fits(response.status, purpose, &words));
    let word = words.last().map_or("no reason given", |word| word);
    let message = error["message"].as_str().unwrap_or("no message");
    let mend = entry.map_or("see Google's page of the method", |entry| entry.mend);
    let text = format!(
        "{}: Google answers {} {word}: {}. {mend}",
        purpose.doing(),
        response.status,
        cut(message.trim_end_matches('.')),
    );
    match entry.map_or(Verdict::Reject, |entry| entry.verdict) {
        Verdict::Wait => wait(text, response.retry_after()),
        Verdict::Retry => retry(text, response.retry_after()),
        Verdict::RetryOnce if attempt <= 1 => retry(text, None),
        Verdict::RetryOnce | Verdict::Reject => Failure::reject(text),
    }
}

/// Every word that Google gives the reason in, the most telling first.
fn words(error: &Value) -> Vec<String> {
    let details = error["details"].as_array().into_iter().flatten();
    let errors = error["errors"].as_array().into_iter().flatten();
    let mut words: Vec<String> = details
        .chain(errors)
        .filter_map(|item| item["reason"].as_str())
        .map(str::to_owned)
        .collect();
    words.extend(error["status"].as_str().map(str::to_owned));
    words
}

/// An answer that is no error of Google's: by the status alone.
fn unknown(purpose: Purpose, response: &Response) -> Failure {
    let status = response.status;
    let text = format!("{}: HTTP {status} and no error of Google's", purpose.doing());
    match status {
        429 => wait(text, response.retry_after()),
        408 | 500..=599 => retry(text, response.retry_after()),
        _ => Failure::reject(format!(
            "{text}; check `api-base` and `drive-base` in plugins.toml"
        )),
    }
}

/// Others use the same quota: no attempt is spent on it.
fn wait(text: String, after: Option<Duration>) -> Failure {
    Failure::defer(text, after.unwrap_or(QUOTA_WAIT))
}

fn retry(text: String, after: Option<Duration>) -> Failure {
    match after {
        Some(after) => Failure::retry_after(text, after),
        None => Failure::retry(text),
    }
}

fn cut(text: &str) -> &str {
    text.char_indices()
        .nth(MAX_DETAIL)
        .map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests;
