//! Events, deliveries and attempts as the interface shows them.

mod exported;
mod payload;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Problem;
use crate::dispatch::Waits;
use crate::domain::attempt::{Attempt, LogLine, OutboundCall};
use crate::domain::delivery::DeliveryHistory;
use crate::domain::event::{Event, Header};
use crate::domain::redaction;
use crate::domain::waiting::Waiting;

pub use exported::ExportedEvent;
pub use payload::Payload;

/// An event.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    pub id: String,
    /// Who sent it.
    #[schema(example = "github")]
    pub source: String,
    /// What happened, in the sender's words.
    #[serde(rename = "type")]
    #[schema(example = "push")]
    pub event_type: String,
    /// `webhook`, `schedule` or `action`.
    pub kind: &'static str,
    /// The payload as it was sent: every digit, the order of keys, every character. A form is an object of
    /// its fields, other text a text, anything else a text in Base64.
    #[schema(value_type = serde_json::Value)]
    pub payload: Box<RawValue>,
    /// `base64` when `payload` is bytes in Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<&'static str>,
    /// The request's headers, without credentials and signatures.
    pub headers: Vec<HeaderView>,
    pub content_type: String,
    /// RFC 3339.
    pub received_at: String,
    /// RFC 3339; null until every delivery is finished.
    pub processed_at: Option<String>,
    /// `pending`, `processing`, `processed` or `failed`.
    pub status: &'static str,
    /// Why it failed.
    pub error_message: Option<String>,
    /// What was taken out of the body: JSON pointers, or `body` for all of it.
    pub redacted: Vec<String>,
    /// The event that a person made this one from, with another payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_from: Option<String>,
}

/// A header of the request.
#[derive(Serialize, ToSchema)]
#[schema(as = Header)]
pub struct HeaderView {
    /// In lower case.
    pub name: String,
    pub value: String,
}

/// An event with what became of it.
#[derive(Serialize, ToSchema)]
#[schema(as = EventDetail)]
pub struct EventDetail {
    #[serde(flatten)]
    pub event: EventView,
    /// One for each plugin that wanted the event, in order of name, each followed by its replays.
    pub deliveries: Vec<DeliveryView>,
}

/// The errand of bringing an event to a plugin.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryView {
    pub id: String,
    pub plugin: String,
    /// The delivery that this one repeats because a person asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<String>,
    /// `pending`, `claimed`, `running`, `succeeded`, `retrying`, `deferred`, `dead`, `cancelled` or
    /// `unknown`.
    pub state: &'static str,
    /// Attempts that counted.
    pub attempts_made: u32,
    /// When it is tried next, while it waits. RFC 3339.
    pub due_at: String,
    pub created_at: String,
    pub finished_at: Option<String>,
    pub last_error: Option<String>,
    /// Why it does not run now; null when nothing holds it.
    pub waiting_for: Option<WaitingView>,
    /// Oldest first.
    pub attempts: Vec<AttemptView>,
}

/// What a delivery waits for.
#[derive(Serialize, ToSchema)]
#[schema(as = Waiting)]
pub struct WaitingView {
    /// `decision`, `removed`, `disabled`, `paused`, `broken`, `turn`, `due`, `breaker`, `rate` or `concurrency`.
    pub reason: &'static str,
    /// The same for people.
    pub text: &'static str,
    /// When that is over, where it is known. RFC 3339.
    pub until: Option<String>,
}

impl From<Waiting> for WaitingView {
    fn from(waiting: Waiting) -> Self {
        Self {
            reason: waiting.reason.as_str(),
            text: waiting.text(),
            until: waiting.until.map(|until| until.to_string()),
        }
    }
}

/// One try.
#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
pub struct AttemptView {
    pub id: String,
    pub number: u32,
    pub started_at: String,
    pub duration_ms: u64,
    /// `succeeded`, `retry`, `deferred`, `rejected`, `trapped`, `limit`, `host`, `interrupted` or
    /// `unknown`.
    pub outcome: &'static str,
    /// The plugin's own line.
    pub summary: Option<String>,
    pub error: Option<String>,
    /// What the plugin gave back. Only staff see this and the members below, which tell how the
    /// operator has set the plugin up.
    #[schema(value_type = Option<serde_json::Value>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs: Option<Vec<LogLineView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<Vec<CallView>>,
    /// Which generation of the plugin ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// SHA-256 of the component that ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The plugin saw what `map` of its section made of the payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapped: Option<bool>,
    /// The call that this attempt shared with other deliveries; its duration, logs and calls are those of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchView>,
}

/// A call of a plugin with several deliveries.
#[derive(Serialize, ToSchema)]
#[schema(as = Batch)]
pub struct BatchView {
    /// The same in the attempts of all of them.
    pub id: String,
    /// How many they were.
    pub size: u32,
}

/// A line that the plugin wrote.
#[derive(Serialize, ToSchema)]
#[schema(as = LogLine)]
pub struct LogLineView {
    /// Milliseconds since the attempt began.
    pub at_ms: u64,
    /// `debug`, `info`, `warn`, `error`, `stdout` or `stderr`.
    pub level: &'static str,
    pub message: String,
}

/// An outbound request of the plugin, as it was before secrets were put in.
#[derive(Serialize, ToSchema)]
#[schema(as = OutboundCall)]
pub struct CallView {
    /// Milliseconds since the attempt began.
    pub at_ms: u64,
    pub method: String,
    pub url: String,
    /// Null when there was no answer.
    pub status: Option<u16>,
    pub duration_ms: u64,
    /// Why there was no answer.
    pub error: Option<String>,
}

/// How much of an attempt is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Whoever sent the event.
    Sender,
    Staff,
}

impl EventView {
    /// The event as everybody who may see it sees it.
    pub fn of(event: Event) -> Result<Self, Problem> {
        // What an envelope carries is JSON whatever the request's media type was, and so is what stands for a
        // body that was taken out.
        let taken_out = event.redacted.iter().any(|taken| taken == redaction::WHOLE_BODY);
        let media = if event.payload.is_some() || taken_out {
            "application/json"
        } else {
            &event.content_type
        };
        let payload = Payload::of(&event.payload(), media)?;
        Ok(Self {
            id: event.id.to_string(),
            kind: event.kind.as_str(),
            payload: payload.json,
            encoding: payload.encoding,
            headers: event.headers.into_iter().map(HeaderView::from).collect(),
            content_type: event.content_type,
            received_at: event.received_at.to_string(),
            processed_at: event.processed_at.map(|at| at.to_string()),
            status: event.status.as_str(),
            error_message: event.error_message,
            redacted: event.redacted,
            edited_from: event.edited_from.map(|id| id.to_string()),
            source: event.source,
            event_type: event.event_type,
        })
    }
}

/// JSON as it is; what is not JSON becomes a JSON string of it.
fn raw_json(bytes: &[u8]) -> Result<Box<RawValue>, Problem> {
    if let Ok(raw) = serde_json::from_slice::<&RawValue>(bytes) {
        return Ok(raw.to_owned());
    }
    serde_json::value::to_raw_value(&String::from_utf8_lossy(bytes))
        .map_err(|error| Problem::internal(error.to_string()))
}

impl From<Header> for HeaderView {
    fn from(header: Header) -> Self {
        Self {
            name: header.name,
            value: header.value,
        }
    }
}

impl DeliveryView {
    /// The delivery as `audience` may see it.
    pub fn of(history: DeliveryHistory, audience: Audience, waits: &Waits) -> Result<Self, Problem> {
        let delivery = history.delivery;
        let waiting_for = waits.of(&delivery).map(WaitingView::from);
        let attempts = history.attempts.into_iter();
        Ok(Self {
            id: delivery.id.to_string(),
            plugin: delivery.plugin.to_string(),
            replay_of: delivery.replay_of.map(|id| id.to_string()),
            state: delivery.state.as_str(),
            attempts_made: delivery.attempts,
            due_at: delivery.due_at.to_string(),
            created_at: delivery.created_at.to_string(),
            finished_at: delivery.finished_at.map(|at| at.to_string()),
            last_error: delivery.last_error,
            waiting_for,
            attempts: attempts
                .map(|attempt| AttemptView::of(attempt, audience))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl AttemptView {
    fn of(attempt: Attempt, audience: Audience) -> Result<Self, Problem> {
        let record = attempt.record;
        let staff = audience == Audience::Staff;
        let output = record.output.filter(|_| staff);
        Ok(Self {
            id: record.id.to_string(),
            number: attempt.number,
            started_at: record.started_at.to_string(),
            duration_ms: record.duration_ms,
            outcome: record.outcome.as_str(),
            summary: record.summary,
            error: record.error,
            output: output.map(|text| raw_json(text.as_bytes())).transpose()?,
            logs: staff.then(|| record.logs.into_iter().map(LogLineView::from).collect()),
            calls: staff.then(|| record.calls.into_iter().map(CallView::from).collect()),
            generation: record.generation.filter(|_| staff),
            digest: record.digest.filter(|_| staff),
            mapped: staff.then_some(record.mapped),
            batch: record.batch.filter(|_| staff).map(|batch| BatchView {
                id: batch.id.to_string(),
                size: batch.size,
            }),
        })
    }
}

impl From<LogLine> for LogLineView {
    fn from(line: LogLine) -> Self {
        Self {
            at_ms: line.at_ms,
            level: line.level.as_str(),
            message: line.message,
        }
    }
}

impl From<OutboundCall> for CallView {
    fn from(call: OutboundCall) -> Self {
        Self {
            at_ms: call.at_ms,
            method: call.method,
            url: call.url,
            status: call.status,
            duration_ms: call.duration_ms,
            error: call.error,
        }
    }
}
