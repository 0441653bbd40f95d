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
mod backup;
mod batches;
mod claim;
mod clock;
mod copy;
mod counts;
mod deliveries;
mod dialect;
pub mod django;
mod events;
mod finish;
mod history;
mod imports;
mod jobs;
mod listing;
mod lock;
mod look;
mod migrate;
mod nodes;
mod once;
mod open;
mod past;
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
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::delivery::{
    Claim, Delivery, DeliveryHistory, Finish, Leased, Swept, Take, Tried, UnknownVerdict,
};
use crate::domain::event::{Accepted, Event, EventFilter, EventOrder, KnownPast, NewEvent, PastEvent};
use crate::domain::grant::StoredName;
use crate::domain::id::{
    DeliveryId, EventId, LeaseToken, NodeId, ProcessId, RefreshTokenId, TokenFamily, UserId,
};
use crate::domain::node::{Node, NodeReport};
use crate::domain::page::{Listed, Page, PageRequest};
use crate::domain::plugin::PluginName;
use crate::domain::process::{
    Process, ProcessChange, ProcessPut, ProcessSummary, ProcessVersion, ProcessWrite, PutMode,
};
use crate::domain::schedule::{NewTick, ScheduleInForce, ScheduleKey, ScheduleRun, Ticked};
use crate::domain::time::Timestamp;
use crate::domain::user::{CreatedUser, NewRefreshToken, NewUser, Rotation, UpdatedUser, User};

pub use acts::ActStore;
pub use ageing::{Place, Purge, RedactedContent, RedactedEvent, Resealed, RetentionStore, SealStore, Sealer};
pub use backup::{Backup, Restored, back_up, restore};
pub use copy::{Copied, CopyError, CopyProgress, NOT_COPIED, copied_columns, copy};
pub use counts::CountStore;
pub use dialect::Dialect;
pub use jobs::ReplayStore;
pub use listing::ListStore;
pub use look::{Look, file_of, inspect, look};
pub use once::OnceStore;
pub use open::open;
pub use people::{ApiKeyStore, AuditStore, FoundKey};
pub use rejected::{AcceptedLate, RejectedStore};
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
    /// A copy into this database was begun and is not finished.
    #[error(
        "a copy into this database is not finished: run the same `hookyard db copy` again, or make the database anew"
    )]
    HalfCopied,
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
    + ActStore
    + ReplayStore
    + CountStore
    + ScheduleStore
    + UserStore
    + TokenStore
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

/// Decides about a delivery whose outcome nobody knows.
pub type UnknownJudge<'a> = &'a (dyn Fn(Tried) -> UnknownVerdict + Send + Sync);

/// Deliveries and their attempts. Due times and leases go by the database's clock.
#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// Claims deliveries of `plugin` that are due and whose turn it is, oldest due first among first
    /// tries and among later ones, and gives each a fresh lease of `lease`. No two callers get the same
    /// one.
    async fn claim_deliveries(
        &self,
        plugin: &PluginName,
        take: Take,
        node: NodeId,
        lease: Duration,
    ) -> StoreResult<Vec<Claim>>;

    /// Claims this one delivery if it waits and it is its turn, whether or not it is due yet.
    async fn claim_delivery(
        &self,
        id: DeliveryId,
        node: NodeId,
        lease: Duration,
    ) -> StoreResult<Option<Claim>>;

    /// Ends every lease that another node holds. Only right when no other process uses the
    /// database: then those nodes are dead. How many there were.
    async fn end_foreign_leases(&self, node: NodeId) -> StoreResult<u64>;

    /// Commits the started marks: from here on an ended lease means an unknown outcome. The
    /// event becomes `processing`. `Lost` where the lease is no longer held: it must not be run.
    async fn mark_started(&self, claims: &[(DeliveryId, LeaseToken)]) -> StoreResult<Vec<Leased>>;

    /// Records attempts and moves their deliveries (and the events' status) on. `Lost` where the
    /// lease is no longer held: nothing of that item is written.
    async fn finish_deliveries(&self, finishes: &[Finish]) -> StoreResult<Vec<Leased>>;

    /// Extends leases that are still held.
    async fn renew_leases(
        &self,
        claims: &[(DeliveryId, LeaseToken)],
        lease: Duration,
    ) -> StoreResult<Vec<Leased>>;

    /// Gives back deliveries that were claimed and not started; they are due at once.
    async fn release_deliveries(&self, claims: &[(DeliveryId, LeaseToken)]) -> StoreResult<Vec<Leased>>;

    /// Deals with up to `limit` ended leases of `plugin`: what was not started waits again; what
    /// was started gets an attempt with outcome `unknown` and is due again, held or given up, as
    /// `judge` says for each.
    async fn sweep_leases(
        &self,
        plugin: &PluginName,
        judge: UnknownJudge<'_>,
        limit: u32,
    ) -> StoreResult<Swept>;

    /// Plugins (whether known to the caller or not) with a lease that has ended.
    async fn plugins_with_ended_leases(&self) -> StoreResult<Vec<PluginName>>;

    /// How long until the next waiting delivery of `plugin` whose turn it is is due: zero when one is
    /// due now, `None` when none waits.
    async fn next_due(&self, plugin: &PluginName) -> StoreResult<Option<Duration>>;

    /// For how long the delivery of `plugin` that waits longest has been due and could have run: `None` when none is
    /// due now.
    async fn overdue(&self, plugin: &PluginName) -> StoreResult<Option<Duration>>;

    /// The deliveries of an event with their attempts, in order of plugin, replays after what they
    /// repeat.
    async fn deliveries(&self, event: EventId) -> StoreResult<Vec<DeliveryHistory>>;

    /// One delivery.
    async fn delivery(&self, id: DeliveryId) -> StoreResult<Option<Delivery>>;
}

/// Schedules and their ticks.
#[async_trait]
pub trait ScheduleStore: Send + Sync {
    /// Makes these the schedules in force. One that is new or has another rule begins at `now`; one
    /// that is not among them is forgotten, its runs are not. Answers, per item, up to when its
    /// moments have been dealt with.
    async fn keep_schedules(
        &self,
        schedules: &[ScheduleInForce],
        now: Timestamp,
    ) -> StoreResult<Vec<Timestamp>>;

    /// Records one moment of a schedule: the unique row, the event with its delivery, and how far
    /// the schedule has come, all in one transaction. However many nodes see a moment, one records it.
    async fn record_tick(&self, tick: &NewTick) -> StoreResult<Ticked>;

    /// The recorded moments of a schedule, latest first, and how many there are.
    async fn schedule_runs(&self, key: &ScheduleKey, page: PageRequest) -> StoreResult<Page<ScheduleRun>>;

    /// The latest recorded moment of each schedule that has one, in the order asked for.
    async fn last_schedule_runs(&self, keys: &[ScheduleKey]) -> StoreResult<Vec<Option<ScheduleRun>>>;
}

/// Users.
#[async_trait]
pub trait UserStore: Send + Sync {
    async fn create_user(&self, user: &NewUser) -> StoreResult<CreatedUser>;
    async fn user(&self, id: UserId) -> StoreResult<Option<User>>;
    /// The account and its password hash, by username without regard to case.
    async fn user_by_name(&self, username: &str) -> StoreResult<Option<(User, String)>>;
    /// All users, by name.
    async fn users(&self) -> StoreResult<Vec<User>>;
    /// A page of them, by name.
    async fn user_page(&self, page: PageRequest) -> StoreResult<Page<User>>;
    /// Writes everything but the password.
    async fn update_user(&self, user: &User) -> StoreResult<UpdatedUser>;
    /// Replaces the password hash and revokes every refresh token of the user.
    async fn set_password(&self, id: UserId, password_hash: &str) -> StoreResult<bool>;
    /// Puts `new` in the place of the password hash `old`, of the same password: tokens stay as they are. Nothing
    /// when the hash is another by now.
    async fn renew_password_hash(&self, id: UserId, old: &str, new: &str) -> StoreResult<()>;
    /// Revokes every refresh token of the user, and notes that access tokens issued up to `at` count no more.
    /// Whether there is such a user.
    async fn sign_out(&self, id: UserId, at: Timestamp) -> StoreResult<bool>;
    /// Notes a sign-in.
    async fn record_login(&self, id: UserId, at: Timestamp) -> StoreResult<()>;
}

/// Refresh tokens.
#[async_trait]
pub trait TokenStore: Send + Sync {
    async fn store_refresh_token(&self, token: &NewRefreshToken) -> StoreResult<()>;

    /// Trades `old` for `new` in one transaction. A token that was used before revokes its
    /// family.
    async fn rotate_refresh_token(
        &self,
        old: RefreshTokenId,
        new: &NewRefreshToken,
        at: Timestamp,
    ) -> StoreResult<Rotation>;

    /// Ends every token of a family.
    async fn revoke_family(&self, family: TokenFamily, at: Timestamp) -> StoreResult<()>;

    /// Removes tokens that expired before `before`, at most `limit`; how many went.
    async fn purge_refresh_tokens(&self, before: Timestamp, limit: u32) -> StoreResult<u64>;
}

/// A secret as it is kept: sealed by who stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    pub name: StoredName,
    /// Names the key it is sealed under.
    pub key_id: String,
    pub sealed: Vec<u8>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Sealed secrets, by name.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// Writes a secret, new or in place of the one of its name, whose time of making stays.
    async fn put_secret(&self, secret: &SealedSecret) -> StoreResult<()>;
    /// Puts `new` in the place of `old`, of the same name; whether `old` was still there.
    async fn replace_secret(&self, old: &SealedSecret, new: &SealedSecret) -> StoreResult<bool>;
    async fn secret(&self, name: &StoredName) -> StoreResult<Option<SealedSecret>>;
    /// All of them, by name.
    async fn secrets(&self) -> StoreResult<Vec<SealedSecret>>;
    /// Whether it was there.
    async fn remove_secret(&self, name: &StoredName) -> StoreResult<bool>;
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

/// The nodes that share the database, by its own clock.
#[async_trait]
pub trait NodeStore: Send + Sync {
    /// Notes that this node is there and what it says of itself, and forgets nodes that were not heard
    /// for so long.
    async fn report_node(&self, report: &NodeReport, forget_after: Duration) -> StoreResult<()>;
    /// All that are not forgotten, oldest first.
    async fn nodes(&self) -> StoreResult<Vec<Node>>;
    /// Forgets a node that stops.
    async fn remove_node(&self, node: NodeId) -> StoreResult<()>;
    /// Forgets all but this one.
    async fn remove_other_nodes(&self, node: NodeId) -> StoreResult<()>;
}

/// The clock by which deliveries are due and leases end: the database's own.
#[async_trait]
pub trait ClockStore: Send + Sync {
    /// What it says.
    async fn clock(&self) -> StoreResult<Timestamp>;
    /// Makes good that it went back by `by`: what waits for its first attempt is due now, and, where this process is
    /// the only one, what is to be tried again is due that much earlier. How many deliveries that were.
    async fn clock_went_back(&self, by: Duration) -> StoreResult<u64>;
}

/// Whether the database can be used.
#[async_trait]
pub trait HealthStore: Send + Sync {
    /// A round trip to the database that also needs its writer.
    async fn ping(&self) -> StoreResult<()>;
    /// Ends every connection; waits for what is running.
    async fn close(&self);
}
