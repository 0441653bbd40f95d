//! An event store that a test can hold up and make fail.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hookyard::domain::event::{
    Accepted, Event, EventFilter, EventOrder, KnownPast, ListedEvent, NewEvent, PastEvent,
};
use hookyard::domain::id::EventId;
use hookyard::domain::page::{Listed, PageRequest};
use hookyard::intake::Intake;
use hookyard::store::{EventStore, SharedStore, StoreError, StoreResult};
use tokio::sync::OwnedMutexGuard;

/// How long a mark is waited for before the test fails: far above what a loaded machine needs.
const PATIENCE: Duration = Duration::from_mins(1);

/// A real store behind a gate.
pub struct FlakyStore {
    inner: SharedStore,
    gate: Arc<tokio::sync::Mutex<()>>,
    calls: AtomicUsize,
    batches: Mutex<Vec<usize>>,
    refused: Mutex<Option<&'static str>>,
}

impl FlakyStore {
    /// What it fails with.
    pub const CAUSE: &str = "a disk that is on fire";

    /// A gate that is open, before `inner`.
    pub fn new(inner: SharedStore) -> Arc<Self> {
        Arc::new(Self {
            inner,
            gate: Arc::default(),
            calls: AtomicUsize::new(0),
            batches: Mutex::default(),
            refused: Mutex::default(),
        })
    }

    /// Holds up every commit until the guard is dropped.
    pub fn hold(&self) -> OwnedMutexGuard<()> {
        self.gate.clone().try_lock_owned().expect("no commit runs")
    }

    /// Fails every commit with an event of this source.
    pub fn refuse_source(&self, source: &'static str) {
        *self.refused.lock().expect("not poisoned") = Some(source);
    }

    /// How many events each commit had.
    pub fn batches(&self) -> Vec<usize> {
        self.batches.lock().expect("not poisoned").clone()
    }

    /// Waits until so many commits have begun.
    pub async fn calls_reach(&self, calls: usize) {
        until(|| self.calls.load(Ordering::SeqCst) >= calls).await;
    }
}

/// Waits until so many events wait for a commit.
pub async fn waiting(intake: &Intake, events: usize) {
    until(|| intake.waiting() == events).await;
}

/// Waits for a mark.
pub async fn until(mark: impl Fn() -> bool) {
    let began = Instant::now();
    while !mark() {
        assert!(began.elapsed() < PATIENCE, "the mark never came");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[async_trait]
impl EventStore for FlakyStore {
    async fn accept_events(&self, events: &[NewEvent]) -> StoreResult<Vec<Accepted>> {
        self.batches.lock().expect("not poisoned").push(events.len());
        self.calls.fetch_add(1, Ordering::SeqCst);
        let _open = self.gate.lock().await;
        let refused = *self.refused.lock().expect("not poisoned");
        if events.iter().any(|event| Some(event.source.as_str()) == refused) {
            return Err(StoreError::Unavailable(Self::CAUSE.into()));
        }
        self.inner.accept_events(events).await
    }

    async fn import_events(&self, events: &[PastEvent]) -> StoreResult<u64> {
        self.inner.import_events(events).await
    }

    async fn take_over_events(&self, events: &[NewEvent]) -> StoreResult<u64> {
        self.inner.take_over_events(events).await
    }

    async fn known_events(&self, ids: &[EventId]) -> StoreResult<HashMap<EventId, KnownPast>> {
        self.inner.known_events(ids).await
    }

    async fn event(&self, id: EventId) -> StoreResult<Option<Event>> {
        self.inner.event(id).await
    }

    async fn listed_event(&self, id: EventId) -> StoreResult<Option<ListedEvent>> {
        self.inner.listed_event(id).await
    }

    async fn events(
        &self,
        filter: &EventFilter,
        order: EventOrder,
        page: PageRequest,
    ) -> StoreResult<Listed<ListedEvent>> {
        self.inner.events(filter, order, page).await
    }
}
