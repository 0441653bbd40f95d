//! Looking into bodies: only so much of them at the same time. One instance serves all who look: routes as events come
//! in, `map` as they are delivered, replays, and whoever explains a route.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// KiB of bodies that are looked into at the same time. Parsed, a body may take a hundred times its size (`[0,0,0,…`), so
/// this bounds what senders can make the process hold; it is enough for four of the largest that are looked into.
const MAX_KIB: u32 = 4 << 10;

/// The room for bodies that are looked into. Those who find none wait in the order in which they came, so that a large body
/// is not passed by small ones for good.
#[derive(Clone)]
pub struct Looks(Arc<Semaphore>);

impl Default for Looks {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_KIB as usize)))
    }
}

impl Looks {
    /// Does this work over a body of so many bytes once there is room for it, on a thread that nobody else waits for.
    /// `None` when the runtime ends, or the work panicked.
    pub async fn look<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let room = Arc::clone(&self.0).acquire_many_owned(kib(bytes)).await.ok()?;
        // The room is the work's and not the request's: a sender that hangs up does not end it.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(room);
            done
        });
        done.await.ok()
    }
}

/// What a body takes of the room: all of it at most, so that the largest goes through alone.
fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1 << 10)).map_or(MAX_KIB, |kib| kib.min(MAX_KIB))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::mpsc;

    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_body_takes_its_size_and_never_more_than_there_is() {
        for (bytes, takes) in [
            (0, 0),
            (1, 1),
            (1 << 10, 1),
            ((32 << 10) + 1, 33),
            (1 << 20, 1 << 10),
            (4 << 20, MAX_KIB),
            (usize::MAX, MAX_KIB),
        ] {
            assert_eq!(kib(bytes), takes, "{bytes}");
        }
    }

    #[tokio::test]
    async fn what_finds_no_room_waits_until_the_work_before_it_is_done() {
        let looks = Looks::default();
        let (go_on, held) = mpsc::channel::<()>();
        let mut waits = pin!(looks.look(1 << 20, || 7));
        {
            let mut first = pin!(looks.look(usize::MAX, move || held.recv().is_err()));
            assert_eq!(first.as_mut().now_or_never(), None, "it runs");
            assert_eq!(waits.as_mut().now_or_never(), None, "there is no room");
        }
        // Whose sender has gone still runs.
        assert_eq!(waits.as_mut().now_or_never(), None);
        drop(go_on);
        assert_eq!(waits.await, Some(7));
    }

    #[tokio::test]
    async fn four_of_the_largest_are_looked_into_at_the_same_time() {
        let looks = Looks::default();
        let (go_on, held) = mpsc::channel::<()>();
        let mut held = Some(held);
        let mut runs: Vec<_> = (0..4)
            .map(|_| {
                let held = held.take();
                Box::pin(looks.look(1 << 20, move || held.is_some_and(|held| held.recv().is_err())))
            })
            .collect();
        let first = runs.swap_remove(0);
        let mut first = pin!(first);
        assert_eq!(first.as_mut().now_or_never(), None, "it runs");
        for other in runs {
            assert_eq!(other.await, Some(false), "beside it");
        }
        drop(go_on);
        assert_eq!(first.await, Some(true));
    }
}
