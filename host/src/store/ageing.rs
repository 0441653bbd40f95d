//! What becomes of events after they are finished: purging, redacting, sealing anew.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::StoreResult;
use crate::domain::event::{Event, EventFilter, Header};
use crate::domain::id::{AttemptId, EventId, RejectedId};
use crate::domain::retention::Scope;
use crate::domain::time::Timestamp;

/// Where an event stands in the order of their coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    pub at: Timestamp,
    pub id: EventId,
}

/// A text that is no [`Place`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place in a list")]
pub struct InvalidPlace(String);

/// As addresses carry it: milliseconds and id.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.as_millis(), self.id)
    }
}

impl FromStr for Place {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let invalid = || InvalidPlace(text.chars().take(100).collect());
        let (at, id) = text.split_once('.').ok_or_else(invalid)?;
        Ok(Self {
            at: Timestamp::from_millis(at.parse().map_err(|_| invalid())?),
            id: id.parse().map_err(|_| invalid())?,
        })
    }
}

impl Place {
    /// The last place before this moment.
    #[must_use]
    pub const fn before(moment: Timestamp) -> Self {
        Self {
            at: Timestamp::from_millis(moment.as_millis() - 1),
            id: EventId::from_uuid(Uuid::max()),
        }
    }
}

/// Which events may go. Those that may still be delivered never do.
#[derive(Clone, Debug)]
pub struct Purge {
    pub scope: Scope,
    /// Up to where processed events go; `None`: none of them.
    pub processed: Option<Place>,
    /// Up to where failed and held ones go.
    pub failed: Option<Place>,
}

/// What a redaction makes of an event.
#[derive(Clone, Debug)]
pub struct RedactedEvent {
    pub id: EventId,
    /// `None`: there was nothing to take out, which is noted.
    pub content: Option<RedactedContent>,
}

/// An event's content after a redaction.
#[derive(Clone, Debug)]
pub struct RedactedContent {
    pub headers: Vec<Header>,
    pub body: Bytes,
    pub payload: Option<Range<usize>>,
    pub redacted: Vec<String>,
}

/// What goes with age.
#[async_trait]
pub trait RetentionStore: Send + Sync {
    /// Events in the order of their coming, after a place.
    async fn events_after(
        &self,
        filter: &EventFilter,
        after: Option<Place>,
        limit: u32,
    ) -> StoreResult<Vec<Event>>;
    /// The newest event of the scope beyond the `keep` newest ones.
    async fn event_beyond(&self, scope: &Scope, keep: u64) -> StoreResult<Option<Place>>;
    /// Events that may go, oldest first, after a place.
    async fn purgeable_events(
        &self,
        purge: &Purge,
        after: Option<Place>,
        limit: u32,
    ) -> StoreResult<Vec<Place>>;
    /// How many may go.
    async fn count_purgeable(&self, purge: &Purge) -> StoreResult<u64>;
    /// Removes those of these events that may still go, with deliveries and attempts; how many went.
    async fn purge_events(&self, purge: &Purge, ids: &[EventId]) -> StoreResult<u64>;
    /// Finished events received before a moment that this rule of redaction was not applied to, oldest first.
    async fn redactable_events(
        &self,
        scope: &Scope,
        rule: &str,
        before: Timestamp,
        after: Option<Place>,
        limit: u32,
    ) -> StoreResult<Vec<Event>>;
    /// The first event received before a moment, finished or not, that this rule was not applied to.
    async fn first_unredacted(
        &self,
        scope: &Scope,
        rule: &str,
        before: Timestamp,
        after: Option<Place>,
    ) -> StoreResult<Option<Place>>;
    /// Writes what a rule of redaction made of events, all in one transaction; passes over one that is to be
    /// delivered by now. How many were written.
    async fn redact_events(&self, rule: &str, events: &[RedactedEvent]) -> StoreResult<u64>;
    /// Removes entries of the audit log from before a moment, oldest first, at most `limit`; how many went.
    async fn purge_audit(&self, before: Timestamp, limit: u32) -> StoreResult<u64>;
    /// Removes recorded moments of schedules in the same way.
    async fn purge_schedule_runs(&self, before: Timestamp, limit: u32) -> StoreResult<u64>;
    /// Gives up to so many free pages of the database's file back.
    async fn reclaim(&self, pages: u32) -> StoreResult<()>;
    /// Writes the database anew without what is free. Nothing else is written meanwhile.
    async fn vacuum(&self) -> StoreResult<()>;
}

/// Seals and opens values. What cannot be opened is told in words.
pub trait Sealer: Send + Sync {
    /// The key that values are sealed under; `None` when they are to be stored in clear.
    fn key_id(&self) -> Option<String>;
    /// The value sealed under that key and bound to its place.
    fn seal(&self, bound: &str, clear: &[u8]) -> Result<Vec<u8>, String>;
    /// The value that was sealed under a key and bound to this place.
    fn open(&self, key_id: &str, bound: &str, sealed: &[u8]) -> Result<Vec<u8>, String>;
}

/// What a step of sealing anew did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resealed<P> {
    pub rows: u64,
    /// Where to go on; `None` when nothing is left.
    pub last: Option<P>,
}

/// Sealing at rest.
#[async_trait]
pub trait SealStore: Send + Sync {
    /// Says who seals and opens, once, before anything is read or written.
    fn seal_with(&self, sealer: Arc<dyn Sealer>);
    /// Brings up to `limit` events after a place into the form that new ones get.
    async fn reseal_events(&self, after: Option<Place>, limit: u32) -> StoreResult<Resealed<Place>>;
    /// The same of attempts, by id.
    async fn reseal_attempts(&self, after: Option<AttemptId>, limit: u32)
    -> StoreResult<Resealed<AttemptId>>;
    /// The same of refused requests, by id.
    async fn reseal_rejected(
        &self,
        after: Option<RejectedId>,
        limit: u32,
    ) -> StoreResult<Resealed<RejectedId>>;
    /// How many events, attempts and refused requests are in another form.
    async fn count_unresealed(&self) -> StoreResult<u64>;
}
