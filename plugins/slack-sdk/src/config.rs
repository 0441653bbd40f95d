//! The plugin's settings and manifest.

use hookyard_plugin_sdk::Manifest;
use serde::Deserialize;
use serde_json::{Value, json};
use slack_message::schema;

/// Where Slack is.
pub(crate) const DEFAULT_API_BASE: &str = "https://slack.com/api";

/// `[plugins.NAME.config]`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The Web API's address; a stand-in's in tests.
    #[serde(default = "default_api_base")]
    pub api_base: String,
    /// A member's id or e-mail, for a direct message; a template.
    pub user: Option<String>,
    /// A channel's id or `#name`; a template.
    pub channel: Option<String>,
    /// Template of the text; without it a readable line.
    pub message: Option<String>,
    /// Block Kit blocks; each string in them is a template.
    pub blocks: Option<Value>,
    /// Template of a key: messages with the same one are one thread. Or of a message's `ts`, to reply to it.
    pub thread: Option<String>,
    /// Shows replies in the channel, too.
    #[serde(default)]
    pub reply_broadcast: bool,
    /// Template of a key: a message takes the place of the earlier one with the same.
    pub update: Option<String>,
}

fn default_api_base() -> String {
    DEFAULT_API_BASE.to_owned()
}

pub(crate) fn manifest() -> Manifest {
    Manifest::new(
        "slack-sdk",
        env!("CARGO_PKG_VERSION"),
        "Posts messages to Slack channels and people",
    )
    .config(&config_schema())
    .secret(
        "bot-token",
        "Bot token of a Slack app with the scopes chat:write, im:write and users:read.email; with channels:history, \
         groups:history and im:history no retry posts twice",
    )
    .http("POST {config:api-base}/chat.postMessage")
    .http("POST {config:api-base}/conversations.open")
    .http("POST {config:api-base}/chat.update")
    .http("GET {config:api-base}/conversations.history")
    .http("GET {config:api-base}/conversations.replies")
    .http("GET {config:api-base}/users.lookupByEmail")
    .http("GET {config:api-base}/auth.test")
    .action(
        "send-message",
        "Posts a text to a channel or a person",
        &send_message_schema(),
    )
    .action(
        "auth-test",
        "Says who the bot token belongs to",
        &no_input_schema(),
    )
}

fn config_schema() -> Value {
    let (message, blocks) = schema();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "api-base": {
                "type": "string",
                "pattern": "^https?://",
                "default": DEFAULT_API_BASE,
                "description": "Address of the Web API",
            },
            "user": text("Member id or e-mail, for a direct message; a template; not beside `channel`"),
            "channel": text("Channel id or #name; a template; not beside `user`"),
            "message": message,
            "blocks": blocks,
            "thread": text("Template of a key: messages with the same key are one thread; or of a message's ts"),
            "reply-broadcast": flag("Shows replies in the channel, too"),
            "update": text("Template of a key: a message takes the place of the earlier one with the same key"),
        },
        "not": {"anyOf": [{"required": ["user", "channel"]}, {"required": ["thread", "update"]}]},
    })
}

fn send_message_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["text"],
        "properties": {
            "text": text("The message, in Slack's mrkdwn"),
            "channel": text("Channel id or #name; without it and `user` the configured destination"),
            "user": text("Member id or e-mail"),
            "thread": text("Key of a thread, or the ts of the message to reply to"),
            "reply-broadcast": flag("Shows the reply in the channel, too"),
            "update": text("Key of the message whose place it takes"),
        },
        "not": {"anyOf": [{"required": ["user", "channel"]}, {"required": ["thread", "update"]}]},
    })
}

fn no_input_schema() -> Value {
    json!({"type": "object", "additionalProperties": false})
}

fn flag(description: &str) -> Value {
    json!({"type": "boolean", "description": description})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "minLength": 1, "description": description})
}
