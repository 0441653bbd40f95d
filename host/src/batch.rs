//! Group commit: callers that wait for the same commit share it.
//!
//! One task takes whatever is waiting, up to a bound, does it in one go and answers each caller.
//! There is no timer: at concurrency one a call is a batch of its own, and under load the batch is
//! what gathered while the last one was committed. When a batch fails as a whole, its items are
//! tried one by one, so that a bad one takes no other with it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// How long the items of a failed batch are tried one by one. Longer would keep callers waiting
/// while the database is down.
pub const RESCUE_TIME: Duration = Duration::from_secs(5);

/// The unit in which the weight of what waits is counted, in bytes.
const ROOM_UNIT: usize = 1024;

/// What a batcher does with a batch.
#[async_trait]
pub trait Work: Send + Sync + 'static {
    type Item: Send + Sync + 'static;
    type Answer: Send + 'static;
    type Error: fmt::Debug + Send + Sync + 'static;

    /// How many bytes an item counts for in [`Bounds`], for items whose size matters.
    fn weight(&self, _item: &Self::Item) -> usize {
        0
    }

    /// Does the items, all or none; one answer each, in order.
    async fn run(&self, items: &[Self::Item]) -> Result<Vec<Self::Answer>, Self::Error>;
}

/// How much a batcher takes.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Callers that may wait; past it [`Batcher::try_call`] refuses.
    pub waiting: usize,
    /// Bytes that may wait, in steps of 1 KiB with one at least for each item (a single heavier item
    /// still waits, alone); past it [`Batcher::try_call`] refuses.
    pub waiting_weight: usize,
    /// Items in one batch.
    pub items: usize,
    /// Bytes of one batch (a single heavier item still goes, alone).
    pub weight: usize,
}

/// Why a call was not done.
#[derive(Debug, thiserror::Error)]
pub enum BatchError<W: Work> {
    #[error("too many calls are waiting")]
    Full,
    #[error("stopping")]
    Stopped,
    /// It failed, for itself or with the last batch it was in. The item comes back.
    #[error("{error:?}")]
    Failed { error: Arc<W::Error>, item: W::Item },
}

/// The callers' end.
pub struct Batcher<W: Work> {
    work: Arc<W>,
    sender: mpsc::Sender<Waiting<W>>,
    room: Arc<Semaphore>,
    room_units: usize,
}

impl<W: Work> Clone for Batcher<W> {
    fn clone(&self) -> Self {
        Self {
            work: self.work.clone(),
            sender: self.sender.clone(),
            room: self.room.clone(),
            room_units: self.room_units,
        }
    }
}

struct Waiting<W: Work> {
    item: W::Item,
    asker: Asker<W>,
}

/// Who waits for one item.
struct Asker<W: Work> {
    answer: oneshot::Sender<Result<W::Answer, BatchError<W>>>,
    /// The item's share of the bytes that may wait, free once it is answered.
    _room: OwnedSemaphorePermit,
}

impl<W: Work> Asker<W> {
    /// The caller may have gone; what was committed stays committed.
    fn answer(self, outcome: Result<W::Answer, BatchError<W>>) {
        let _gone = self.answer.send(outcome);
    }
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
        let room_units = (bounds.waiting_weight / ROOM_UNIT).clamp(1, Semaphore::MAX_PERMITS);
        let batcher = Self {
            work: work.clone(),
            sender,
            room: Arc::new(Semaphore::new(room_units)),
            room_units,
        };
        let queue = Queue {
            work,
            bounds,
            receiver,
            stop,
            next: None,
        };
        (batcher, queue.run())
    }

    /// Waits for a place, then for the answer.
    ///
    /// # Errors
    /// [`BatchError::Stopped`] and [`BatchError::Failed`].
    pub async fn call(&self, item: W::Item) -> Result<W::Answer, BatchError<W>> {
        let room = self.room.clone().acquire_many_owned(self.units(&item)).await;
        let (waiting, answered) = waiting(item, room.map_err(|_| BatchError::Stopped)?);
        self.sender.send(waiting).await.map_err(|_| BatchError::Stopped)?;
        answered.await.map_err(|_| BatchError::Stopped)?
    }

    /// Refuses at once when no place is free; otherwise waits for the answer.
    ///
    /// # Errors
    /// Any [`BatchError`].
    pub async fn try_call(&self, item: W::Item) -> Result<W::Answer, BatchError<W>> {
        let room = self.room.clone().try_acquire_many_owned(self.units(&item));
        let (waiting, answered) = waiting(item, room.map_err(|_| BatchError::Full)?);
        self.sender.try_send(waiting).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => BatchError::Full,
            mpsc::error::TrySendError::Closed(_) => BatchError::Stopped,
        })?;
        answered.await.map_err(|_| BatchError::Stopped)?
    }

    /// How many calls wait for their batch.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.sender.max_capacity() - self.sender.capacity()
    }

    fn units(&self, item: &W::Item) -> u32 {
        let units = self.work.weight(item).div_ceil(ROOM_UNIT);
        u32::try_from(units.clamp(1, self.room_units)).unwrap_or(u32::MAX)
    }
}

type Answered<W> = oneshot::Receiver<Result<<W as Work>::Answer, BatchError<W>>>;

fn waiting<W: Work>(item: W::Item, room: OwnedSemaphorePermit) -> (Waiting<W>, Answered<W>) {
    let (answer, answered) = oneshot::channel();
    let asker = Asker { answer, _room: room };
    (Waiting { item, asker }, answered)
}

/// The working end.
struct Queue<W: Work> {
    work: Arc<W>,
    bounds: Bounds,
    receiver: mpsc::Receiver<Waiting<W>>,
    stop: CancellationToken,
    /// What would have made the last batch too heavy.
    next: Option<Waiting<W>>,
}

impl<W: Work> Queue<W> {
    async fn run(mut self) {
        while let Some(first) = self.first().await {
            let (items, askers) = self.batch(first);
            match self.work.run(&items).await {
                Ok(answers) => {
                    for (asker, answer) in askers.into_iter().zip(answers) {
                        asker.answer(Ok(answer));
                    }
                }
                Err(error) => self.rescue(items, askers, error).await,
            }
        }
    }

    /// The next item; once `stop` is given, those that wait already and then `None`.
    async fn first(&mut self) -> Option<Waiting<W>> {
        if self.next.is_some() {
            return self.next.take();
        }
        if !self.receiver.is_closed() {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => self.receiver.close(),
                waiting = self.receiver.recv() => return waiting,
            }
        }
        self.receiver.recv().await
    }

    /// What waits, up to the bounds of one batch.
    fn batch(&mut self, first: Waiting<W>) -> (Vec<W::Item>, Vec<Asker<W>>) {
        let mut weight = self.work.weight(&first.item);
        let (mut items, mut askers) = (vec![first.item], vec![first.asker]);
        while items.len() < self.bounds.items {
            let Ok(waiting) = self.receiver.try_recv() else {
                break;
            };
            weight = weight.saturating_add(self.work.weight(&waiting.item));
            if weight > self.bounds.weight {
                self.next = Some(waiting);
                break;
            }
            items.push(waiting.item);
            askers.push(waiting.asker);
        }
        (items, askers)
    }

    /// Tries the items of a failed batch one by one, once, for as long as [`RESCUE_TIME`].
    async fn rescue(&self, items: Vec<W::Item>, askers: Vec<Asker<W>>, error: W::Error) {
        let began = Instant::now();
        let alone = items.len() == 1;
        let mut error = Arc::new(error);
        for (item, asker) in items.into_iter().zip(askers) {
            if !alone && began.elapsed() < RESCUE_TIME {
                match self.work.run(std::slice::from_ref(&item)).await {
                    Ok(answers) => {
                        let answer = answers.into_iter().next().ok_or(BatchError::Stopped);
                        asker.answer(answer);
                        continue;
                    }
                    Err(own) => error = Arc::new(own),
                }
            }
            let error = error.clone();
            asker.answer(Err(BatchError::Failed { error, item }));
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

    impl Sums {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                gate: Notify::new(),
                batches: std::sync::Mutex::default(),
            })
        }

        fn batches(&self) -> Vec<Vec<usize>> {
            self.batches.lock().expect("no panic").clone()
        }

        /// Lets every batch through from now on.
        fn open(self: &Arc<Self>) -> tokio::task::JoinHandle<()> {
            let work = self.clone();
            tokio::spawn(async move {
                loop {
                    work.gate.notify_one();
                    tokio::task::yield_now().await;
                }
            })
        }
    }

    /// The item that fails whatever batch it is in.
    const BAD: usize = 7;

    #[async_trait]
    impl Work for Sums {
        type Item = usize;
        type Answer = usize;
        type Error = &'static str;

        fn weight(&self, item: &usize) -> usize {
            *item
        }

        async fn run(&self, items: &[usize]) -> Result<Vec<usize>, &'static str> {
            self.batches.lock().expect("no panic").push(items.to_vec());
            self.gate.notified().await;
            if items.contains(&BAD) {
                return Err("bad");
            }
            Ok(items.iter().map(|item| item * 2).collect())
        }
    }

    const BOUNDS: Bounds = Bounds {
        waiting: 10,
        waiting_weight: 10 << 10,
        items: 3,
        weight: 10,
    };

    /// Puts these calls into the queue of a batcher whose task does not run yet.
    async fn queued(
        batcher: &Batcher<Sums>,
        items: &[usize],
    ) -> tokio::task::JoinHandle<Vec<Result<usize, BatchError<Sums>>>> {
        let calls: Vec<_> = items
            .iter()
            .map(|item| {
                let (batcher, item) = (batcher.clone(), *item);
                async move { batcher.call(item).await }
            })
            .collect();
        let wanted = batcher.waiting() + items.len();
        let calls = tokio::spawn(futures_util::future::join_all(calls));
        while batcher.waiting() < wanted {
            tokio::task::yield_now().await;
        }
        calls
    }

    #[tokio::test]
    async fn what_waits_shares_a_batch_within_the_bounds() {
        let (work, stop) = (Sums::new(), CancellationToken::new());
        let (batcher, task) = Batcher::new(work.clone(), BOUNDS, stop.clone());
        let items = [1, 2, 3, 4, 9, 20];
        let calls = queued(&batcher, &items).await;
        let running = tokio::spawn(task);
        let opener = work.open();
        let answers: Vec<_> = calls.await.expect("calls").into_iter().map(Result::ok).collect();
        opener.abort();
        assert_eq!(answers, items.map(|item| Some(item * 2)));
        assert_eq!(work.batches(), [vec![1, 2, 3], vec![4], vec![9], vec![20]]);
        stop.cancel();
        running.await.expect("the task ends");
        assert!(matches!(batcher.call(1).await, Err(BatchError::Stopped)));
    }

    #[tokio::test]
    async fn a_bad_item_takes_no_other_with_it() {
        let (work, stop) = (Sums::new(), CancellationToken::new());
        let (batcher, task) = Batcher::new(work.clone(), BOUNDS, stop.clone());
        let calls = queued(&batcher, &[1, BAD, 2]).await;
        tokio::spawn(task);
        let opener = work.open();
        let answers = calls.await.expect("calls");
        assert!(matches!(
            &answers[..],
            [Ok(2), Err(BatchError::Failed { error, item: BAD }), Ok(4)] if **error == "bad"
        ));
        assert_eq!(work.batches(), [vec![1, BAD, 2], vec![1], vec![BAD], vec![2]]);
        // Alone from the start it is tried once.
        assert!(matches!(
            batcher.call(BAD).await,
            Err(BatchError::Failed { item: BAD, .. })
        ));
        assert_eq!(work.batches().len(), 5);
        opener.abort();
    }

    #[tokio::test]
    async fn a_full_queue_refuses_by_number_and_by_weight() {
        let light = Bounds { waiting: 2, ..BOUNDS };
        let (batcher, _task) = Batcher::new(Sums::new(), light, CancellationToken::new());
        let _two = queued(&batcher, &[1, 1]).await;
        assert!(matches!(batcher.try_call(1).await, Err(BatchError::Full)));

        let (batcher, _task) = Batcher::new(Sums::new(), BOUNDS, CancellationToken::new());
        let _heavy = queued(&batcher, &[9 << 10]).await;
        assert!(matches!(batcher.try_call(1025).await, Err(BatchError::Full)));
        let _rest = queued(&batcher, &[1 << 10]).await;
        assert!(matches!(batcher.try_call(0).await, Err(BatchError::Full)));
    }
}
