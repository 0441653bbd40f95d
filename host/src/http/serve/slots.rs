//! Places for connections, and who gives way when there are none left.
//!
//! A kept connection that asks for nothing, or that dawdles over the head of a request, must not keep others out:
//! an orchestrator that cannot reach `/healthz` takes the process for dead. So when every place is taken, the
//! connection that has done nothing for the longest time is closed (RFC 9112, section 9.3 lets either side do so at
//! any time), and answers ask their clients to connect anew, so that everybody who waits in the kernel's queue gets
//! a turn.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// How long a connection may do nothing before it has to give way: a client that was let in has this long for the
/// head of its request, whatever the crowd.
const MAY_DAWDLE: Duration = Duration::from_secs(1);

/// How often one is looked for that can give way.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Idle connections by when they became so; the number tells apart those of one moment.
type Idle = BTreeMap<(Instant, u64), CancellationToken>;

/// All places.
pub(super) struct Slots {
    free: Arc<Semaphore>,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    idle: Idle,
    next: u64,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Slots {
    /// So many places, all free.
    pub(super) fn new(places: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(places)),
            shared: Arc::default(),
        }
    }

    /// The next free place, made by closing an idle connection where there is none.
    pub(super) async fn take(&self) -> Slot {
        let permit = loop {
            if let Ok(permit) = self.free.clone().try_acquire_owned() {
                break permit;
            }
            self.close_one();
            let freed = self.free.clone().acquire_owned();
            if let Ok(Ok(permit)) = tokio::time::timeout(LOOK_AGAIN, freed).await {
                break permit;
            }
        };
        let place = Place {
            shared: self.shared.clone(),
            free: self.free.clone(),
            give_way: CancellationToken::new(),
            own: Arc::default(),
        };
        Slot {
            place,
            _permit: permit,
        }
    }

    fn close_one(&self) {
        let mut shared = lock(&self.shared);
        if let Some(longest) = shared.idle.first_entry()
            && longest.key().0.elapsed() >= MAY_DAWDLE
        {
            longest.remove().cancel();
        }
    }
}

/// A connection's place; dropping it frees the place.
pub(super) struct Slot {
    place: Place,
    _permit: OwnedSemaphorePermit,
}

impl Slot {
    /// A connection has come and may dawdle from now on.
    pub(super) fn occupied(self) -> Self {
        self.place.idle();
        self
    }

    /// Ends when the connection must give way.
    pub(super) async fn must_give_way(&self) {
        self.place.give_way.cancelled().await;
    }

    /// Whether others wait for a place, or soon will.
    pub(super) fn is_crowded(&self) -> bool {
        self.place.free.available_permits() == 0
    }

    /// The connection is at work until the answer is dropped.
    pub(super) fn busy(&self) -> Busy {
        self.place.busy()
    }

    /// What tells that the connection is at work, for requests that outlive a borrow of this.
    pub(super) fn places(&self) -> Place {
        self.place.clone()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.place.leave();
    }
}

/// A connection's place among the others.
#[derive(Clone)]
pub(super) struct Place {
    shared: Arc<Mutex<Shared>>,
    free: Arc<Semaphore>,
    give_way: CancellationToken,
    own: Arc<Mutex<Own>>,
}

/// What a connection does.
#[derive(Default)]
struct Own {
    /// Requests that are answered: over HTTP/2 there may be several.
    requests: usize,
    /// Its key among the idle ones.
    idle_at: Option<(Instant, u64)>,
    /// It has ended; a request of it may still be on its way out.
    gone: bool,
}

impl Place {
    /// A request begins.
    pub(super) fn busy(&self) -> Busy {
        let mut shared = lock(&self.shared);
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.requests += 1;
        if let Some(key) = own.idle_at.take() {
            shared.idle.remove(&key);
        }
        Busy(self.clone())
    }

    /// Nothing is asked of it from now on.
    fn idle(&self) {
        let mut shared = lock(&self.shared);
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if own.requests > 0 || own.gone || own.idle_at.is_some() {
            return;
        }
        let key = (Instant::now(), shared.next);
        shared.next += 1;
        shared.idle.insert(key, self.give_way.clone());
        own.idle_at = Some(key);
    }

    /// A request has ended.
    fn done(&self) {
        {
            let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
            own.requests = own.requests.saturating_sub(1);
        }
        self.idle();
    }

    fn leave(&self) {
        let mut shared = lock(&self.shared);
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.gone = true;
        if let Some(key) = own.idle_at.take() {
            shared.idle.remove(&key);
        }
    }
}

/// A request that is answered; the connection is idle again when the last of them is dropped.
pub(super) struct Busy(Place);

impl Busy {
    /// The body, with the connection at work until all of it is on its way.
    pub(super) fn until_sent(self, body: Body) -> Body {
        Body::new(Sending { body, _busy: self })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.done();
    }
}

/// A body that keeps its connection's place.
struct Sending {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn connected(slots: &Slots) -> Slot {
        slots.take().await.occupied()
    }

    /// Whether this connection has been told to give way.
    fn told(slot: &Slot) -> bool {
        slot.place.give_way.is_cancelled()
    }

    #[tokio::test]
    async fn the_longest_idle_connection_gives_way() {
        let slots = Slots::new(3);
        let (first, second) = (connected(&slots).await, connected(&slots).await);
        let third = connected(&slots).await;
        let _answering = first.busy();
        assert!(first.is_crowded());
        let waiting = async {
            second.must_give_way().await;
            drop(second);
        };
        let (_fourth, ()) = tokio::join!(slots.take(), waiting);
        assert!(!told(&first), "a connection that is answered stays");
        assert!(!told(&third), "one that became idle later stays");
    }

    #[tokio::test]
    async fn an_answered_connection_is_the_last_to_give_way() {
        let slots = Slots::new(2);
        let (first, second) = (connected(&slots).await, connected(&slots).await);
        drop(first.busy());
        tokio::time::sleep(MAY_DAWDLE).await;
        slots.close_one();
        assert!(told(&second) && !told(&first));
    }

    #[tokio::test]
    async fn a_connection_is_at_work_until_the_last_of_its_requests_ends() {
        let slots = Slots::new(1);
        let only = connected(&slots).await;
        let (one, other) = (only.busy(), only.busy());
        drop(one);
        assert!(lock(&slots.shared).idle.is_empty());
        drop(other);
        assert_eq!(lock(&slots.shared).idle.len(), 1);
        let late = only.busy();
        drop(only);
        drop(late);
        assert!(lock(&slots.shared).idle.is_empty());
    }

    #[tokio::test]
    async fn nobody_gives_way_at_once() {
        let slots = Slots::new(1);
        let only = connected(&slots).await;
        slots.close_one();
        assert!(!told(&only));
        drop(only);
        assert!(lock(&slots.shared).idle.is_empty());
    }
}
