//! Commit messages: a time, the counts, and the delivery that made it, by which a later attempt
//! knows a commit whose answer was lost.

use chrono::{DateTime, SecondsFormat, Utc};
use hookyard_plugin_sdk::clock;
use octocrab::models::git::GitCommitObject;

use crate::report::Report;

/// Begins the line with the delivery's id.
const TRAILER: &str = "Hookyard-Delivery: ";

/// For the one commit of a backup.
pub(crate) fn for_all(report: &Report, delivery: &str) -> String {
    format!("Backup {}: {}\n\n{TRAILER}{delivery}\n", now(), report.counts())
}

/// For a commit with one file.
pub(crate) fn for_one(file: &str, change: &str, delivery: &str) -> String {
    format!("Backup {}: {file} {change}\n\n{TRAILER}{delivery}\n", now())
}

/// Completes the report when the branch stands at the commit of an earlier attempt.
pub(crate) fn recall(commit: &GitCommitObject, delivery: &str, report: &mut Report) {
    let trailer = format!("{TRAILER}{delivery}");
    if !commit.message.lines().any(|line| line == trailer) {
        return;
    }
    let first = commit.message.lines().next().unwrap_or_default();
    let counts = first.rsplit_once("Z: ").map_or("", |(_, counts)| counts);
    for part in counts.split(", ") {
        let Some((number, word)) = part.split_once(' ') else {
            continue;
        };
        let Ok(number) = number.parse::<usize>() else {
            continue;
        };
        match word {
            "created" => report.created = number,
            "updated" => report.updated = number,
            "deleted" => report.deleted = number,
            _ => {}
        }
    }
    let written = report.created + report.updated;
    report.unchanged = report.unchanged.saturating_sub(written);
    report.changes_not_listed = written + report.deleted;
    report.commit = Some(commit.sha.clone());
    report.url = Some(commit.html_url.clone());
}

/// The present moment by ISO 8601, in UTC.
fn now() -> String {
    let since_epoch = clock::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or_default();
    DateTime::<Utc>::from_timestamp(seconds, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}
