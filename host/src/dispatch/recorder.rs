//! Commits started marks and results, many at a time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::Parts;
use crate::batch::{BatchError, Batcher, Bounds, Work};
use crate::domain::attempt::FinishedAttempt;
use crate::domain::delivery::{Finish, Leased};
use crate::domain::id::{DeliveryId, LeaseToken};
use crate::store::{SharedStore, StoreError};

/// Marks and results that may wait for a commit: more than all lanes can have under way.
const BOUNDS: Bounds = Bounds {
    waiting: 4096,
    waiting_weight: 64 << 20,
    items: 256,
    weight: 8 << 20,
};

/// How often a result is offered to a database that does not answer, and how long between: past
/// the lease it would be refused anyway.
const FINISH_TRIES: u32 = 20;
const FINISH_PAUSE: Duration = Duration::from_secs(1);

/// The lanes' way to the store.
#[derive(Clone)]
pub struct Recorder {
    started: Batcher<Started>,
    finished: Batcher<Finished>,
}

struct Started(SharedStore);
struct Finished(SharedStore);

#[async_trait]
impl Work for Started {
    type Item = (DeliveryId, LeaseToken);
    type Answer = Leased;
    type Error = StoreError;

    async fn run(&self, items: &[Self::Item]) -> Result<Vec<Leased>, StoreError> {
        self.0.mark_started(items).await
    }
}

#[async_trait]
impl Work for Finished {
    type Item = Finish;
    type Answer = Leased;
    type Error = StoreError;

    fn weight(&self, item: &Finish) -> usize {
        let FinishedAttempt {
            output, logs, calls, ..
        } = &item.attempt;
        let logs: usize = logs.iter().map(|line| line.message.len()).sum();
        let calls: usize = calls.iter().map(|call| call.url.len()).sum();
        output.as_ref().map_or(0, String::len) + logs + calls
    }

    async fn run(&self, items: &[Finish]) -> Result<Vec<Leased>, StoreError> {
        self.0.finish_deliveries(items).await
    }
}

impl Recorder {
    /// Starts the two committing tasks; they end when every recorder is dropped, so that results
    /// that come late in a stop are still written.
    #[must_use]
    pub fn start(parts: &Parts) -> Self {
        let never = CancellationToken::new();
        let (started, task) = Batcher::new(Arc::new(Started(parts.store.clone())), BOUNDS, never.clone());
        parts.lifecycle.spawn("started marks", task);
        let (finished, task) = Batcher::new(Arc::new(Finished(parts.store.clone())), BOUNDS, never);
        parts.lifecycle.spawn("results", task);
        Self { started, finished }
    }

    /// Commits the started mark; only after `Done` may the plugin run. `Lost` also when the
    /// database did not answer.
    pub async fn started(&self, delivery: DeliveryId, token: LeaseToken) -> Leased {
        match self.started.call((delivery, token)).await {
            Ok(leased) => leased,
            Err(BatchError::Failed { error, .. }) => {
                tracing::warn!(%delivery, %error, "cannot mark the delivery as started; it waits");
                Leased::Lost
            }
            Err(BatchError::Full | BatchError::Stopped) => Leased::Lost,
        }
    }

    /// Commits a result. One that the database does not take is offered again, a few times, without
    /// holding up the others; then its outcome will be unknown.
    pub async fn finished(&self, mut finish: Finish) -> Leased {
        let delivery = finish.delivery;
        for _ in 0..FINISH_TRIES {
            match self.finished.call(finish).await {
                Ok(leased) => return leased,
                Err(BatchError::Failed { error, item }) => {
                    tracing::warn!(%delivery, %error, "cannot record a result");
                    // What cannot be read does not mend itself.
                    if matches!(*error, StoreError::Corrupt { .. }) {
                        break;
                    }
                    finish = item;
                }
                Err(BatchError::Full | BatchError::Stopped) => break,
            }
            tokio::time::sleep(FINISH_PAUSE).await;
        }
        tracing::error!(%delivery, "the result could not be recorded; its outcome will be unknown");
        Leased::Lost
    }
}
