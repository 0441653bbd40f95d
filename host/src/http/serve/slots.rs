//! Places for connections, and who gives way when there are none left.
//!
//! A kept connection that asks for nothing, or that dawdles over the head of a request, must not keep others out:
//! an orchestrator that cannot reach `/healthz` takes the process for dead. So when every place is taken, the
//! connection that has done nothing for the longest time is closed (RFC 9112, section 9.3 lets either side do so at
//! any time), and answers ask their clients to connect anew, so that everybody who waits in the kernel's queue gets
//! a turn. A request that came before the connection was closed is answered.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// How long a connection may do nothing before it has to give way: a client that was let in has this long for the
/// head of its request, whatever the crowd.
const MAY_DAWDLE: Duration = Duration::from_secs(1);

/// How often one is looked for that can give way.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Idle connections by when they became so; the number tells apart those of one moment.
type Idle = BTreeMap<(Instant, u64), Arc<Notice>>;

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
            notice: Arc::default(),
            idle_at: Arc::default(),
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
            longest.remove().give();
        }
    }
}

/// What a connection is told by those who wait for its place.
#[derive(Default)]
struct Notice {
    /// To go; taken back by a request that came first. Written under the lock of [`Shared`].
    told: AtomicBool,
    /// It was told to go once, so it goes after its next answer.
    leaving: AtomicBool,
    news: Notify,
}

impl Notice {
    fn give(&self) {
        self.told.store(true, Ordering::Release);
        self.leaving.store(true, Ordering::Release);
        self.news.notify_one();
    }

    fn is_given(&self) -> bool {
        self.told.load(Ordering::Acquire)
    }

    fn take_back(&self) {
        self.told.store(false, Ordering::Release);
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

    /// Ends when the connection must give way. Whoever polls this polls the connection first: a request that has
    /// come takes the notice back.
    pub(super) async fn must_give_way(&self) {
        while !self.place.notice.is_given() {
            self.place.notice.news.notified().await;
        }
    }

    /// Whether an answer should ask its client to connect anew: others wait for a place, or soon will.
    pub(super) fn should_close(&self) -> bool {
        self.place.free.available_permits() == 0 || self.place.notice.leaving.load(Ordering::Acquire)
    }

    /// The connection is at work until the answer is dropped.
    pub(super) fn busy(&self) -> Busy {
        self.place.work();
        Busy(self.place.clone())
    }

    /// To be told of what is written to the connection.
    pub(super) fn progress(&self) -> Progress {
        Progress(self.place.clone())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.place.work();
    }
}

#[derive(Clone)]
struct Place {
    shared: Arc<Mutex<Shared>>,
    free: Arc<Semaphore>,
    notice: Arc<Notice>,
    /// Its key among the idle ones; none while it is at work. Locked after [`Shared`].
    idle_at: Arc<Mutex<Option<(Instant, u64)>>>,
}

impl Place {
    fn idle_at(&self) -> MutexGuard<'_, Option<(Instant, u64)>> {
        self.idle_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) {
        self.become_idle(&mut lock(&self.shared));
    }

    fn work(&self) {
        self.leave_idle(&mut lock(&self.shared));
    }

    /// It did something, and is idle from now on.
    fn stir(&self) {
        let mut shared = lock(&self.shared);
        if self.leave_idle(&mut shared) {
            self.become_idle(&mut shared);
        }
    }

    fn become_idle(&self, shared: &mut Shared) {
        let key = (Instant::now(), shared.next);
        shared.next += 1;
        shared.idle.insert(key, self.notice.clone());
        *self.idle_at() = Some(key);
    }

    /// Whether it was idle.
    fn leave_idle(&self, shared: &mut Shared) -> bool {
        self.notice.take_back();
        let key = self.idle_at().take();
        if let Some(key) = key {
            shared.idle.remove(&key);
        }
        key.is_some()
    }
}

/// Told of each successful write. An answer's last bytes leave after its body is dropped, for a slow reader long after,
/// and a connection that brings them out is not one that does nothing.
pub(super) struct Progress(Place);

impl Progress {
    pub(super) fn written(&self) {
        self.0.stir();
    }
}

/// A request that is answered; the connection is idle again when this is dropped.
pub(super) struct Busy(Place);

impl Busy {
    /// The body, with the connection at work until all of it is on its way.
    pub(super) fn until_sent(self, body: Body) -> Body {
        Body::new(Sending { body, _busy: self })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.idle();
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
    use super::super::linger::LingeringStream;
    use super::*;

    async fn connected(slots: &Slots) -> Slot {
        slots.take().await.occupied()
    }

    /// Whether this connection has been told to give way.
    fn told(slot: &Slot) -> bool {
        slot.place.notice.is_given()
    }

    #[tokio::test]
    async fn the_longest_idle_connection_gives_way() {
        let slots = Slots::new(3);
        let (first, second, third) = (
            connected(&slots).await,
            connected(&slots).await,
            connected(&slots).await,
        );
        let _answering = first.busy();
        assert!(first.should_close());
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

    /// Whether this connection would be closed now.
    async fn goes(slot: &Slot) -> bool {
        tokio::select! {
            biased;
            () = slot.must_give_way() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn a_request_that_came_in_time_is_answered_before_its_connection_goes() {
        let slots = Slots::new(2);
        let only = connected(&slots).await;
        assert!(!only.should_close(), "there is another place");
        tokio::time::sleep(MAY_DAWDLE).await;
        slots.close_one();
        assert!(goes(&only).await);
        // What its task does when it reads a request in the same poll.
        let answering = only.busy();
        assert!(!goes(&only).await, "it is answering");
        assert!(
            only.should_close(),
            "but goes afterwards, though there is another place"
        );
        drop(answering);
        slots.close_one();
        assert!(!goes(&only).await, "its answer is on its way");
        tokio::time::sleep(MAY_DAWDLE).await;
        slots.close_one();
        assert!(goes(&only).await);
    }

    #[tokio::test]
    async fn a_connection_that_brings_out_its_answer_is_not_idle() {
        use tokio::io::AsyncWriteExt;

        let slots = Slots::new(1);
        let only = connected(&slots).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let client = tokio::net::TcpStream::connect(listener.local_addr().expect("an address"));
        let (client, accepted) = tokio::join!(client, listener.accept());
        let _client = client.expect("a connection");
        let mut stream = LingeringStream::new(accepted.expect("a connection").0, only.progress());

        tokio::time::sleep(MAY_DAWDLE).await;
        stream.write_all(b"the rest").await.expect("written");
        slots.close_one();
        assert!(!told(&only), "it has just written");
        tokio::time::sleep(MAY_DAWDLE).await;
        slots.close_one();
        assert!(told(&only));
        let busy = only.busy();
        stream.write_all(b"an answer").await.expect("written");
        assert!(
            lock(&slots.shared).idle.is_empty(),
            "a write makes nobody idle who is at work"
        );
        drop(busy);
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
