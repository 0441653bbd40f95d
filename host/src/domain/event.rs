//! Events: everything that makes a plugin run.

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::delivery::NewDelivery;
use super::id::{EventId, UserId};
use super::time::Timestamp;
use super::words::words;

/// What kind of thing an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A request from outside.
    Webhook,
    /// A tick of a schedule.
    Schedule,
    /// A command by a person.
    Action,
}

words!(EventKind, "kind of event" {
    Webhook = "webhook",
    Schedule = "schedule",
    Action = "action",
});

/// Where an event stands as a whole. It follows the event's deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventStatus {
    /// No delivery has started yet.
    Pending,
    /// A delivery has started and not all are finished.
    Processing,
    /// Every delivery succeeded, or no plugin wanted the event.
    Processed,
    /// Every delivery is finished and at least one did not succeed.
    Failed,
}

words!(EventStatus, "status" {
    Pending = "pending",
    Processing = "processing",
    Processed = "processed",
    Failed = "failed",
});

/// A request header or the like, name in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub name: String,
    pub value: String,
}

/// An event about to be stored, with the deliveries that its routes ask for.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub id: EventId,
    pub kind: EventKind,
    /// Who sent it; at most [`MAX_NAME_CHARS`] characters.
    pub source: String,
    /// What happened, in the sender's words; at most [`MAX_NAME_CHARS`] characters.
    pub event_type: String,
    /// Headers without credentials and signatures.
    pub headers: Vec<Header>,
    /// Media type of the body.
    pub content_type: String,
    /// The body exactly as received.
    pub body: Bytes,
    /// The part of `body` that is the payload, when it came in an envelope.
    pub payload: Option<Range<usize>>,
    pub received_at: Timestamp,
    /// Whose event it is; `None` for events no user sent (schedules, verified sources).
    pub owner: Option<UserId>,
    /// What was taken out of the body: pointers, or `body`.
    pub redacted: Vec<String>,
    pub deliveries: Vec<NewDelivery>,
    /// What makes a second one of it the same event.
    pub once: Option<OnceKey>,
}

/// A key under which an event is taken once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnceKey {
    /// Whose key it is: senders cannot get in each other's way.
    pub scope: String,
    /// At most [`MAX_ONCE_KEY_BYTES`].
    pub key: String,
    /// SHA-256 in hexadecimal of what the key was sent with; `None` where the key alone counts.
    pub digest: Option<String>,
    pub expires_at: Timestamp,
}

/// Longest key of a [`OnceKey`], in bytes: it is indexed, and remembered for days.
pub const MAX_ONCE_KEY_BYTES: usize = 255;

/// An event that another service has received and dealt with: history, without deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastEvent {
    pub id: EventId,
    /// See [`NewEvent::source`].
    pub source: String,
    pub event_type: String,
    pub content_type: String,
    pub body: Bytes,
    pub received_at: Timestamp,
    pub processed_at: Option<Timestamp>,
    pub status: EventStatus,
    pub error_message: Option<String>,
}

/// What an event of another service says that was not dealt with there.
pub const LEFT_UNDONE: &str = "the service that Hookyard replaced had not processed it";

/// What is here of an event that another service had received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownPast {
    /// Kept as failed since it was not dealt with there, and nothing was done with it since.
    LeftUndone,
    /// Dealt with, there or here.
    Done,
}

/// Longest `source` and `event_type`, in characters: they are indexed columns and labels.
pub const MAX_NAME_CHARS: usize = 100;

/// What intake answers: the event as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub id: EventId,
    /// As it was stored.
    pub status: EventStatus,
    pub kind: Acceptance,
}

/// What became of an event that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It is stored.
    New,
    /// Its key was there already: the id is that of the first, and nothing was stored.
    Duplicate,
    /// Its key was there already, with another body; nothing was stored.
    OtherBody,
}

/// A stored event.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: EventId,
    pub kind: EventKind,
    pub source: String,
    pub event_type: String,
    pub headers: Vec<Header>,
    pub content_type: String,
    pub body: Bytes,
    pub payload: Option<Range<usize>>,
    pub received_at: Timestamp,
    pub processed_at: Option<Timestamp>,
    pub status: EventStatus,
    /// Why it failed, for people; `None` unless a delivery died.
    pub error_message: Option<String>,
    pub owner: Option<UserId>,
    /// What was taken out of the body: pointers, or `body`.
    pub redacted: Vec<String>,
    /// The event that a person made this one from, with another payload.
    pub edited_from: Option<EventId>,
}

impl Event {
    /// The payload: the body, or the part of it that the envelope carried.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        match &self.payload {
            Some(range) if range.end <= self.body.len() => self.body.slice(range.clone()),
            _ => self.body.clone(),
        }
    }
}

/// Which events a list shows; every given condition must hold. What is in their bodies no index knows: that is
/// [`Inside`](super::inside::Inside)'s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only events of this user (what a sender sees).
    pub owner: Option<UserId>,
    pub source: Option<String>,
    pub event_type: Option<String>,
    pub status: Option<EventStatus>,
    /// Events with a delivery to this plugin.
    pub plugin: Option<String>,
    /// Received at or after.
    pub since: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
}

/// The order of a list of events; ties go by id in the same direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventOrder {
    #[default]
    NewestFirst,
    OldestFirst,
}
