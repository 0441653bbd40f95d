//! Durable state: role traits under one [`Store`], one SQL text for SQLite and PostgreSQL.
//!
//! One transaction per method and one method per use case; a transaction never leaks to a caller.
//! Not found is `Ok(None)`, a duplicate is a value. Writes that callers wait for together take
//! slices and answer per item, in order.

mod acts;
mod again;
mod ageing;
mod api_keys;
mod audit;
mod batches;
mod claim;
mod clock;
mod counts;
mod deliveries;
mod dialect;
pub mod django;
mod events;
mod finish;
mod history;
mod imports;
mod jobs;
mod leases;
mod listing;
mod lock;
mod looking;
mod migrate;
mod nodes;
mod once;
mod open;
mod outcomes;
mod overview;
mod past;
mod pauses;
mod people;
mod process_pages;
mod processes;
mod rejected;
mod reseal;
mod retention;
mod rows;
mod schedules;
mod seals;
mod secrets;
mod sessions;
mod sql;
mod state;
mod sweep;
mod tokens;
mod turns;
mod users;
mod words;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::event::{Accepted, Event, EventFilter, EventOrder, KnownPast, NewEvent, PastEvent};
use crate::domain::id::{EventId, ProcessId};
use crate::domain::page::{Listed, Page, PageRequest};
use crate::domain::process::{
    Process, ProcessChange, ProcessPut, ProcessSummary, ProcessVersion, ProcessWrite, PutMode,
};
use crate::domain::time::Timestamp;

pub use acts::ActStore;
pub use ageing::{Place, Purge, RedactedContent, RedactedEvent, Resealed, RetentionStore, SealStore, Sealer};
pub use clock::{ClockStore, StepBack};
pub use counts::CountStore;
pub use deliveries::{DeliveryStore, UnknownJudge};
pub use dialect::Dialect;
pub use jobs::ReplayStore;
pub use listing::ListStore;
pub use looking::{Bounds, Look, LookStore, Looked, LookedDeliveries};
pub use nodes::NodeStore;
pub use once::{KeyHolder, OnceStore};
pub use open::{inspect, open};
pub use outcomes::OutcomeStore;
pub use overview::OverviewStore;
pub use pauses::PauseStore;
pub use people::{ApiKeyStore, AuditStore, FoundKey, TokenStore, UserStore};
pub use rejected::{AcceptedLate, RejectedStore};
pub use schedules::ScheduleStore;
pub use secrets::{SealedSecret, SecretStore};
pub use sessions::SessionStore;
pub use sql::SqlStore;
pub use state::{StateEntry, StateExpect, StateQuota, StateStore, StateWrite};

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database did not answer or refused; trying again may work.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored value is not what this version writes.
    #[error("{table}.{column} of row {row} holds an unreadable value: {why}")]
    Corrupt {
        table: &'static str,
        column: &'static str,
        row: String,
        why: String,
    },
    /// A sealed value cannot be opened here, or a value not be sealed.
    #[error("{table}.{column} of row {row} is sealed and cannot be opened: {why}")]
    Sealed {
        table: &'static str,
        column: &'static str,
        row: String,
        why: String,
    },
    /// The schema and this version do not fit.
    #[error("the database schema does not fit this version: {0}")]
    Schema(String),
    /// The database's URL cannot be used. Never repeats it: it may hold a password.
    #[error(
        "DATABASE_URL cannot be used: {0}; write sqlite://path/to/file.db, sqlite:///absolute/path.db \
         or postgres://user:password@host:5432/database"
    )]
    Address(String),
    /// The database's file cannot be used.
    #[error("the database file {} cannot be used: {why}", path.display())]
    File { path: PathBuf, why: String },
}

impl StoreError {
    /// Whether it is about what one row holds: others can be read all the same.
    #[must_use]
    pub const fn is_about_a_row(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Sealed { .. })
    }
}

/// What store methods answer.
pub type StoreResult<T> = Result<T, StoreError>;

/// Everything the application keeps.
pub trait Store:
    EventStore
    + DeliveryStore
    + ListStore
    + LookStore
    + ActStore
    + ReplayStore
    + CountStore
    + ScheduleStore
    + PauseStore
    + UserStore
    + TokenStore
    + SessionStore
    + OverviewStore
    + OutcomeStore
    + ApiKeyStore
    + AuditStore
    + RetentionStore
    + SealStore
    + StateStore
    + SecretStore
    + ProcessStore
    + ImportStore
    + ClockStore
    + NodeStore
    + OnceStore
    + RejectedStore
    + HealthStore
{
}

/// The store as it is handed around.
pub type SharedStore = Arc<dyn Store>;

/// Events.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Makes the events and their deliveries durable, all in one transaction. An event without
    /// deliveries is `processed` at once. When this returns, a power cut loses none of them. One whose
    /// key ([`NewEvent::once`]) is held by an earlier event is not stored: its answer is the earlier one's.
    async fn accept_events(&self, events: &[NewEvent]) -> StoreResult<Vec<Accepted>>;

    /// Stores what another service has received. One that is known stays as it is, unless it was
    /// [`KnownPast::LeftUndone`]: then it takes the new status. How many were written.
    async fn import_events(&self, events: &[PastEvent]) -> StoreResult<u64>;

    /// Stores what another service has received and not dealt with, with its deliveries, all in one transaction. One
    /// that is known stays as it is, unless it was [`KnownPast::LeftUndone`]. How many were written.
    async fn take_over_events(&self, events: &[NewEvent]) -> StoreResult<u64>;

    /// What is here of these events.
    async fn known_events(&self, ids: &[EventId]) -> StoreResult<HashMap<EventId, KnownPast>>;

    /// One event.
    async fn event(&self, id: EventId) -> StoreResult<Option<Event>>;

    /// A page of events and how many match in all: exact for source and status, otherwise up to
    /// [`COUNT_BOUND`](crate::domain::page::COUNT_BOUND).
    async fn events(
        &self,
        filter: &EventFilter,
        order: EventOrder,
        page: PageRequest,
    ) -> StoreResult<Listed<Event>>;
}

/// Stored scripts.
#[async_trait]
pub trait ProcessStore: Send + Sync {
    /// Writes processes by their codes, new or changed, all in one transaction; a known code keeps
    /// its id and the moment it was made. What changes gets a version that names `by`.
    async fn put_processes(
        &self,
        puts: &[ProcessPut],
        mode: PutMode,
        by: &str,
    ) -> StoreResult<Vec<ProcessWrite>>;
    /// Changes a process, in one statement; what it is then, `None` when it is not there.
    async fn change_process(
        &self,
        code: &str,
        change: &ProcessChange,
        at: Timestamp,
        by: &str,
    ) -> StoreResult<Option<Process>>;
    /// Writes a process whose code must be new; whether it was.
    async fn create_process(&self, process: &Process, by: &str) -> StoreResult<bool>;
    /// One process.
    async fn process(&self, code: &str) -> StoreResult<Option<Process>>;
    /// The same by its id.
    async fn process_by_id(&self, id: ProcessId) -> StoreResult<Option<Process>>;
    /// Removes a process; its versions stay, with one more that says so. Whether it was there.
    async fn remove_process(&self, code: &str, at: Timestamp, by: &str) -> StoreResult<bool>;
    /// Processes whose code comes after `after`, by code.
    async fn processes(&self, after: Option<&str>, limit: u32) -> StoreResult<Vec<Process>>;
    /// A page of processes by code whose code or name contains `search` (without regard to case; on
    /// SQLite letters beyond ASCII as they are written).
    async fn process_page(
        &self,
        search: Option<&str>,
        page: PageRequest,
    ) -> StoreResult<Page<ProcessSummary>>;
    /// The versions of a code, newest first.
    async fn process_versions(&self, code: &str, page: PageRequest) -> StoreResult<Page<ProcessVersion>>;
}

/// What was taken over from the service before.
#[async_trait]
pub trait ImportStore: Send + Sync {
    /// The digests of these rows as they were taken over last.
    async fn imported_digests(&self, ids: &[Uuid]) -> StoreResult<HashMap<Uuid, String>>;
    /// Notes a row's digest.
    async fn note_imported(&self, id: Uuid, digest: &str) -> StoreResult<()>;
}

/// Whether the database can be used.
#[async_trait]
pub trait HealthStore: Send + Sync {
    /// A round trip to the database that also needs its writer.
    async fn ping(&self) -> StoreResult<()>;
    /// Ends every connection; waits for what is running.
    async fn close(&self);
}
