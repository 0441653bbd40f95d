//! An event as a line of an export.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::super::Problem;
use super::EventView;
use crate::domain::event::Event;

/// An event in an export. The body is given as text, or in Base64 where it is not UTF-8.
#[derive(Serialize)]
pub struct ExportedEvent {
    id: String,
    source: String,
    #[serde(rename = "type")]
    event_type: String,
    kind: &'static str,
    received_at: String,
    processed_at: Option<String>,
    status: &'static str,
    error_message: Option<String>,
    headers: Vec<(String, String)>,
    content_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    /// Where in the body the payload is, in bytes, when it came in an envelope.
    payload: Option<(usize, usize)>,
    redacted: Vec<String>,
}

impl ExportedEvent {
    /// The event as a line of it.
    pub fn of(event: Event) -> Result<Self, Problem> {
        let body = event.body.clone();
        let payload = event.payload.clone().map(|range| (range.start, range.end));
        let headers = event
            .headers
            .iter()
            .map(|header| (header.name.clone(), header.value.clone()));
        let headers = headers.collect();
        let view = EventView::of(event)?;
        let text = std::str::from_utf8(&body).ok().map(str::to_owned);
        Ok(Self {
            id: view.id,
            source: view.source,
            event_type: view.event_type,
            kind: view.kind,
            received_at: view.received_at,
            processed_at: view.processed_at,
            status: view.status,
            error_message: view.error_message,
            headers,
            content_type: view.content_type,
            body_base64: text.is_none().then(|| STANDARD.encode(&body)),
            body: text,
            payload,
            redacted: view.redacted,
        })
    }
}
