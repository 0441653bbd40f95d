//! Commits started marks and results, many at a time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Parts;
use crate::batch::{Batcher, Bounds, Work};
use crate::domain::delivery::{Finish, Leased};
use crate::domain::id::{DeliveryId, LeaseToken};
use crate::store::SharedStore;

/// Marks and results that may wait for a commit: more than all lanes can have under way.
const BOUNDS: Bounds = Bounds {
    waiting: 4096,
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
    /// `Lost` also when the database did not answer: without the mark it must not run.
    type Answer = Leased;

    async fn run(&self, items: Vec<Self::Item>) -> Vec<Leased> {
        match self.0.mark_started(&items).await {
            Ok(answers) => answers,
            Err(error) => {
                tracing::warn!(%error, deliveries = items.len(), "cannot mark deliveries as started; they wait");
                vec![Leased::Lost; items.len()]
            }
        }
    }
}

#[async_trait]
impl Work for Finished {
    type Item = Finish;
    type Answer = Leased;

    fn weight(&self, item: &Finish) -> usize {
        item.attempt.output.as_ref().map_or(0, String::len)
            + item
                .attempt
                .logs
                .iter()
                .map(|line| line.message.len())
                .sum::<usize>()
    }

    async fn run(&self, items: Vec<Finish>) -> Vec<Leased> {
        for pause in (0..FINISH_TRIES).map(|_| FINISH_PAUSE) {
            match self.0.finish_deliveries(&items).await {
                Ok(answers) => return answers,
                Err(error) => {
                    tracing::warn!(%error, deliveries = items.len(), "cannot record results; trying again");
                }
            }
            tokio::time::sleep(pause).await;
        }
        tracing::error!(
            deliveries = items.len(),
            "results could not be recorded; their outcome will be unknown"
        );
        vec![Leased::Lost; items.len()]
    }
}

impl Recorder {
    /// Starts the two committing tasks; they end when every recorder is dropped, so that results
    /// that come late in a stop are still written.
    #[must_use]
    pub fn start(parts: &Parts) -> Self {
        let never = tokio_util::sync::CancellationToken::new();
        let (started, task) = Batcher::new(Arc::new(Started(parts.store.clone())), BOUNDS, never.clone());
        parts.lifecycle.spawn("started marks", task);
        let (finished, task) = Batcher::new(Arc::new(Finished(parts.store.clone())), BOUNDS, never);
        parts.lifecycle.spawn("results", task);
        Self { started, finished }
    }

    /// Commits the started mark; only after `Done` may the plugin run.
    pub async fn started(&self, delivery: DeliveryId, token: LeaseToken) -> Leased {
        self.started.call((delivery, token)).await.unwrap_or(Leased::Lost)
    }

    /// Commits a result.
    pub async fn finished(&self, finish: Finish) -> Leased {
        self.finished.call(finish).await.unwrap_or(Leased::Lost)
    }
}
