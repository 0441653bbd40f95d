//! What a delivery waits for, told when somebody looks at it. Nothing of this is stored: it follows
//! from the delivery, the file and how the plugin's lane stands on this node.

use super::breaker::BreakerState;
use super::delivery::{Delivery, DeliveryState};
use super::plugin::PluginSpec;
use super::time::Timestamp;
use super::words::words;

/// Why a delivery does not run now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitReason {
    /// A person has to say what became of it.
    Decision,
    /// The file has no such plugin any more.
    Removed,
    Disabled,
    Paused,
    /// Nothing of the plugin can serve.
    Broken,
    /// An earlier delivery with the same order key.
    Turn,
    /// Its time to be tried again.
    Due,
    /// The plugin's breaker.
    Breaker,
    /// `limits.rate`.
    Rate,
    /// `limits.concurrency`.
    Concurrency,
}

words!(WaitReason, "reason to wait" {
    Decision = "decision",
    Removed = "removed",
    Disabled = "disabled",
    Paused = "paused",
    Broken = "broken",
    Turn = "turn",
    Due = "due",
    Breaker = "breaker",
    Rate = "rate",
    Concurrency = "concurrency",
});

/// What a delivery waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub reason: WaitReason,
    /// When that is over, where it is known.
    pub until: Option<Timestamp>,
}

impl Waiting {
    const fn of(reason: WaitReason) -> Self {
        Self { reason, until: None }
    }

    /// For people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self.reason {
            WaitReason::Decision => {
                "the outcome of its last attempt is unknown, and on-unknown = \"hold\" leaves it to a person"
            }
            WaitReason::Removed => {
                "plugins.toml has no such plugin any more; it goes out once there is one again"
            }
            WaitReason::Disabled => "the plugin is disabled; it goes out once it is enabled again",
            WaitReason::Paused => "the plugin is paused",
            WaitReason::Broken => "no build of the plugin can serve; `hookyard plugins list` says why",
            WaitReason::Turn => {
                "an earlier delivery with the same order key is not finished (retry.order-by)"
            }
            WaitReason::Due => "its next attempt is due later",
            WaitReason::Breaker => {
                "the plugin's breaker is open: calls have failed, or the vendor asked to wait"
            }
            WaitReason::Rate => "the plugin's rate is used up (limits.rate)",
            WaitReason::Concurrency => {
                "as many runs as the plugin may have are under way (limits.concurrency)"
            }
        }
    }
}

/// How a plugin's lane stands on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneState {
    pub breaker: BreakerState,
    /// Until when the breaker is open.
    pub breaker_until: Option<Timestamp>,
    /// The rate is used up until then.
    pub rate_until: Option<Timestamp>,
    /// Every slot is taken.
    pub full: bool,
}

/// How a delivery's plugin stands.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Its section, when the file has one.
    pub spec: Option<&'a PluginSpec>,
    /// Whether a build serves.
    pub serves: bool,
    /// `None` where this node has no lane for it.
    pub lane: Option<LaneState>,
    pub now: Timestamp,
}

/// What a delivery waits for; `None` when nothing holds it: it is running, finished, or about to be taken.
#[must_use]
pub fn waiting(delivery: &Delivery, plugin: Standing<'_>) -> Option<Waiting> {
    match delivery.state {
        DeliveryState::Pending | DeliveryState::Retrying | DeliveryState::Deferred => {}
        DeliveryState::Unknown => return Some(Waiting::of(WaitReason::Decision)),
        DeliveryState::Claimed
        | DeliveryState::Running
        | DeliveryState::Succeeded
        | DeliveryState::Dead
        | DeliveryState::Cancelled => return None,
    }
    let Some(spec) = plugin.spec else {
        return Some(Waiting::of(WaitReason::Removed));
    };
    let held = [
        (!spec.enabled, WaitReason::Disabled),
        (spec.paused, WaitReason::Paused),
        (!plugin.serves, WaitReason::Broken),
        (delivery.waits_turn, WaitReason::Turn),
    ];
    if let Some((_, reason)) = held.into_iter().find(|(holds, _)| *holds) {
        return Some(Waiting::of(reason));
    }
    if delivery.due_at > plugin.now {
        let until = Some(delivery.due_at);
        let reason = WaitReason::Due;
        return Some(Waiting { reason, until });
    }
    lane_wait(plugin.lane?, plugin.now)
}

fn lane_wait(lane: LaneState, now: Timestamp) -> Option<Waiting> {
    if lane.breaker != BreakerState::Closed {
        let until = lane.breaker_until.filter(|until| *until > now);
        let reason = WaitReason::Breaker;
        return Some(Waiting { reason, until });
    }
    if let Some(until) = lane.rate_until.filter(|until| *until > now) {
        let reason = WaitReason::Rate;
        return Some(Waiting {
            reason,
            until: Some(until),
        });
    }
    lane.full.then_some(Waiting::of(WaitReason::Concurrency))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::domain::id::{DeliveryId, EventId};

    const NOW: Timestamp = Timestamp::from_millis(1_750_000_000_000);
    const OPEN: LaneState = LaneState {
        breaker: BreakerState::Closed,
        breaker_until: None,
        rate_until: None,
        full: false,
    };

    fn delivery(state: DeliveryState) -> Delivery {
        Delivery {
            id: DeliveryId::generate(),
            event: EventId::generate(),
            plugin: "p".parse().expect("a name"),
            replay_of: None,
            state,
            attempts: 0,
            due_at: NOW,
            created_at: NOW,
            finished_at: None,
            last_error: None,
            waits_turn: false,
        }
    }

    fn spec() -> PluginSpec {
        PluginSpec::named("p".parse().expect("a name"), PathBuf::from("p.wasm"))
    }

    fn reason(
        delivery: &Delivery,
        spec: Option<&PluginSpec>,
        serves: bool,
        lane: LaneState,
    ) -> Option<WaitReason> {
        let plugin = Standing {
            spec,
            serves,
            lane: Some(lane),
            now: NOW,
        };
        waiting(delivery, plugin).map(|waiting| waiting.reason)
    }

    #[test]
    fn what_weighs_most_is_told() {
        let (mut spec, mut one, mut lane) = (spec(), delivery(DeliveryState::Pending), OPEN);
        assert_eq!(reason(&one, Some(&spec), true, lane), None);
        lane.full = true;
        assert_eq!(
            reason(&one, Some(&spec), true, lane),
            Some(WaitReason::Concurrency)
        );
        lane.rate_until = Some(NOW.plus(Duration::from_secs(1)));
        assert_eq!(reason(&one, Some(&spec), true, lane), Some(WaitReason::Rate));
        lane.breaker = BreakerState::HalfOpen;
        assert_eq!(reason(&one, Some(&spec), true, lane), Some(WaitReason::Breaker));
        one.due_at = NOW.plus(Duration::from_secs(1));
        assert_eq!(reason(&one, Some(&spec), true, lane), Some(WaitReason::Due));
        one.waits_turn = true;
        assert_eq!(reason(&one, Some(&spec), true, lane), Some(WaitReason::Turn));
        assert_eq!(reason(&one, Some(&spec), false, lane), Some(WaitReason::Broken));
        spec.paused = true;
        assert_eq!(reason(&one, Some(&spec), false, lane), Some(WaitReason::Paused));
        spec.enabled = false;
        assert_eq!(reason(&one, Some(&spec), false, lane), Some(WaitReason::Disabled));
        assert_eq!(reason(&one, None, false, lane), Some(WaitReason::Removed));
    }

    #[test]
    fn only_what_is_open_waits() {
        let spec = spec();
        for word in DeliveryState::WORDS {
            let state: DeliveryState = word.parse().expect("its own word");
            let told = reason(&delivery(state), Some(&spec), false, OPEN);
            let wanted = match state {
                DeliveryState::Pending | DeliveryState::Retrying | DeliveryState::Deferred => {
                    Some(WaitReason::Broken)
                }
                DeliveryState::Unknown => Some(WaitReason::Decision),
                _ => None,
            };
            assert_eq!(told, wanted, "{word}");
        }
    }
}
