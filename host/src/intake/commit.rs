//! Group commit: events that wait at the same time become durable together.
//!
//! There is no timer. While one commit runs, others come in and wait; when it is done, all that wait
//! go into the next. An idle service commits each event at once, a busy one many at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::IntakeError;
use crate::domain::event::{Accepted, NewEvent};
use crate::store::{EventStore, StoreError};
use crate::wake::Wake;

/// Most events of one commit: keeps its statements within the databases' limits on parameters.
pub const BATCH_EVENTS: usize = 256;

/// Most bytes of bodies of one commit (one larger event goes alone): about a tenth of a second of
/// writing to a slow disk.
pub const BATCH_BYTES: usize = 8 << 20;

/// How long the events of a failed commit are tried one by one, so that one bad event does not take
/// its neighbours with it. Longer would keep senders waiting while the database is down.
pub const RESCUE_TIME: Duration = Duration::from_secs(5);

type Answer = Result<Accepted, IntakeError>;

/// An event that waits for its commit.
pub(super) struct Waiting {
    pub event: NewEvent,
    pub answer: oneshot::Sender<Answer>,
    /// Its share of the queue's bytes, free once it is answered.
    pub room: OwnedSemaphorePermit,
}

/// The task that commits.
pub(super) struct Committer {
    store: Arc<dyn EventStore>,
    wake: Arc<Wake>,
}

/// Who waits for one event of a batch.
type Asker = (oneshot::Sender<Answer>, OwnedSemaphorePermit);

impl Committer {
    pub fn new(store: Arc<dyn EventStore>, wake: Arc<Wake>) -> Self {
        Self { store, wake }
    }

    /// Commits what comes until `stop`; then takes no more and commits what still waits.
    pub async fn run(self, mut queue: mpsc::Receiver<Waiting>, stop: CancellationToken) {
        let mut next = None;
        loop {
            if next.is_none() {
                next = first(&mut queue, &stop).await;
            }
            let Some(first) = next.take() else { return };
            let batch = take_batch(first, &mut queue, &mut next);
            self.commit(batch).await;
        }
    }

    async fn commit(&self, batch: Vec<Waiting>) {
        let (events, askers): (Vec<NewEvent>, Vec<Asker>) = batch
            .into_iter()
            .map(|waiting| (waiting.event, (waiting.answer, waiting.room)))
            .unzip();
        match self.accept(&events).await {
            Ok(accepted) => {
                self.ring(&events);
                for ((answer, _room), accepted) in askers.into_iter().zip(accepted) {
                    // A sender that has gone away still gets its event delivered.
                    let _ = answer.send(Ok(accepted));
                }
            }
            Err(error) if events.len() == 1 => fail(askers, &Arc::new(error)),
            Err(error) => self.rescue(&events, askers, error).await,
        }
    }

    /// Tries the events of a failed commit one by one, once.
    async fn rescue(&self, events: &[NewEvent], askers: Vec<Asker>, error: StoreError) {
        let began = Instant::now();
        let mut error = Arc::new(error);
        for (event, (answer, _room)) in std::iter::zip(events, askers) {
            if began.elapsed() > RESCUE_TIME {
                let _ = answer.send(Err(IntakeError::Store(Arc::clone(&error))));
                continue;
            }
            let alone = std::slice::from_ref(event);
            let outcome = self
                .accept(alone)
                .await
                .map(|accepted| accepted.into_iter().next());
            let _ = answer.send(match outcome {
                Ok(Some(accepted)) => {
                    self.ring(alone);
                    Ok(accepted)
                }
                Ok(None) => Err(IntakeError::Store(Arc::clone(&error))),
                Err(own) => {
                    error = Arc::new(own);
                    Err(IntakeError::Store(Arc::clone(&error)))
                }
            });
        }
    }

    async fn accept(&self, events: &[NewEvent]) -> Result<Vec<Accepted>, StoreError> {
        self.store.accept_events(events).await
    }

    fn ring(&self, events: &[NewEvent]) {
        let deliveries = events.iter().flat_map(|event| &event.deliveries);
        self.wake.ring(deliveries.map(|delivery| &delivery.plugin));
    }
}

/// The next event; once `stop` is given, those that wait already and then `None`.
async fn first(queue: &mut mpsc::Receiver<Waiting>, stop: &CancellationToken) -> Option<Waiting> {
    if !queue.is_closed() {
        tokio::select! {
            biased;
            () = stop.cancelled() => queue.close(),
            waiting = queue.recv() => return waiting,
        }
    }
    queue.recv().await
}

/// What waits, up to the limits of one commit; what would pass them is put into `next`.
fn take_batch(
    first: Waiting,
    queue: &mut mpsc::Receiver<Waiting>,
    next: &mut Option<Waiting>,
) -> Vec<Waiting> {
    let mut bytes = first.event.body.len();
    let mut batch = vec![first];
    while batch.len() < BATCH_EVENTS {
        let Ok(waiting) = queue.try_recv() else { break };
        bytes += waiting.event.body.len();
        if bytes > BATCH_BYTES {
            *next = Some(waiting);
            break;
        }
        batch.push(waiting);
    }
    batch
}

fn fail(askers: Vec<Asker>, error: &Arc<StoreError>) {
    for (answer, _room) in askers {
        let _ = answer.send(Err(IntakeError::Store(Arc::clone(error))));
    }
}
