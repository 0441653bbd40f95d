//! Group commit: callers that wait for the same commit share it.
//!
//! One task takes whatever is waiting, up to a bound, does it in one go and answers each caller.
//! There is no timer: at concurrency one a call is a batch of its own, and under load the batch is
//! what gathered while the last one was committed.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// What a batcher does with a batch.
#[async_trait]
pub trait Work: Send + Sync + 'static {
    type Item: Send + 'static;
    type Answer: Send + 'static;

    /// How much of [`Bounds::weight`] an item takes, for items whose size matters.
    fn weight(&self, _item: &Self::Item) -> usize {
        0
    }

    /// Does the items; one answer each, in order.
    async fn run(&self, items: Vec<Self::Item>) -> Vec<Self::Answer>;
}

/// How much a batcher takes.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Callers that may wait; past it [`Batcher::try_call`] refuses.
    pub waiting: usize,
    /// Items in one batch.
    pub items: usize,
    /// Total weight of one batch (a single heavier item still goes, alone).
    pub weight: usize,
}

/// Why a call was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    #[error("too many calls are waiting")]
    Full,
    #[error("stopping")]
    Stopped,
}

/// The callers' end.
pub struct Batcher<W: Work> {
    sender: mpsc::Sender<Waiting<W>>,
}

impl<W: Work> Clone for Batcher<W> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
        }
    }
}

struct Waiting<W: Work> {
    item: W::Item,
    answer: oneshot::Sender<W::Answer>,
}

impl<W: Work> Batcher<W> {
    /// A batcher and the task that does its work. The task ends once `stop` is cancelled and what
    /// was waiting is done, or when every batcher is dropped.
    pub fn new(
        work: Arc<W>,
        bounds: Bounds,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(bounds.waiting);
        (Self { sender }, run(work, bounds, receiver, stop))
    }

    /// Waits for a place, then for the answer.
    pub async fn call(&self, item: W::Item) -> Result<W::Answer, BatchError> {
        let (answer, wait) = oneshot::channel();
        self.sender
            .send(Waiting { item, answer })
            .await
            .map_err(|_| BatchError::Stopped)?;
        wait.await.map_err(|_| BatchError::Stopped)
    }

    /// Refuses at once when no place is free; otherwise waits for the answer.
    pub async fn try_call(&self, item: W::Item) -> Result<W::Answer, BatchError> {
        let (answer, wait) = oneshot::channel();
        self.sender
            .try_send(Waiting { item, answer })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => BatchError::Full,
                mpsc::error::TrySendError::Closed(_) => BatchError::Stopped,
            })?;
        wait.await.map_err(|_| BatchError::Stopped)
    }
}

async fn run<W: Work>(
    work: Arc<W>,
    bounds: Bounds,
    mut receiver: mpsc::Receiver<Waiting<W>>,
    stop: CancellationToken,
) {
    let mut stopping = false;
    let mut held: Option<Waiting<W>> = None;
    loop {
        let first = if let Some(waiting) = held.take() {
            waiting
        } else {
            tokio::select! {
                biased;
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    receiver.close();
                    continue;
                }
                next = receiver.recv() => match next {
                    Some(waiting) => waiting,
                    None => return,
                },
            }
        };
        let mut weight = work.weight(&first.item);
        let (mut items, mut answers) = (vec![first.item], vec![first.answer]);
        while items.len() < bounds.items {
            let Ok(next) = receiver.try_recv() else { break };
            weight = weight.saturating_add(work.weight(&next.item));
            if weight > bounds.weight {
                held = Some(next);
                break;
            }
            items.push(next.item);
            answers.push(next.answer);
        }
        for (answer, value) in answers.into_iter().zip(work.run(items).await) {
            // The caller may have gone; what was committed stays committed.
            let _gone = answer.send(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::Notify;

    struct Sums {
        gate: Notify,
        batches: std::sync::Mutex<Vec<Vec<usize>>>,
    }

    #[async_trait]
    impl Work for Sums {
        type Item = usize;
        type Answer = usize;

        fn weight(&self, item: &usize) -> usize {
            *item
        }

        async fn run(&self, items: Vec<usize>) -> Vec<usize> {
            self.batches.lock().expect("no panic").push(items.clone());
            self.gate.notified().await;
            items.into_iter().map(|item| item * 2).collect()
        }
    }

    #[tokio::test]
    async fn what_waits_shares_a_batch_within_the_bounds() {
        let work = Arc::new(Sums {
            gate: Notify::new(),
            batches: std::sync::Mutex::default(),
        });
        let stop = CancellationToken::new();
        let bounds = Bounds {
            waiting: 10,
            items: 3,
            weight: 10,
        };
        let (batcher, task) = Batcher::new(work.clone(), bounds, stop.clone());
        let calls: Vec<_> = [1, 2, 3, 4, 9, 20]
            .map(|item| {
                let batcher = batcher.clone();
                async move { batcher.call(item).await }
            })
            .into_iter()
            .collect();
        let calls = tokio::spawn(futures_util::future::join_all(calls));
        // One turn of the scheduler puts all six calls into the queue, before the task runs.
        tokio::task::yield_now().await;
        let running = tokio::spawn(task);
        for _ in 0..4 {
            work.gate.notify_one();
            tokio::task::yield_now().await;
        }
        let opener = {
            let work = work.clone();
            tokio::spawn(async move {
                loop {
                    work.gate.notify_one();
                    tokio::task::yield_now().await;
                }
            })
        };
        let answers = calls.await.expect("calls");
        opener.abort();
        assert_eq!(answers, [1, 2, 3, 4, 9, 20].map(|item| Ok(item * 2)));
        assert_eq!(
            *work.batches.lock().expect("no panic"),
            [vec![1, 2, 3], vec![4], vec![9], vec![20]]
        );
        stop.cancel();
        running.await.expect("the task ends");
        assert_eq!(batcher.call(1).await, Err(BatchError::Stopped));
    }
}
