//! Named points on the way of an event, at which `cargo xtask faults` lets the process die.
//!
//! Only builds with the feature `fault-points` have them. There `HOOKYARD_FAULT=POINT:N` aborts the process, as a crash
//! would, when the point is passed for the Nth time. What is shipped has neither the points nor the variable
//! (`tests/it/points.rs`).

/// Where the process may be made to die, in the order in which an event comes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A request has arrived whole; nothing is stored.
    AfterReceive,
    /// Events and deliveries are written, and not committed.
    BeforeCommit,
    /// Committed; nobody knows yet.
    AfterCommit,
    /// The sender's answer is ready, and not sent.
    BeforeAnswer,
    /// Deliveries are claimed; none has its started mark.
    AfterClaim,
    /// The started mark is committed; the plugin has not begun.
    AfterMark,
    /// The plugin runs and is about to make a request.
    MidRun,
    /// The far side has answered.
    AfterEffect,
    /// The plugin has ended; its result is not recorded.
    BeforeRecord,
    /// The result is committed.
    AfterRecord,
}

/// Passes a point.
#[cfg(not(feature = "fault-points"))]
#[inline]
pub const fn pass(_: Point) {}

#[cfg(feature = "fault-points")]
pub use armed::pass;

#[cfg(feature = "fault-points")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::Point;
    use crate::domain::words::words;

    words!(Point, "point" {
        AfterReceive = "after-receive",
        BeforeCommit = "before-commit",
        AfterCommit = "after-commit",
        BeforeAnswer = "before-answer",
        AfterClaim = "after-claim",
        AfterMark = "after-mark",
        MidRun = "mid-run",
        AfterEffect = "after-effect",
        BeforeRecord = "before-record",
        AfterRecord = "after-record",
    });

    /// The point that is armed, and how often it is passed before the end.
    static ARMED: OnceLock<Option<(Point, AtomicU32)>> = OnceLock::new();

    /// Passes a point; does not return from the one that is armed.
    pub fn pass(point: Point) {
        if let Some((armed, left)) = ARMED.get_or_init(read)
            && *armed == point
            && left.fetch_sub(1, Ordering::SeqCst) == 1
        {
            eprintln!("HOOKYARD_FAULT: ending at {}", point.as_str());
            std::process::abort();
        }
    }

    /// A malformed variable ends the process too: a scenario that arms nothing would prove nothing.
    fn read() -> Option<(Point, AtomicU32)> {
        let text = std::env::var_os("HOOKYARD_FAULT")?;
        let text = text.to_string_lossy();
        let (point, passage) = text.split_once(':').expect("HOOKYARD_FAULT=POINT:N");
        let passage: u32 = passage.parse().expect("HOOKYARD_FAULT=POINT:N, N being a number");
        let point = point.parse().expect("a point that HOOKYARD_FAULT may name");
        Some((point, AtomicU32::new(passage)))
    }
}
