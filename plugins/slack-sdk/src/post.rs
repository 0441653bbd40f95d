//! Posting, replying and updating, each message once as far as Slack lets us.
//!
//! Slack knows no key that makes `chat.postMessage` idempotent. Each message carries its delivery's id in its
//! metadata; an attempt after the first looks for it in the conversation before it posts again.

use std::time::{Duration, SystemTime};

use hookyard_plugin_sdk::{Delivery, Failure, Outcome, clock, info, warn};
use serde_json::{Value, json};
use slack_message::{Message, turn};

use crate::api::{Api, Look, Span};
use crate::memory::{Kept, Known, Memory, Posted};
use crate::target::{Destination, Did, Target};

/// The event type in a message's metadata.
pub(crate) const METADATA: &str = "hookyard_delivery";

/// How far Slack's clock and ours may be apart.
const SKEW: Duration = Duration::from_mins(5);

/// How far a look goes back for a delivery whose id does not tell when it was made: the usual `max-age`.
const LOOK_BACK: Duration = Duration::from_hours(72);

/// When a delivery was made, since 1970: its id is a `UUIDv7`, which begins with the milliseconds (RFC 9562, 5.7).
fn made_at(delivery: &str) -> Option<Duration> {
    let digits: String = delivery.chars().filter(|c| *c != '-').collect();
    let is_v7 = digits.len() == 32 && digits.as_bytes()[12] == b'7';
    let millis = is_v7.then(|| u64::from_str_radix(&digits[..12], 16).ok())??;
    Some(Duration::from_millis(millis))
}

/// What later messages have to do with earlier ones.
#[derive(Debug, Default)]
pub(crate) enum Follow {
    /// Nothing.
    #[default]
    Nothing,
    /// They reply to the first with this key.
    Thread { key: String, broadcast: bool },
    /// They reply to this message of Slack's.
    ThreadOf { ts: String, broadcast: bool },
    /// They take the place of the first with this key.
    Update { key: String },
}

impl Follow {
    /// By a thread or an update, but not both. An empty key, which a template may make, is none.
    pub(crate) fn of(
        thread: Option<String>,
        broadcast: bool,
        update: Option<String>,
    ) -> Result<Self, Failure> {
        let given = |key: Option<String>| {
            let key = key?.trim().to_owned();
            (!key.is_empty()).then_some(key)
        };
        match (given(thread), given(update)) {
            (None, None) => Ok(Self::Nothing),
            (Some(ts), None) if is_stamp(&ts) => Ok(Self::ThreadOf { ts, broadcast }),
            (Some(key), None) => Ok(Self::Thread { key, broadcast }),
            (None, Some(key)) => Ok(Self::Update { key }),
            (Some(_), Some(_)) => Err(Failure::reject(
                "`thread` and `update` both have a key for this message; leave one of them out",
            )),
        }
    }
}

/// Whether a text is the stamp of a message of Slack's, such as `1712345678.123456`.
fn is_stamp(text: &str) -> bool {
    text.split_once('.').is_some_and(|(seconds, micros)| {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        seconds.len() >= 10 && digits(seconds) && micros.len() == 6 && digits(micros)
    })
}

/// A message on its way.
pub(crate) struct Post<'a> {
    pub api: &'a Api,
    pub target: &'a Target,
    pub message: &'a Message,
    pub delivery: &'a Delivery,
}

impl Post<'_> {
    /// Sends it.
    pub(crate) fn send(&self, follow: &Follow) -> Result<Outcome, Failure> {
        let to = self.target.resolve(self.api)?;
        match follow {
            Follow::Nothing => self.once(&to),
            Follow::ThreadOf { ts, broadcast } => self.reply_to(&to, ts, *broadcast),
            Follow::Thread { key, broadcast } => {
                let memory = Memory::of(&to.channel, key);
                match memory.claim(self.delivery)? {
                    Known::First(claim) => self.first(&to, &memory, claim),
                    Known::Message(parent) => self.reply(&to, &memory, &parent, *broadcast),
                }
            }
            Follow::Update { key } => {
                let memory = Memory::of(&to.channel, key);
                match memory.claim(self.delivery)? {
                    Known::First(claim) => self.first(&to, &memory, claim),
                    Known::Message(earlier) => self.update(&to, &memory, &earlier),
                }
            }
        }
    }

    /// The first message of a key, which is kept for those that follow.
    fn first(&self, to: &Destination, memory: &Memory, claim: u64) -> Result<Outcome, Failure> {
        match self.post_new(to) {
            Ok((did, posted)) => {
                self.keep(memory, &posted);
                self.outcome(did, &posted)
            }
            Err(failure) => {
                // Kept while it may still come to be; another delivery takes over when this one cannot.
                if !failure.is_retryable() {
                    memory.give_up(claim, self.delivery)?;
                }
                Err(failure)
            }
        }
    }

    /// Keeps a message that is posted. When that fails the message is there all the same, and must not come twice.
    fn keep(&self, memory: &Memory, posted: &Posted) {
        if let Err(failure) = memory.keep(posted.clone(), self.delivery) {
            warn!(
                "the message is posted and could not be remembered, so what follows begins anew: {}",
                failure.reason()
            );
        }
    }

    fn reply(
        &self,
        to: &Destination,
        memory: &Memory,
        known: &Kept,
        broadcast: bool,
    ) -> Result<Outcome, Failure> {
        let parent = &known.posted;
        // An earlier attempt may have posted the first message, and another delivery have taken over since.
        if self.delivery.attempt > 1
            && let Some(channel) = &to.id
            && let Some(ts) = self.find(channel, None)?
        {
            let channel = channel.clone();
            return self.outcome(Did::Found, &Posted { channel, ts });
        }
        let thread = Some((parent.ts.as_str(), broadcast));
        if let Some((did, posted)) = self.find_or_post(to, thread)? {
            return self.outcome(did, &posted);
        }
        info!("the thread's first message is gone; a new thread begins");
        let claim = memory.take_over(known.version, self.delivery)?;
        self.first(to, memory, claim)
    }

    fn update(&self, to: &Destination, memory: &Memory, known: &Kept) -> Result<Outcome, Failure> {
        let earlier = &known.posted;
        // The ids of deliveries are in the order of their making: this one was held up, and a later one was not.
        if known.delivery > self.delivery.id {
            return self.outcome(Did::Outdated, earlier);
        }
        turn(&to.channel)?;
        let mut body = self.body(&earlier.channel);
        body["ts"] = earlier.ts.clone().into();
        // Left out, the earlier message's blocks would stay: <https://docs.slack.dev/reference/methods/chat.update>.
        if body.get("blocks").is_none() {
            body["blocks"] = json!([]);
        }
        if self.api.update(&body)?.is_some() {
            self.keep(memory, earlier);
            return self.outcome(Did::Updated, earlier);
        }
        info!("the message to update is gone; a new one takes its place");
        let claim = memory.take_over(known.version, self.delivery)?;
        self.first(to, memory, claim)
    }

    fn reply_to(&self, to: &Destination, ts: &str, broadcast: bool) -> Result<Outcome, Failure> {
        let (did, posted) = self.find_or_post(to, Some((ts, broadcast)))?.ok_or_else(|| {
            Failure::reject(format!(
                "there is no message `{ts}` in {} to reply to; correct `thread` in plugins.toml",
                to.channel
            ))
        })?;
        self.outcome(did, &posted)
    }

    fn once(&self, to: &Destination) -> Result<Outcome, Failure> {
        let (did, posted) = self.post_new(to)?;
        self.outcome(did, &posted)
    }

    fn post_new(&self, to: &Destination) -> Result<(Did, Posted), Failure> {
        self.find_or_post(to, None)?.ok_or_else(|| {
            Failure::reject(
                "Slack says that a thread is gone, of a message that belongs to none; report this",
            )
        })
    }

    fn outcome(&self, did: Did, posted: &Posted) -> Result<Outcome, Failure> {
        Outcome::new(self.target.told(did)).with_output(&json!({"channel": posted.channel, "ts": posted.ts}))
    }

    /// Posts, unless an earlier attempt has. None when the thread is gone.
    fn find_or_post(
        &self,
        to: &Destination,
        thread: Option<(&str, bool)>,
    ) -> Result<Option<(Did, Posted)>, Failure> {
        if self.delivery.attempt > 1
            && let Some(channel) = &to.id
            && let Some(ts) = self.find(channel, thread.map(|(ts, _)| ts))?
        {
            let channel = channel.clone();
            return Ok(Some((Did::Found, Posted { channel, ts })));
        }
        turn(&to.channel)?;
        let mut body = self.body(&to.channel);
        if let Some((ts, broadcast)) = thread {
            body["thread_ts"] = ts.into();
            if broadcast {
                body["reply_broadcast"] = true.into();
            }
        }
        let Some(answer) = self.api.post(&body)? else {
            return Ok(None);
        };
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        let posted = Posted {
            channel: text("channel"),
            ts: text("ts"),
        };
        if let Err(failure) = to.learn(&posted.channel) {
            warn!("the channel's id could not be remembered: {}", failure.reason());
        }
        let did = if thread.is_some() {
            Did::Replied
        } else {
            Did::Posted
        };
        Ok(Some((did, posted)))
    }

    /// The message of this delivery in the conversation. Without the right to read it nobody can tell, and the
    /// message may come twice.
    fn find(&self, channel: &str, thread: Option<&str>) -> Result<Option<String>, Failure> {
        let ours = |message: &Value| {
            message["metadata"]["event_type"] == METADATA
                && message["metadata"]["event_payload"]["delivery"] == *self.delivery.id
        };
        match self.api.look(channel, thread, &self.span(), ours)? {
            Look::Found(ts) => return Ok(Some(ts)),
            Look::Missing => {}
            Look::Unreadable => warn!(
                "cannot look whether an earlier attempt has posted this: give the app a history scope \
                 (channels:history, groups:history, im:history) and the plugin the grants of its manifest"
            ),
            Look::TooMany => warn!(
                "cannot see whether an earlier attempt has posted this: too much was written since; it may be \
                 there twice"
            ),
        }
        Ok(None)
    }

    /// When an earlier attempt may have posted: from the delivery's making until now.
    fn span(&self) -> Span {
        let now = clock::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let made = made_at(&self.delivery.id).unwrap_or(now.saturating_sub(LOOK_BACK));
        Span {
            oldest: made.saturating_sub(SKEW).as_secs(),
            latest: now.saturating_add(SKEW).as_secs(),
        }
    }

    fn body(&self, channel: &str) -> Value {
        let mut body = self.message.fields();
        body["channel"] = channel.into();
        body["metadata"] = json!({
            "event_type": METADATA,
            "event_payload": {"delivery": self.delivery.id},
        });
        body
    }
}
