//! Deliveries: one per event and plugin whose route matches.

use std::time::Duration;

use super::attempt::{Attempt, FinishedAttempt};
use super::event::Event;
use super::id::{DeliveryId, EventId, LeaseToken};
use super::order::OrderKey;
use super::plugin::PluginName;
use super::time::Timestamp;
use super::words::words;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// Waiting for its first attempt.
    Pending,
    /// A node holds it under a lease and has not started it.
    Claimed,
    /// The started mark is committed; the plugin may be making requests.
    Running,
    Succeeded,
    /// An attempt failed; another is due.
    Retrying,
    /// Told to wait by a limit; costs no attempt.
    Deferred,
    /// Given up: a dead letter.
    Dead,
    Cancelled,
    /// It was running when its lease ended, so nobody knows, and `on-unknown = "hold"`.
    Unknown,
}

words!(DeliveryState, "state of a delivery" {
    Pending = "pending",
    Claimed = "claimed",
    Running = "running",
    Succeeded = "succeeded",
    Retrying = "retrying",
    Deferred = "deferred",
    Dead = "dead",
    Cancelled = "cancelled",
    Unknown = "unknown",
});

impl DeliveryState {
    /// Whether something is still to come of it: by itself, or by a person who resolves it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Succeeded | Self::Dead | Self::Cancelled)
    }
}

/// A delivery about to be stored with its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    pub id: DeliveryId,
    pub plugin: PluginName,
    /// What it shares with those of the plugin that run one at a time and in order; `None`: no order.
    pub order_key: Option<OrderKey>,
}

/// A stored delivery.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub id: DeliveryId,
    pub event: EventId,
    pub plugin: PluginName,
    /// The delivery that this one repeats because a person asked for it; `None` for those made
    /// with their event.
    pub replay_of: Option<DeliveryId>,
    pub state: DeliveryState,
    /// Attempts that counted (deferrals do not).
    pub attempts: u32,
    /// When it may be claimed next; meaningful while it waits.
    pub due_at: Timestamp,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// The last failure, for people.
    pub last_error: Option<String>,
    /// An earlier one with its order key is not finished.
    pub waits_turn: bool,
}

/// A delivery with its attempts, oldest first.
#[derive(Clone, Debug)]
pub struct DeliveryHistory {
    pub delivery: Delivery,
    pub attempts: Vec<Attempt>,
}

/// How many deliveries a claim takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Take {
    pub most: u32,
    /// How many of them may be later tries although first tries wait. The others may be first tries although later
    /// tries wait; what one kind does not need goes to the other.
    pub again: u32,
}

/// One slot in so many goes to a later try although first tries wait: retries do not starve new events, since these
/// have three quarters, nor the other way round.
pub const AGAIN_IN: u32 = 4;

impl Take {
    /// So many, shared as `turn` says: the number of slots given before, so that a plugin with one slot shares it
    /// over time.
    #[must_use]
    pub const fn shared(most: u32, turn: u32) -> Self {
        let turn = turn % AGAIN_IN;
        Self {
            most,
            again: (turn + most) / AGAIN_IN,
        }
    }
}

/// A delivery this node may run, with what it needs to run it.
#[derive(Clone, Debug)]
pub struct Claim {
    pub delivery: DeliveryId,
    pub plugin: PluginName,
    /// Attempts already made; the one about to run has number `attempts + 1`.
    pub attempts: u32,
    pub token: LeaseToken,
    /// When the delivery was made, for the retry policy's maximum age.
    pub created_at: Timestamp,
    /// Whether it must not share a call with others: a batch it was in failed as a whole.
    pub alone: bool,
    pub event: Event,
}

impl Claim {
    /// What proves that this node holds it.
    #[must_use]
    pub const fn lease(&self) -> (DeliveryId, LeaseToken) {
        (self.delivery, self.token)
    }
}

/// What becomes of a delivery after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Succeeded,
    /// Again after `delay_ms`, counted by the database's clock.
    Retry {
        delay_ms: u64,
    },
    /// Again after `delay_ms`; the attempt does not count.
    Defer {
        delay_ms: u64,
    },
    /// Again at once, from now on in calls of its own: a call that it shared failed as a whole, which
    /// says nothing about any one delivery. The attempt counts, since it may have had an effect, but
    /// is never the last.
    Alone,
    /// A dead letter.
    Dead,
}

/// The end of one attempt, to be recorded under the lease of its claim.
#[derive(Clone, Debug)]
pub struct Finish {
    pub delivery: DeliveryId,
    pub token: LeaseToken,
    pub verdict: Verdict,
    pub attempt: FinishedAttempt,
}

/// Whether a write under a lease took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leased {
    Done,
    /// The lease had passed to somebody else (or had ended); nothing was written.
    Lost,
}

/// What to do with a delivery whose outcome nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnknown {
    #[default]
    Retry,
    Hold,
}

words!(OnUnknown, "policy for unknown outcomes" {
    Retry = "retry",
    Hold = "hold",
});

/// How old a delivery is and which attempt has just ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// 1 for the first.
    pub attempt: u32,
    pub age: Duration,
}

/// What becomes of a delivery whose outcome nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownVerdict {
    /// Again after `delay_ms`, counted by the database's clock.
    Retry { delay_ms: u64 },
    /// Kept as it is until a person decides.
    Hold,
    /// A dead letter: attempts or age are used up.
    Dead,
}

/// What a sweep of ended leases found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Claimed but never started: waiting again.
    pub returned: u64,
    /// Started, outcome unknown: recorded as such, and retried, held or given up.
    pub unknown: u64,
    /// Those of `unknown` that were given up.
    pub dead: u64,
}
