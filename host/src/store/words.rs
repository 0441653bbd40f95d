//! Domain values as the words their columns hold.

use std::borrow::Cow;

use crate::domain::attempt::AttemptOutcome;
use crate::domain::delivery::DeliveryState;
use crate::domain::event::{EventKind, EventStatus};
use crate::domain::schedule::RunOutcome;

/// A value that is stored as one of a few words; the columns' CHECKs list the same.
pub trait Word: Sized {
    /// The word for this value.
    fn word(self) -> &'static str;
    /// The value of a word.
    fn from_word(word: &str) -> Option<Self>;
}

macro_rules! words {
    ($($name:ident { $($variant:ident = $word:literal),+ $(,)? })+) => {$(
        impl Word for $name {
            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    )+};
}

words! {
    EventKind { Webhook = "webhook", Schedule = "schedule", Action = "action" }
    EventStatus {
        Pending = "pending",
        Processing = "processing",
        Processed = "processed",
        Failed = "failed",
    }
    DeliveryState {
        Pending = "pending",
        Claimed = "claimed",
        Running = "running",
        Succeeded = "succeeded",
        Retrying = "retrying",
        Deferred = "deferred",
        Dead = "dead",
        Cancelled = "cancelled",
        Unknown = "unknown",
    }
    RunOutcome { Made = "made", Manual = "manual", Skipped = "skipped", Missed = "missed" }
    AttemptOutcome {
        Succeeded = "succeeded",
        Retry = "retry",
        Deferred = "deferred",
        Rejected = "rejected",
        Trapped = "trapped",
        Limit = "limit",
        Host = "host",
        Interrupted = "interrupted",
        Unknown = "unknown",
    }
}

/// Text that both databases can hold: PostgreSQL's has no U+0000, which becomes U+FFFD.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{FFFD}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// [`clean`] of a text that may be missing.
pub fn clean_opt(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.map(clean)
}

/// A count as the databases' signed integer, held at its end.
pub fn int(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
