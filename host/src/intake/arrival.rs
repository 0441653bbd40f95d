//! What a verified request to a source brings: events, or a question that wants an answer.

use ::http::HeaderMap;
use bytes::Bytes;

use super::facts::{self, Told};
use super::once::{IDEMPOTENCY_KEY, IdempotencyKey};
use super::presented::{Digest, Presented};
use super::{body, cloud_events, headers, media, pointer, redact};
use crate::domain::event::{EventKind, NewEvent, OnceKey};
use crate::domain::id::EventId;
use crate::domain::rejected::Rejection;
use crate::domain::retention::Retention;
use crate::domain::source::pick::Pick;
use crate::domain::source::{Dedupe, Format, SourceSpec, Verifier};
use crate::domain::time::Timestamp;

/// What a request brings.
#[derive(Debug)]
pub(super) enum Arrival {
    /// Slack asks whether the address is ours; the answer is this text.
    Challenge(String),
    Event(Box<NewEvent>),
    /// Several that came together.
    Batch(Vec<NewEvent>),
}

impl Arrival {
    /// The events of it.
    pub fn into_events(self) -> Vec<NewEvent> {
        match self {
            Self::Challenge(_) => Vec::new(),
            Self::Event(event) => vec![*event],
            Self::Batch(events) => events,
        }
    }
}

/// What a request may be told from others by where nothing in it names the delivery.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    /// The sender's `Idempotency-Key`.
    pub given: Option<&'a IdempotencyKey>,
    /// What names its signature.
    pub proof: Option<Digest>,
}

/// Parses a request whose sender has proven itself, and takes out what these rules say. Keys count from
/// `now` on.
pub(super) fn parse(
    spec: &SourceSpec,
    request: &Presented,
    keys: Keys<'_>,
    rules: &Retention,
    now: Timestamp,
) -> Result<Arrival, Rejection> {
    if spec.format == Format::CloudEvents {
        let of = |event, place| {
            let mut event = cloud_event(spec, request, event, place, now);
            if event.once.is_none() {
                event.once = of_proof(spec, keys.proof, place, now);
            }
            redact(&mut event, rules);
            event
        };
        return Ok(match cloud_events::parse(request)? {
            cloud_events::Message::One(event) => Arrival::Event(Box::new(of(event, None))),
            cloud_events::Message::Batch(events) => {
                let events = events.into_iter().enumerate();
                Arrival::Batch(events.map(|(place, event)| of(event, Some(place))).collect())
            }
        });
    }
    if media::is_json(&request.content_type) {
        body::check_said(&request.body)?;
    }
    if let Some(challenge) = challenge(spec, request) {
        return Ok(Arrival::Challenge(challenge));
    }
    let told = Told {
        headers: &request.headers,
        content_type: &request.content_type,
        body: &request.body,
    };
    let event_type = facts::event_type(spec, told);
    let mut event = event(
        spec,
        request,
        event_type,
        request.content_type.clone(),
        request.body.clone(),
    );
    redact(&mut event, rules);
    event.once = match facts::key(spec, told) {
        Some(id) => once(spec, id, now),
        None if spec.dedupe == Dedupe::Off => None,
        None => match trusted(spec, keys.given) {
            Some(key) => Some(key.of(&scope(spec), &event, now)),
            None => of_proof(spec, keys.proof, None, now),
        },
    };
    Ok(Arrival::Event(Box::new(event)))
}

/// Slack's `url_verification`: <https://docs.slack.dev/reference/events/url_verification>.
fn challenge(spec: &SourceSpec, request: &Presented) -> Option<String> {
    let asks = spec.verifier == Verifier::Slack
        && pointer::text_at(&request.body, "/type").as_deref() == Some("url_verification");
    asks.then(|| pointer::text_at(&request.body, "/challenge"))
        .flatten()
}

fn cloud_event(
    spec: &SourceSpec,
    request: &Presented,
    of: cloud_events::CloudEvent,
    place: Option<usize>,
    now: Timestamp,
) -> NewEvent {
    let told = Told {
        headers: &request.headers,
        content_type: &of.content_type,
        body: &of.body,
    };
    let event_type = match &spec.event_type {
        Some(_) => facts::event_type(spec, told),
        None => facts::name(&of.event_type),
    };
    // Source and id together name an event (CloudEvents 1.0, section 3.1.1).
    let named = |mut parts: Vec<String>| {
        parts.extend([of.source, of.id]);
        facts::bounded(&facts::joined(&parts))
    };
    let key = match &spec.dedupe {
        // All events of a batch have its headers.
        Dedupe::On {
            key: Some(Pick::Header(_)),
            ..
        } if place.is_some() => facts::key(spec, told).map(|key| named(vec![key])),
        Dedupe::On { key: Some(_), .. } => facts::key(spec, told),
        _ => Some(named(Vec::new())),
    };
    let mut event = event(spec, request, event_type, of.content_type, of.body);
    event.once = key.and_then(|key| once(spec, key, now));
    event
}

fn event(
    spec: &SourceSpec,
    request: &Presented,
    event_type: String,
    content_type: String,
    body: Bytes,
) -> NewEvent {
    NewEvent {
        id: EventId::generate(),
        kind: EventKind::Webhook,
        source: spec.name.to_string(),
        event_type,
        headers: kept(&request.headers, spec),
        content_type,
        body,
        payload: None,
        received_at: request.received_at,
        owner: None,
        redacted: Vec::new(),
        once: None,
        deliveries: Vec::new(),
    }
}

/// The headers without those that prove the sender, whatever their names are.
fn kept(all: &HeaderMap, spec: &SourceSpec) -> Vec<crate::domain::event::Header> {
    let proof = super::rejected::proof_header(&spec.scheme);
    let kept = headers::kept(all);
    kept.into_iter()
        .filter(|header| Some(header.name.as_str()) != proof)
        .collect()
}

fn scope(spec: &SourceSpec) -> String {
    format!("source:{}", spec.name)
}

fn once(spec: &SourceSpec, key: String, now: Timestamp) -> Option<OnceKey> {
    match spec.dedupe {
        Dedupe::Off => None,
        Dedupe::On { window, .. } => Some(OnceKey {
            scope: scope(spec),
            key,
            digest: None,
            expires_at: now.plus(window),
        }),
    }
}

/// The sender's key, unless a signature counts for a while and does not cover it: who has recorded the request
/// could give it another one.
fn trusted<'k>(spec: &SourceSpec, given: Option<&'k IdempotencyKey>) -> Option<&'k IdempotencyKey> {
    given.filter(|_| !spec.scheme.is_dated() || spec.scheme.signs(IDEMPOTENCY_KEY))
}

/// A signature as a key, for as long as it counts: what is recorded on the way cannot be sent again. With the
/// event's place in a batch.
fn of_proof(
    spec: &SourceSpec,
    proof: Option<Digest>,
    place: Option<usize>,
    now: Timestamp,
) -> Option<OnceKey> {
    if spec.dedupe == Dedupe::Off || !spec.scheme.is_dated() {
        return None;
    }
    let place = place.map(|place| format!(":{place}")).unwrap_or_default();
    Some(OnceKey {
        scope: format!("proof:{}", scope(spec)),
        key: format!("{}{place}", hex::encode(proof?)),
        digest: None,
        expires_at: now.plus(spec.tolerance * 2),
    })
}
