//! The event of a rehearsal, as an author writes it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::event::{Event, EventKind, EventStatus, Header};
use crate::domain::id::EventId;
use crate::domain::time::Timestamp;

/// A webhook (`payload`), a schedule's tick (`schedule`) or an action (`action`), one of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    #[serde(default = "anybody")]
    source: String,
    #[serde(default = "example", rename = "type")]
    event_type: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    payload: Option<Value>,
    /// The expression of a schedule, such as `0 3 * * *`.
    schedule: Option<String>,
    /// The name of an action.
    action: Option<String>,
    /// The input of the schedule or action.
    #[serde(default = "empty")]
    input: Value,
}

fn anybody() -> String {
    "example".to_owned()
}

fn example() -> String {
    "example".to_owned()
}

fn empty() -> Value {
    json!({})
}

impl Example {
    /// Reads an author's file.
    ///
    /// # Errors
    /// When it is not JSON of this form; the text names the place.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            anyhow::anyhow!(
                "it is no event: {error}; write {{\"source\": …, \"type\": …, \"payload\": …}}, {{\"schedule\": \
                 \"0 3 * * *\", \"input\": …}} or {{\"action\": NAME, \"input\": …}}"
            )
        })
    }

    /// The event as it would have been stored at `now`.
    pub(super) fn into_event(self, now: Timestamp) -> anyhow::Result<Event> {
        let (kind, source, event_type, body) = match (self.payload, self.schedule, self.action) {
            (Some(payload), None, None) => (EventKind::Webhook, self.source, self.event_type, payload),
            (None, Some(cron), None) => {
                let planned_at = u64::try_from(now.as_millis()).unwrap_or(0);
                let body = json!({ "cron": cron, "planned_at": planned_at, "input": self.input });
                (EventKind::Schedule, "schedule".to_owned(), self.event_type, body)
            }
            (None, None, Some(action)) => (EventKind::Action, "action".to_owned(), action, self.input),
            _ => anyhow::bail!("an event has one of `payload`, `schedule` and `action`"),
        };
        let header = |(name, value): (String, String)| Header {
            name: name.to_ascii_lowercase(),
            value,
        };
        Ok(Event {
            id: EventId::generate(),
            kind,
            source,
            event_type,
            headers: self.headers.into_iter().map(header).collect(),
            content_type: "application/json".to_owned(),
            body: Bytes::from(body.to_string()),
            payload: None,
            received_at: now,
            processed_at: None,
            status: EventStatus::Pending,
            error_message: None,
            owner: None,
            redacted: Vec::new(),
            edited_from: None,
        })
    }
}
