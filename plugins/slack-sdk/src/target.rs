//! Where a message goes.

use hookyard_plugin_sdk::template::Renderer;
use hookyard_plugin_sdk::{Failure, state};

use crate::api::Api;
use crate::config::Config;

/// Prefix of the state's keys that map a channel's name to its id.
const NAMES: &str = "channel/";

/// Longest name of a channel that is remembered, in bytes (Slack's own limit is 80 characters).
const MAX_NAME: usize = 240;

/// Where a message goes, as the operator or an action says it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A channel's id or `#name`.
    Channel(String),
    /// A member's id or e-mail.
    User(String),
}

/// Where it really goes.
pub(crate) struct Destination {
    /// What `chat.postMessage` takes.
    pub channel: String,
    /// The id, where it is known: methods other than `chat.postMessage` take no name.
    pub id: Option<String>,
}

impl Target {
    /// The one of the two that is set.
    pub(crate) fn of(channel: Option<String>, user: Option<String>) -> Result<Option<Self>, Failure> {
        match (channel, user) {
            (Some(channel), None) => Ok(Some(Self::Channel(channel))),
            (None, Some(user)) => Ok(Some(Self::User(user))),
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(Failure::reject(
                "`channel` and `user` are both set; leave one of them out",
            )),
        }
    }

    /// The configured one, its template rendered.
    pub(crate) fn configured(config: &Config, renderer: Option<&Renderer>) -> Result<Self, Failure> {
        let text_of = |key: &'static str, template: &Option<String>| -> Result<Option<String>, Failure> {
            let (Some(template), Some(renderer)) = (template, renderer) else {
                return Ok(template.clone());
            };
            let made = renderer.render_raw(key, template)?.trim().to_owned();
            if made.is_empty() {
                return Err(Failure::reject(format!(
                    "the template `{key}` made an empty text of this event, so there is nowhere to send to; give it \
                     a text for this case in plugins.toml"
                )));
            }
            Ok(Some(made))
        };
        let channel = text_of("channel", &config.channel)?;
        Self::of(channel, text_of("user", &config.user)?)?.ok_or_else(|| {
            Failure::reject(
                "nowhere to send to; set `channel` or `user` under this plugin's config in plugins.toml",
            )
        })
    }

    /// The channel or direct conversation. A person's e-mail becomes an id first.
    pub(crate) fn resolve(&self, api: &Api) -> Result<Destination, Failure> {
        let id = match self {
            Self::Channel(channel) if is_id(channel) => channel.clone(),
            Self::Channel(name) => {
                return Ok(Destination {
                    channel: name.clone(),
                    id: remembered(name)?,
                });
            }
            Self::User(email) if email.contains('@') => api.open_dm(&api.user_by_email(email)?)?,
            Self::User(id) => api.open_dm(id)?,
        };
        Ok(Destination {
            channel: id.clone(),
            id: Some(id),
        })
    }

    /// What happened, for people.
    pub(crate) fn told(&self, did: Did) -> String {
        match (self, did) {
            (Self::Channel(channel), Did::Posted) => format!("posted to {channel}"),
            (Self::Channel(channel), Did::Replied) => format!("replied in a thread of {channel}"),
            (Self::Channel(channel), Did::Updated) => format!("updated the message in {channel}"),
            (_, Did::Outdated) => "left as it is: a later event has updated the message already".to_owned(),
            (Self::Channel(channel), Did::Found) => {
                format!("an earlier attempt had posted it to {channel} already")
            }
            (Self::User(user), Did::Posted) => format!("sent a direct message to {user}"),
            (Self::User(user), Did::Replied) => format!("replied in a thread with {user}"),
            (Self::User(user), Did::Updated) => format!("updated the direct message to {user}"),
            (Self::User(user), Did::Found) => {
                format!("an earlier attempt had sent it to {user} already")
            }
        }
    }
}

/// What became of a message.
#[derive(Clone, Copy)]
pub(crate) enum Did {
    Posted,
    Replied,
    Updated,
    /// A later event had updated it before.
    Outdated,
    Found,
}

impl Destination {
    /// Keeps the id of a channel that is known by name.
    pub(crate) fn learn(&self, id: &str) -> Result<(), Failure> {
        if self.id.as_deref() != Some(id) && !is_id(&self.channel) && self.channel.len() <= MAX_NAME {
            state::set(&name_key(&self.channel), id.as_bytes())?;
        }
        Ok(())
    }
}

fn remembered(name: &str) -> Result<Option<String>, Failure> {
    if name.len() > MAX_NAME {
        return Ok(None);
    }
    let entry = state::get(&name_key(name))?;
    Ok(entry.and_then(|entry| String::from_utf8(entry.value).ok()))
}

fn name_key(name: &str) -> String {
    format!("{NAMES}{}", name.trim_start_matches('#'))
}

/// Whether a text is an id of Slack's and no name: names have no capitals.
fn is_id(channel: &str) -> bool {
    channel.len() >= 2
        && channel.starts_with(['C', 'D', 'G'])
        && channel
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}
