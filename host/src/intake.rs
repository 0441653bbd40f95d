//! Takes events in: cap, verify, parse, store, and only then answer.
//!
//! The HTTP handler caps the body and finds out who sent it; an [`Unverified`] request becomes
//! [`Verified`] by naming that sender, and only a verified one is parsed. [`Intake`] then makes it
//! durable: requests that wait at the same time share one commit. What it does not do: run plugins.
//! The deliveries are stored with the event, and [`Wake`] tells the dispatcher.

pub mod body;
pub mod commit;
pub mod headers;
pub mod names;
pub mod request;

use std::sync::Arc;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::batch::{BatchError, Batcher};
use crate::clock::SharedClock;
use crate::domain::event::{Accepted, EventKind, Header, NewEvent};
use crate::domain::id::{EventId, UserId};
use crate::domain::redaction::{self, Redacted};
use crate::domain::retention::{Retention, SharedRetention};
use crate::domain::route::SharedRoutes;
use crate::metrics::Metrics;
use crate::store::{EventStore, StoreError};
use crate::wake::Wake;

pub use body::BadBody;
pub use names::BadName;
pub use request::{SourceQuery, Unverified, Verified};

use commit::{BOUNDS, Committer};

/// Events that may wait for a commit: as many as the next one takes. With those of the commit under way they are fewer
/// than the connections that are open at the same time, so that a slow disk ends in refusals, and `/healthz` is still
/// answered.
pub const QUEUE_EVENTS: usize = commit::BATCH_EVENTS;

/// KiB of bodies that may wait for a commit.
pub const QUEUE_KIB: usize = 64 << 10;

/// Bytes of a body that is looked into where the request is served; a larger one would hold other
/// requests up for longer than a thread costs.
const LOOK_INSIDE_HERE: usize = 32 << 10;

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
    clock: SharedClock,
    routes: SharedRoutes,
    retention: SharedRetention,
    metrics: Arc<Metrics>,
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
        let committer = Arc::new(Committer { store, wake });
        let (commits, committing) = Batcher::new(committer, BOUNDS, stop.clone());
        tasks.spawn(committing);
        tasks.close();
        Self {
            clock,
            routes,
            retention: SharedRetention::default(),
            metrics: Arc::default(),
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

    /// The same, counting in these metrics.
    #[must_use]
    pub fn counting(self, metrics: Arc<Metrics>) -> Self {
        Self { metrics, ..self }
    }

    /// Takes in a request whose sender is known. When this returns, the event is durable.
    pub async fn accept(&self, request: Verified) -> Result<Accepted, IntakeError> {
        let event = request.into_event(self.clock.now())?;
        self.store(event).await
    }

    /// Takes in an event from inside: the command line, or a person of the staff.
    pub async fn submit(&self, submission: Submission) -> Result<Accepted, IntakeError> {
        body::check(&submission.body)?;
        let event = NewEvent {
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
            deliveries: Vec::new(),
        };
        self.store(event).await
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
        let looks_inside = table.looks_inside(&event.source, &event.event_type);
        let (mut event, routed) = if looks_inside && event.body.len() > LOOK_INSIDE_HERE {
            let routing = move || {
                let routed = table.route(&event);
                (event, routed)
            };
            let routed = tokio::task::spawn_blocking(routing).await;
            routed.map_err(|_the_runtime_ends| IntakeError::Stopping)?
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

    /// Redacts the event, routes it and waits for the commit. In this order: what is not to be stored must not
    /// come back as an order key's digest, and routes are explained by what is stored.
    async fn store(&self, mut event: NewEvent) -> Result<Accepted, IntakeError> {
        redact(&mut event, &self.retention.load());
        let event = self.routed(event).await?;
        self.commits.try_call(event).await.map_err(|error| match error {
            BatchError::Full => IntakeError::Full,
            BatchError::Stopped => IntakeError::Stopping,
            BatchError::Failed { error, .. } => IntakeError::Store(error),
        })
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
