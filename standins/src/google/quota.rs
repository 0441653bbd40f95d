//! Requests per minute, per project and per user.
//!
//! Source: <https://developers.google.com/workspace/sheets/api/limits>.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::refusal::{Code, Outcome, Refusal};

/// The length of a window, in seconds.
const WINDOW_S: i64 = 60;

/// How many requests of Sheets pass in a minute; none: any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Reading, of one user.
    pub read_per_user: Option<u32>,
    /// Writing, of one user.
    pub write_per_user: Option<u32>,
    /// Reading, of the project.
    pub read_per_project: Option<u32>,
    /// Writing, of the project.
    pub write_per_project: Option<u32>,
}

impl Quota {
    /// What Google grants to a new project.
    pub const GOOGLES: Self = Self {
        read_per_user: Some(60),
        write_per_user: Some(60),
        read_per_project: Some(300),
        write_per_project: Some(300),
    };
}

/// What was used.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    /// The limits.
    pub quota: Quota,
    windows: BTreeMap<String, (i64, u32)>,
}

impl Meter {
    /// Sets new limits and forgets what was used.
    pub fn set(&mut self, quota: Quota) {
        self.quota = quota;
        self.windows.clear();
    }

    /// Counts a request; refuses it when a limit is reached.
    pub fn take(&mut self, reads: bool, user: &str, project: &str, now_s: i64) -> Outcome<()> {
        let (kind, of_user, of_project) = if reads {
            ("Read", self.quota.read_per_user, self.quota.read_per_project)
        } else {
            ("Write", self.quota.write_per_user, self.quota.write_per_project)
        };
        let buckets = [
            (format!("{kind} {user}"), of_user, " per user"),
            (kind.to_owned(), of_project, ""),
        ];
        for (bucket, limit, scope) in &buckets {
            if let Some(limit) = limit
                && self.used(bucket, now_s) >= *limit
            {
                return Err(exceeded(kind, scope, *limit, project));
            }
        }
        for (bucket, limit, _) in buckets {
            if limit.is_some() {
                let count = self.used(&bucket, now_s);
                if let Some(window) = self.windows.get_mut(&bucket) {
                    window.1 = count + 1;
                }
            }
        }
        Ok(())
    }

    fn used(&mut self, bucket: &str, now_s: i64) -> u32 {
        let window = self.windows.entry(bucket.to_owned()).or_insert((now_s, 0));
        if !(0..WINDOW_S).contains(&(now_s - window.0)) {
            *window = (now_s, 0);
        }
        window.1
    }
}

fn exceeded(kind: &str, scope: &str, limit: u32, project: &str) -> Refusal {
    let consumer = format!("projects/{project}");
    Refusal::new(
        Code::ResourceExhausted,
        format!(
            "Quota exceeded for quota metric '{kind} requests' and limit '{kind} requests per minute{scope}' of \
             service 'sheets.googleapis.com' for consumer 'project_number:{project}'."
        ),
    )
    .info(
        "RATE_LIMIT_EXCEEDED",
        "googleapis.com",
        &json!({
            "service": "sheets.googleapis.com",
            "consumer": consumer,
            "quota_limit_value": limit.to_string(),
            "quota_metric": format!("sheets.googleapis.com/{}_requests", kind.to_lowercase()),
            "quota_limit": format!("{kind}RequestsPerMinutePer{}", if scope.is_empty() { "Project" } else { "User" }),
            "quota_location": "global",
        }),
    )
}
