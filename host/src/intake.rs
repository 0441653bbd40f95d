//! Takes events in: cap, verify, parse, store, and only then answer.
//!
//! The HTTP handler caps the body and finds out who sent it; an [`Unverified`] request becomes
//! [`Verified`] by naming that sender, and only a verified one is parsed. Senders without a token go
//! through [`sources`]. [`Intake`] then makes it durable: requests that wait at the same time share one
//! commit. What it does not do: run plugins. The deliveries are stored with the event, and [`Wake`] tells
//! the dispatcher.

mod arrival;
pub mod body;
mod cloud_events;
pub mod commit;
mod facts;
pub mod headers;
mod late;
pub mod media;
pub mod names;
pub mod once;
mod pointer;
pub mod presented;
pub mod rehearse;
pub mod rejected;
pub mod request;
pub mod sources;
mod trial;
pub mod verify;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::batch::{BatchError, Batcher};
use crate::clock::SharedClock;
use crate::domain::event::{Acceptance, Accepted, EventKind, Header, NewEvent};
use crate::domain::expression::Depth;
use crate::domain::id::{EventId, UserId};
use crate::domain::redaction::{self, Redacted};
use crate::domain::retention::{Retention, SharedRetention};
use crate::domain::route::SharedRoutes;
use crate::domain::source::SharedSources;
use crate::looks::Looks;
use crate::metrics::Metrics;
use crate::store::{EventStore, StoreError};
use crate::wake::Wake;

pub use body::BadBody;
pub use late::{Foreseen, Late, LateError, Verdict};
pub use names::BadName;
pub use once::IdempotencyKey;
pub use request::{SourceQuery, Unverified, Verified};

use commit::{BOUNDS, Committer};
use once::InFlight;

/// Events that may wait for a commit: as many as the next one takes. With those of the commit under way they are fewer
/// than the connections that are open at the same time, so that a slow disk ends in refusals, and `/healthz` is still
/// answered.
pub const QUEUE_EVENTS: usize = commit::BATCH_EVENTS;

/// KiB of bodies that may wait for a commit.
pub const QUEUE_KIB: usize = 64 << 10;

/// Bytes of a body that is looked into where the request is served; a larger one would hold other
/// requests up for longer than a thread costs.
const LOOK_INSIDE_HERE: usize = 32 << 10;

/// The same where a route goes through its lists: 32 KiB may take as long then as a megabyte that is only parsed.
const GO_THROUGH_HERE: usize = 2 << 10;

/// Requests with several events that may be stored at a time: each has a commit of its own, and the
/// database writes one after the other.
pub const PARALLEL_BATCHES: usize = 4;

/// Why an event was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error(transparent)]
    Body(#[from] BadBody),
    #[error(transparent)]
    Name(#[from] BadName),
    /// The sender's API key does not cover this source.
    #[error("the API key may not send as the source `{0}`")]
    Source(String),
    /// [`QUEUE_EVENTS`] or [`QUEUE_KIB`] wait already.
    #[error("too many events wait to be stored: try again in a moment")]
    Full,
    #[error("the service is stopping: try again in a moment")]
    Stopping,
    /// The store could not make the event durable.
    #[error("the event could not be stored: {0}")]
    Store(Arc<StoreError>),
    /// The source proves itself in another way than by a token.
    #[error(
        "the source `{0}` has a verifier in plugins.toml: only /api/webhooks/receive/{0}/ takes its events"
    )]
    Protected(String),
    /// A request with the same `Idempotency-Key` is being dealt with.
    #[error("a request with this Idempotency-Key is being dealt with: ask again in a moment")]
    InProgress,
    /// The `Idempotency-Key` came before, with another body.
    #[error("this Idempotency-Key was used before for another source, type or body: use a new key")]
    KeyReused,
}

/// An event as somebody hands it in, its names not yet checked.
#[derive(Clone, Debug)]
pub struct Submission {
    pub kind: EventKind,
    pub source: String,
    pub event_type: String,
    pub headers: Vec<Header>,
    pub content_type: String,
    /// A JSON text.
    pub body: Bytes,
    /// Whose event it is.
    pub owner: Option<UserId>,
}

/// The way in for events.
#[derive(Clone)]
pub struct Intake {
    store: Arc<dyn EventStore>,
    clock: SharedClock,
    routes: SharedRoutes,
    retention: SharedRetention,
    sources: SharedSources,
    metrics: Arc<Metrics>,
    looks: Looks,
    wake: Arc<Wake>,
    in_flight: InFlight,
    batches: Arc<Semaphore>,
    commits: Batcher<Committer>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Intake {
    /// Starts the task that commits; it runs on the current runtime until [`Intake::close`].
    #[must_use]
    pub fn start(
        store: Arc<dyn EventStore>,
        clock: SharedClock,
        routes: SharedRoutes,
        wake: Arc<Wake>,
    ) -> Self {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let committer = Arc::new(Committer {
            store: store.clone(),
            wake: wake.clone(),
        });
        let (commits, committing) = Batcher::new(committer, BOUNDS, stop.clone());
        tasks.spawn(committing);
        tasks.close();
        Self {
            store,
            clock,
            routes,
            retention: SharedRetention::default(),
            sources: SharedSources::default(),
            metrics: Arc::default(),
            looks: Looks::default(),
            wake,
            in_flight: InFlight::default(),
            batches: Arc::new(Semaphore::new(PARALLEL_BATCHES)),
            commits,
            stop,
            tasks,
        }
    }

    /// Takes out of bodies what these rules say, before anything is stored.
    #[must_use]
    pub fn redacting(self, retention: SharedRetention) -> Self {
        Self { retention, ..self }
    }

    /// Leaves events of these sources to senders that prove themselves.
    #[must_use]
    pub fn guarding(self, sources: SharedSources) -> Self {
        Self { sources, ..self }
    }

    /// The same, counting in these metrics.
    #[must_use]
    pub fn counting(self, metrics: Arc<Metrics>) -> Self {
        Self { metrics, ..self }
    }

    /// The same, looking into bodies where others do too.
    #[must_use]
    pub fn looking(self, looks: Looks) -> Self {
        Self { looks, ..self }
    }

    /// Takes in a request whose sender is known; with a key, once. When this returns, the event is durable.
    pub async fn accept(
        &self,
        request: Verified,
        key: Option<&IdempotencyKey>,
    ) -> Result<Accepted, IntakeError> {
        let now = self.clock.now();
        let scope = format!("user:{}", request.sender());
        let mut event = request.into_event(now)?;
        if self.sources.load().is_protected(&event.source) {
            return Err(IntakeError::Protected(event.source));
        }
        redact(&mut event, &self.retention.load());
        event.once = key.map(|key| key.of(&scope, &event, now));
        self.take(event).await
    }

    /// Takes in an event from inside: the command line, or a person of the staff.
    pub async fn submit(&self, submission: Submission) -> Result<Accepted, IntakeError> {
        body::check(&submission.body)?;
        let mut event = NewEvent {
            id: EventId::generate(),
            kind: submission.kind,
            source: names::check("the source", &submission.source)?,
            event_type: names::check("the type", &submission.event_type)?,
            headers: submission.headers,
            content_type: submission.content_type,
            body: submission.body,
            payload: None,
            received_at: self.clock.now(),
            owner: submission.owner,
            redacted: Vec::new(),
            once: None,
            deliveries: Vec::new(),
        };
        redact(&mut event, &self.retention.load());
        self.take(event).await
    }

    /// How many events wait for a commit.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.commits.waiting()
    }

    /// Takes no more events, stores those that wait and returns when that is done.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }

    /// Gives the event a delivery per plugin that wants it.
    async fn routed(&self, event: NewEvent) -> Result<NewEvent, IntakeError> {
        let table = self.routes.load_full();
        let bytes = event.body.len();
        let depth = table.depth(&event.source, &event.event_type);
        let (mut event, routed) = if bytes > most_here(depth) {
            let routing = move || {
                let routed = table.route(&event);
                (event, routed)
            };
            let routed = self.looks.look(bytes, routing).await;
            routed.ok_or(IntakeError::Stopping)?
        } else {
            let routed = table.route(&event);
            (event, routed)
        };
        event.deliveries = routed.deliveries;
        for plugin in &routed.failed {
            self.metrics.route_failed(plugin);
            tracing::debug!(%plugin, event = %event.id, "a route's condition could not be worked out; it does not match");
        }
        Ok(event)
    }

    /// Gives each of several events its deliveries.
    async fn all_routed(&self, events: Vec<NewEvent>) -> Result<Vec<NewEvent>, IntakeError> {
        let mut routed = Vec::with_capacity(events.len());
        for event in events {
            routed.push(self.routed(event).await?);
        }
        Ok(routed)
    }

    /// Routes an event, which has been redacted, stores it unless its key says that it is here, and waits for the
    /// commit. Redacted first: what is not to be stored must not come back as a digest, be it of an order key or
    /// of an `Idempotency-Key`, and routes are explained by what is stored.
    async fn take(&self, event: NewEvent) -> Result<Accepted, IntakeError> {
        // Deliveries of a provider that come at once need no answer of their own: one of them is stored.
        let of_sender = event.once.as_ref().filter(|once| once.digest.is_some());
        let _held = match of_sender {
            Some(once) => Some(self.in_flight.hold(once).ok_or(IntakeError::InProgress)?),
            None => None,
        };
        let event = self.routed(event).await?;
        let stored = self.commits.try_call(event).await;
        let accepted = stored.map_err(|error| match error {
            BatchError::Full => IntakeError::Full,
            BatchError::Stopped => IntakeError::Stopping,
            BatchError::Failed { error, .. } => IntakeError::Store(error),
        })?;
        match accepted.kind {
            Acceptance::OtherBody => Err(IntakeError::KeyReused),
            Acceptance::New | Acceptance::Duplicate => Ok(accepted),
        }
    }

    /// Stores events that came together, all or none, in one commit of their own.
    async fn take_all(&self, events: Vec<NewEvent>) -> Result<Vec<Accepted>, IntakeError> {
        let _place = self.batches.try_acquire().map_err(|_| IntakeError::Full)?;
        let events = self.all_routed(events).await?;
        let accepted = self.store.accept_events(&events).await;
        let accepted = accepted.map_err(|error| IntakeError::Store(Arc::new(error)))?;
        self.ring(&events);
        Ok(accepted)
    }

    /// Tells who delivers these events.
    fn ring(&self, events: &[NewEvent]) {
        let deliveries = events.iter().flat_map(|event| &event.deliveries);
        self.wake.ring(deliveries.map(|delivery| &delivery.plugin));
    }
}

/// Bytes of a body that is looked into so far where the request is served.
const fn most_here(depth: Depth) -> usize {
    match depth {
        Depth::Outside => usize::MAX,
        Depth::Inside => LOOK_INSIDE_HERE,
        Depth::Through => GO_THROUGH_HERE,
    }
}

/// Takes out of a webhook what the rule of its source says. A plugin sees the body as it is stored.
pub(crate) fn redact(event: &mut NewEvent, rules: &Retention) {
    let rule = rules.of(&event.source);
    if rule.redact.is_empty() {
        return;
    }
    let redacted = redaction::redact(&event.body, event.payload.as_ref(), &rule.redact);
    if let Some(Redacted { body, payload, taken }) = redacted {
        event.body = body;
        event.payload = payload;
        event.redacted = taken;
    }
}
