//! Messages that later ones refer to by a key: the first of a thread, the one to be updated. They are kept in
//! the plugin's state, so every run and node knows them.

use std::time::{Duration, SystemTime};

use hookyard_plugin_sdk::{Delivery, Failure, clock, state};
use serde::{Deserialize, Serialize};

/// A message is forgotten after this time; the next with its key is posted anew.
const FORGET_AFTER: Duration = Duration::from_hours(30 * 24);

/// How long a delivery may be at posting the first message of a key before another takes over: longer than a run.
const POSTING: Duration = Duration::from_mins(2);

/// How long others wait for it.
const WAIT: Duration = Duration::from_secs(5);

/// Most keys kept; far below the 10,000 that the state has room for.
const MAX_KEYS: u32 = 1_000;

/// How many of the oldest go when there are more.
const CLEAR: usize = 100;

/// Bytes of a key's own words in the state's key; a hash of all of it comes behind.
const MAX_WORDS: usize = 120;

/// Prefix of the state's keys.
const PREFIX: &str = "message/";

/// What is written of a message.
#[derive(Debug, Deserialize, Serialize)]
struct Written {
    /// Seconds since 1970.
    at: u64,
    /// The message, once it is there.
    message: Option<Posted>,
    /// The delivery that posts or has posted it.
    delivery: String,
}

/// A message that Slack has.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Posted {
    pub channel: String,
    pub ts: String,
}

/// A key's place in the state.
pub(crate) struct Memory {
    key: String,
}

/// What is kept of a message that is there.
pub(crate) struct Kept {
    pub posted: Posted,
    /// The delivery that posted or last updated it.
    pub delivery: String,
    /// The version of the entry, for a change that must not undo another.
    pub version: u64,
}

/// What a key stands for.
pub(crate) enum Known {
    /// Nothing yet: this delivery is to post the first message. The version of its claim.
    First(u64),
    /// A message.
    Message(Kept),
}

impl Memory {
    /// The place of `key` among messages to this destination.
    pub(crate) fn of(destination: &str, key: &str) -> Self {
        let words: String = key
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .scan(0, |bytes, c| {
                *bytes += c.len_utf8();
                (*bytes <= MAX_WORDS).then_some(c)
            })
            .collect();
        let hash = state::hash(&format!("{destination}\0{key}"));
        Self {
            key: format!("{PREFIX}{words}/{hash:016x}"),
        }
    }

    /// The message of this key, or the errand of posting it. While another delivery posts it, the failure says
    /// to wait.
    pub(crate) fn claim(&self, delivery: &Delivery) -> Result<Known, Failure> {
        let entry = state::get(&self.key)?;
        let written = entry.as_ref().and_then(|entry| {
            Some((
                entry.version,
                serde_json::from_slice::<Written>(&entry.value).ok()?,
            ))
        });
        if let Some((version, written)) = written {
            let age = Duration::from_secs(seconds().saturating_sub(written.at));
            match written.message {
                Some(posted) if age < FORGET_AFTER => {
                    let delivery = written.delivery;
                    return Ok(Known::Message(Kept {
                        posted,
                        delivery,
                        version,
                    }));
                }
                None if age < POSTING && written.delivery != delivery.id => return Err(busy()),
                _ => {}
            }
        }
        if entry.is_none() {
            make_room()?;
        }
        self.claim_from(entry.map(|entry| entry.version), delivery)
            .map(Known::First)
    }

    /// Claims the posting of a first message in the place of the one that is gone.
    pub(crate) fn take_over(&self, version: u64, delivery: &Delivery) -> Result<u64, Failure> {
        self.claim_from(Some(version), delivery)
    }

    fn claim_from(&self, version: Option<u64>, delivery: &Delivery) -> Result<u64, Failure> {
        let ours = written(seconds(), None, delivery)?;
        state::compare_and_swap(&self.key, version, &ours)?.ok_or_else(busy)
    }

    /// Keeps the message that was posted.
    pub(crate) fn keep(&self, message: Posted, delivery: &Delivery) -> Result<(), Failure> {
        state::set(&self.key, &written(seconds(), Some(message), delivery)?)?;
        Ok(())
    }

    /// Lets the next delivery post it: this one cannot. Nothing when another has taken over meanwhile.
    pub(crate) fn give_up(&self, claim: u64, delivery: &Delivery) -> Result<(), Failure> {
        let long_ago = written(0, None, delivery)?;
        state::compare_and_swap(&self.key, Some(claim), &long_ago)?;
        Ok(())
    }
}

fn written(at: u64, message: Option<Posted>, delivery: &Delivery) -> Result<Vec<u8>, Failure> {
    let written = Written {
        at,
        message,
        delivery: delivery.id.clone(),
    };
    serde_json::to_vec(&written).map_err(|error| Failure::reject(format!("cannot keep the message: {error}")))
}

fn busy() -> Failure {
    Failure::defer("another delivery is posting the first message of this key", WAIT)
}

/// Drops the oldest keys when there are too many.
fn make_room() -> Result<(), Failure> {
    let keys = state::list_keys(PREFIX, None, MAX_KEYS)?;
    if keys.len() < MAX_KEYS as usize {
        return Ok(());
    }
    let mut ages = Vec::with_capacity(keys.len());
    for key in keys {
        let entry = state::get(&key)?;
        let written = entry.and_then(|entry| serde_json::from_slice::<Written>(&entry.value).ok());
        ages.push((written.map_or(0, |written| written.at), key));
    }
    ages.sort();
    for (_, key) in ages.into_iter().take(CLEAR) {
        state::delete(&key)?;
    }
    Ok(())
}

fn seconds() -> u64 {
    let since = clock::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
