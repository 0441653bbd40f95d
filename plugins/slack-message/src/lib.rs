//! A Slack message from templates: text and blocks, escaped and cut to Slack's limits. What the
//! plugins `slack-sdk` and `slack-webhook` share.

use hookyard_plugin_sdk::template::Renderer;
use hookyard_plugin_sdk::{Delivery, Failure, Trigger, http::Response};
use serde_json::{Value, json};

mod blocks;
mod escape;
mod limits;
mod pace;

pub use escape::escape;
pub use limits::{MAX_TEXT, cut};
pub use pace::turn;

/// The message of a plugin whose configuration has none: who did what, and for a push to GitHub
/// who pushed what where.
pub const DEFAULT_MESSAGE: &str = include_str!("default.jinja");

/// A message ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Slack's mrkdwn. With blocks it is what a notification shows.
    pub text: String,
    /// The rendered blocks, an array.
    pub blocks: Option<Value>,
}

impl Message {
    /// Renders the templates of the configuration over what set the plugin running. An empty text
    /// is a rejection: Slack would refuse it with `no_text`.
    pub fn render(
        message: Option<&str>,
        blocks: Option<&Value>,
        trigger: &Trigger,
        delivery: &Delivery,
    ) -> Result<Self, Failure> {
        let renderer = Renderer::new(trigger, delivery, escape);
        let text = renderer.render("message", message.unwrap_or(DEFAULT_MESSAGE))?;
        let blocks = blocks
            .map(|blocks| blocks::render(&renderer, blocks))
            .transpose()?;
        let message = Self {
            text: cut(text.trim(), MAX_TEXT),
            blocks,
        };
        if message.text.is_empty() && message.blocks.is_none() {
            return Err(Failure::reject(
                "the template `message` made an empty text of this event; give it a text for this case in \
                 plugins.toml",
            ));
        }
        Ok(message)
    }

    /// A text by a person, taken as it is.
    #[must_use]
    pub fn plain(text: &str) -> Self {
        Self {
            text: cut(text, MAX_TEXT),
            blocks: None,
        }
    }

    /// The fields of Slack's request that carry the message.
    #[must_use]
    pub fn fields(&self) -> Value {
        let mut fields = json!({"text": self.text});
        if let Some(blocks) = &self.blocks {
            fields["blocks"] = blocks.clone();
        }
        fields
    }
}

/// The failure for an answer by whose status alone Slack (or something on the way) says that it is
/// not the moment: 408, 429 and 5xx. None for any other.
#[must_use]
pub fn busy(response: &Response) -> Option<Failure> {
    let reason = match response.status {
        429 => "Slack's rate limit is reached (HTTP 429)".to_owned(),
        408 => "Slack did not get the whole request in time (HTTP 408)".to_owned(),
        status @ 500..=599 => format!("Slack has a problem of its own (HTTP {status})"),
        _ => return None,
    };
    Some(match response.retry_after() {
        Some(after) => Failure::retry_after(reason, after),
        None => Failure::retry(reason),
    })
}

/// The JSON Schema of the configuration keys `message` and `blocks`.
#[must_use]
pub fn schema() -> (Value, Value) {
    let message = json!({
        "type": "string",
        "minLength": 1,
        "description": "Template (Jinja) of the text, in Slack's mrkdwn",
    });
    let blocks = json!({
        "type": "array",
        "minItems": 1,
        "maxItems": limits::MAX_BLOCKS,
        "items": {"type": "object"},
        "description": "Block Kit blocks; each string in them is a template",
    });
    (message, blocks)
}

#[cfg(test)]
mod tests;
