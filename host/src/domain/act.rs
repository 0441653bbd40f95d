//! What people do to deliveries after the plugins have had their turn: replay, discard, resolve.

use serde::Serialize;

use super::delivery::DeliveryState;
use super::id::{DeliveryId, EventId};
use super::order::OrderKey;
use super::plugin::PluginName;
use super::time::Timestamp;
use super::words::words;

/// Longest note or reason, in characters: a few sentences.
pub const MAX_NOTE_CHARS: usize = 1000;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActKind {
    /// It was made as a replay.
    Replayed,
    /// It was made for an event whose payload was edited.
    Edited,
    /// It was given up for good.
    Discarded,
    /// Its unknown outcome was said to be a success.
    Succeeded,
    /// Its unknown outcome was to be tried again.
    Retried,
    /// Its unknown outcome was said to be a failure.
    GivenUp,
}

words!(ActKind, "act on a delivery" {
    Replayed = "replayed",
    Edited = "edited",
    Discarded = "discarded",
    Succeeded = "succeeded",
    Retried = "retried",
    GivenUp = "given-up",
});

/// Who does something, when, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// A username, or `cli:` and the user of the machine.
    pub actor: String,
    pub at: Timestamp,
    pub note: Option<String>,
}

/// One thing that a person did to a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    pub kind: ActKind,
    pub by: By,
}

/// What a person says about a delivery whose outcome nobody knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It had its effect.
    Succeeded,
    /// It is to be tried again.
    Retry,
    /// It had none, and is not tried again.
    Dead,
}

words!(Resolution, "way to resolve a delivery" {
    Succeeded = "succeeded",
    Retry = "retry",
    Dead = "dead",
});

impl Resolution {
    /// What a delivery becomes that is resolved so.
    #[must_use]
    pub const fn state(self) -> DeliveryState {
        match self {
            Self::Succeeded => DeliveryState::Succeeded,
            Self::Retry => DeliveryState::Retrying,
            Self::Dead => DeliveryState::Dead,
        }
    }

    /// How it stands in the delivery's history.
    #[must_use]
    pub const fn act(self) -> ActKind {
        match self {
            Self::Succeeded => ActKind::Succeeded,
            Self::Retry => ActKind::Retried,
            Self::Dead => ActKind::GivenUp,
        }
    }
}

/// A replay that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayAsk {
    pub event: EventId,
    /// Where it goes.
    pub plugin: PluginName,
    /// What it repeats; `None`: the event's latest delivery to the plugin, if there is one.
    pub of: Option<DeliveryId>,
    /// What it shares with those of the plugin that run one at a time and in order; it comes after them.
    pub order_key: Option<OrderKey>,
}

/// A delivery that was made because a person asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MadeReplay {
    pub id: DeliveryId,
    pub event: EventId,
    pub plugin: PluginName,
    /// What it repeats; `None` when its plugin had not been given the event before.
    pub replay_of: Option<DeliveryId>,
}

/// What came of a [`ReplayAsk`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    Made(MadeReplay),
    /// Nothing was made: this delivery of the event is still on its way to the plugin, or is the one
    /// that was to be repeated and is not over.
    Open(DeliveryId),
    /// Nothing was made, since nothing is to be sent twice: by this delivery the plugin has had the event, or a person
    /// discarded it.
    Had(DeliveryId),
    /// The event or the delivery is not there.
    Missing,
}

/// What came of an act on a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acted {
    Done,
    /// It cannot be done in this state; nothing was changed.
    Wrong(DeliveryState),
    Missing,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::replay::{About, JobKind, JobState};

    /// The columns' CHECKs hold the same words.
    #[test]
    fn the_schemas_know_every_word() {
        for schema in [
            include_str!("../../../migrations/sqlite/0005_replay.sql"),
            include_str!("../../../migrations/postgres/0005_replay.sql"),
        ] {
            let dense: String = schema.split_whitespace().collect();
            for words in [ActKind::WORDS, JobKind::WORDS, JobState::WORDS, About::WORDS] {
                let check = format!("IN('{}')", words.join("','"));
                assert!(dense.contains(&check), "{check}");
            }
        }
    }
}
