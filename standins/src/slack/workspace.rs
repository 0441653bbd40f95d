//! A workspace: people, channels, conversations, messages.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::outcome::Refusal;
use crate::wall;

/// Messages kept, the oldest forgotten first: enough for a load test.
const MESSAGES_MAX: usize = 10_000;

/// Slack lets about one message per second into a channel.
const CHANNEL_PACE: Duration = Duration::from_secs(1);

/// A member of the workspace.
#[derive(Clone, Debug, Serialize)]
pub struct User {
    /// `U…`
    pub id: String,
    /// The handle, taken from the e-mail address.
    pub name: String,
    /// The name shown.
    pub real_name: String,
    /// The e-mail address.
    pub email: String,
}

/// What sort of conversation a channel is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// Anybody may see it.
    Public,
    /// Only members know that it exists.
    Private,
    /// A direct message with these users.
    Direct(Vec<String>),
}

/// A conversation.
#[derive(Clone, Debug, Serialize)]
pub struct Channel {
    /// `C…` for channels, `D…` for a direct message, `G…` for one with several people.
    pub id: String,
    /// The name without `#`; for direct messages the names of the people.
    pub name: String,
    /// What sort it is.
    pub kind: ChannelKind,
    /// Whether the app is in it.
    pub joined: bool,
    /// Whether it is archived.
    pub archived: bool,
    /// When it was made, seconds since 1970.
    pub created: u64,
    #[serde(skip)]
    last_message: Option<Instant>,
}

impl Channel {
    /// Whether it is a direct message, with one person or several.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        matches!(self.kind, ChannelKind::Direct(_))
    }
}

/// A message that was accepted.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// The id of its conversation.
    pub channel: String,
    /// The name of its conversation.
    pub channel_name: String,
    /// Slack's stamp, unique in the workspace.
    pub ts: String,
    /// `chat.postMessage` or `webhook`.
    pub via: &'static str,
    /// Who is shown as the sender.
    pub username: String,
    /// The text; empty when only blocks came.
    pub text: String,
    /// The blocks, each with its id.
    pub blocks: Vec<Value>,
    /// The attachments.
    pub attachments: Vec<Value>,
    /// The message this one answers.
    pub thread_ts: Option<String>,
    /// A reply in a thread that is shown in its channel, too.
    pub broadcast: bool,
    /// The app's own data.
    pub metadata: Option<Value>,
    /// The stamp of the last change.
    pub edited_ts: Option<String>,
    /// When it was accepted, microseconds since 1970.
    pub at_micros: u64,
}

/// What a sender gives for a message.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// The text.
    pub text: String,
    /// The blocks, already checked.
    pub blocks: Vec<Value>,
    /// The attachments.
    pub attachments: Vec<Value>,
    /// The app's own data.
    pub metadata: Option<Value>,
    /// The message this one answers.
    pub thread_ts: Option<String>,
    /// A reply in a thread that is shown in its channel, too.
    pub broadcast: bool,
    /// A sender's name of its own.
    pub username: Option<String>,
}

/// The state behind the Web API and the webhooks.
#[derive(Debug)]
pub struct Workspace {
    /// `T…`
    pub team_id: String,
    /// The members.
    pub users: Vec<User>,
    /// The conversations, by id.
    pub channels: BTreeMap<String, Channel>,
    /// The messages, oldest first.
    pub messages: VecDeque<Message>,
    pace: bool,
    next_id: u64,
    last_micros: u64,
}

impl Workspace {
    /// An empty workspace; `pace` turns on the bound of one message per second and channel.
    pub fn new(pace: bool) -> Self {
        let mut workspace = Self {
            team_id: String::new(),
            users: Vec::new(),
            channels: BTreeMap::new(),
            messages: VecDeque::new(),
            pace,
            next_id: 0,
            last_micros: 0,
        };
        workspace.team_id = workspace.new_id('T');
        workspace
    }

    /// An id in Slack's form; the same at every start, so that what a test prints can be compared.
    pub fn new_id(&mut self, kind: char) -> String {
        self.next_id += 1;
        format!("{kind}0{:09}", self.next_id)
    }

    /// Adds a member and gives the id.
    pub fn add_user(&mut self, email: &str, real_name: &str) -> String {
        let id = self.new_id('U');
        let name = email.split('@').next().unwrap_or(email).to_owned();
        self.users.push(User {
            id: id.clone(),
            name,
            real_name: real_name.to_owned(),
            email: email.to_owned(),
        });
        id
    }

    /// Adds a conversation and gives the id.
    pub fn add_channel(&mut self, name: &str, kind: ChannelKind, joined: bool, archived: bool) -> String {
        let id = self.new_id(match &kind {
            ChannelKind::Direct(users) if users.len() == 1 => 'D',
            ChannelKind::Direct(_) => 'G',
            ChannelKind::Public | ChannelKind::Private => 'C',
        });
        let created = wall::now_micros() / 1_000_000;
        let channel = Channel {
            id: id.clone(),
            name: name.to_owned(),
            kind,
            joined,
            archived,
            created,
            last_message: None,
        };
        self.channels.insert(id.clone(), channel);
        id
    }

    /// A member by id.
    pub fn user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    /// The conversation with these members, made when missing, and whether it was there already.
    pub fn open_direct(&mut self, users: &[String]) -> (String, bool) {
        let mut wanted = users.to_vec();
        wanted.sort();
        let open = self
            .channels
            .values()
            .find(|c| matches!(&c.kind, ChannelKind::Direct(with) if *with == wanted));
        if let Some(channel) = open {
            return (channel.id.clone(), true);
        }
        let names: Vec<&str> = wanted
            .iter()
            .filter_map(|id| self.user(id))
            .map(|user| user.real_name.as_str())
            .collect();
        let name = names.join(", ");
        (
            self.add_channel(&name, ChannelKind::Direct(wanted), true, false),
            false,
        )
    }

    /// Finds where to post: a conversation's id, a channel's name, or a member, whose direct message is opened.
    pub fn destination(&mut self, channel: &str) -> Result<String, Refusal> {
        if self.user(channel).is_some() {
            return Ok(self.open_direct(&[channel.to_owned()]).0);
        }
        let name = channel.trim_start_matches('#');
        let found = self.channels.get(channel).or_else(|| {
            self.channels
                .values()
                .find(|candidate| !candidate.is_direct() && candidate.name == name)
        });
        match found {
            // Who is not in a private channel does not learn that it exists.
            Some(found) if found.joined || found.kind != ChannelKind::Private => Ok(found.id.clone()),
            _ => Err(Refusal::new("channel_not_found")),
        }
    }

    /// Refuses archived channels and messages that come too fast; call before [`Self::post`].
    pub fn admit(&mut self, channel: &str) -> Result<(), Refusal> {
        let pace = self.pace;
        let channel = self
            .channels
            .get_mut(channel)
            .ok_or_else(|| Refusal::new("channel_not_found"))?;
        if channel.archived {
            return Err(Refusal::new("is_archived"));
        }
        if pace
            && channel
                .last_message
                .is_some_and(|last| last.elapsed() < CHANNEL_PACE)
        {
            return Err(Refusal::rate_limited(CHANNEL_PACE.as_secs()));
        }
        channel.last_message = Some(Instant::now());
        Ok(())
    }

    /// Stores a message and gives it back with its stamp.
    pub fn post(&mut self, channel: &str, content: Content, via: &'static str, sender: &str) -> Message {
        let (ts, at_micros) = self.stamp();
        let message = Message {
            channel: channel.to_owned(),
            channel_name: self
                .channels
                .get(channel)
                .map(|c| c.name.clone())
                .unwrap_or_default(),
            ts,
            via,
            username: content.username.unwrap_or_else(|| sender.to_owned()),
            text: content.text,
            blocks: content.blocks,
            attachments: content.attachments,
            thread_ts: content.thread_ts,
            broadcast: content.broadcast,
            metadata: content.metadata,
            edited_ts: None,
            at_micros,
        };
        if self.messages.len() == MESSAGES_MAX {
            self.messages.pop_front();
        }
        self.messages.push_back(message.clone());
        message
    }

    /// A stamp in Slack's form, later than every one before it, and the same in microseconds.
    pub fn stamp(&mut self) -> (String, u64) {
        self.last_micros = wall::now_micros().max(self.last_micros + 1);
        let micros = self.last_micros;
        (
            format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000),
            micros,
        )
    }
}
