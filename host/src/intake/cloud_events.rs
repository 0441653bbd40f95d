//! `CloudEvents` 1.0 over HTTP: binary, structured and batched content modes (HTTP Protocol Binding,
//! section 3). The body is kept as it came; of a batch, each event's own text of it.

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::presented::Presented;
use super::{body, media};
use crate::domain::rejected::{Check, Rejection};

/// Most events of a batch: what one commit takes.
pub const MAX_BATCH: usize = 256;

/// Media type of one event of a batch, and of structured mode.
const STRUCTURED: &str = "application/cloudevents+json";

/// What a request in this format brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    One(CloudEvent),
    Batch(Vec<CloudEvent>),
}

/// One event with the attributes that we need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CloudEvent {
    pub id: String,
    pub source: String,
    pub event_type: String,
    pub content_type: String,
    pub body: Bytes,
}

/// Reads the events of a request.
pub(super) fn parse(request: &Presented) -> Result<Message, Rejection> {
    let media = request.content_type.to_ascii_lowercase();
    let essence = media.split(';').next().unwrap_or_default().trim();
    match essence {
        STRUCTURED => {
            body::check_said(&request.body)?;
            structured(&request.body, &request.content_type).map(Message::One)
        }
        "application/cloudevents-batch+json" => batch(&request.body).map(Message::Batch),
        other if other.starts_with("application/cloudevents") => Err(refused(format!(
            "`{other}` is not taken; send JSON ({STRUCTURED})"
        ))),
        _ => {
            if media::is_json(&request.content_type) {
                body::check_said(&request.body)?;
            }
            binary(request).map(Message::One)
        }
    }
}

fn refused(why: String) -> Rejection {
    Rejection::new(Check::Body, why)
}

/// Attributes in headers `ce-…`, percent-encoded (section 3.1.3.2).
fn binary(request: &Presented) -> Result<CloudEvent, Rejection> {
    let attribute = |name: &str| -> Result<String, Rejection> {
        let header = format!("ce-{name}");
        let text = request.one(&header)?.unwrap_or_default();
        let text = text.trim_matches('"');
        let decoded = percent_decode_str(text).decode_utf8();
        let decoded = decoded.map_err(|_| refused(format!("the header {header} is no UTF-8")))?;
        Ok(decoded.into_owned())
    };
    let raw = Attributes {
        specversion: Some(attribute("specversion")?),
        id: Some(attribute("id")?),
        source: Some(attribute("source")?),
        event_type: Some(attribute("type")?),
    };
    raw.checked(
        "the header ce-",
        request.body.clone(),
        request.content_type.clone(),
    )
}

/// An event of a body that is JSON. Only an object is one: serde would take its attributes from a list too.
fn structured(body: &Bytes, content_type: &str) -> Result<CloudEvent, Rejection> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(refused(
            "the body is no CloudEvent in JSON: it is not an object".to_owned(),
        ));
    }
    let attributes: Attributes = serde_json::from_slice(body)
        .map_err(|error| refused(format!("the body is no CloudEvent in JSON: {error}")))?;
    attributes.checked("the attribute ", body.clone(), content_type.to_owned())
}

fn batch(body: &Bytes) -> Result<Vec<CloudEvent>, Rejection> {
    let text = body::check_said(body)?;
    let texts: Vec<&RawValue> = serde_json::from_str(text)
        .map_err(|error| refused(format!("the body is no list of CloudEvents in JSON: {error}")))?;
    if texts.len() > MAX_BATCH {
        return Err(refused(format!(
            "the batch has {} events; at most {MAX_BATCH} are taken",
            texts.len()
        )));
    }
    let events = texts.iter().enumerate().map(|(at, raw)| {
        let body = body.slice_ref(raw.get().as_bytes());
        structured(&body, STRUCTURED)
            .map_err(|rejection| refused(format!("event {} of the batch: {}", at + 1, rejection.why)))
    });
    events.collect()
}

/// What every event must have (`CloudEvents` 1.0, section 3.1).
#[derive(Deserialize)]
struct Attributes {
    specversion: Option<String>,
    id: Option<String>,
    source: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
}

impl Attributes {
    fn checked(self, what: &str, body: Bytes, content_type: String) -> Result<CloudEvent, Rejection> {
        let needed = |name: &str, value: Option<String>| {
            let given = value.filter(|text| !text.is_empty());
            given.ok_or_else(|| refused(format!("{what}{name} is missing")))
        };
        let version = needed("specversion", self.specversion)?;
        if version != "1.0" {
            return Err(refused(format!(
                "`{version}` of CloudEvents is not taken; 1.0 is"
            )));
        }
        Ok(CloudEvent {
            id: needed("id", self.id)?,
            source: needed("source", self.source)?,
            event_type: needed("type", self.event_type)?,
            content_type,
            body,
        })
    }
}
