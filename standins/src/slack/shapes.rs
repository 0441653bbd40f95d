//! Users, channels and messages in the shapes Slack answers.

use serde_json::{Value, json};

use super::state::Bot;
use super::workspace::{Channel, ChannelKind, Message, User};

/// A member, as `users.info` gives it.
pub fn user(user: &User, team_id: &str) -> Value {
    json!({
        "id": user.id,
        "team_id": team_id,
        "name": user.name,
        "deleted": false,
        "color": "9f69e7",
        "real_name": user.real_name,
        "tz": "Etc/UTC",
        "tz_label": "Coordinated Universal Time",
        "tz_offset": 0,
        "profile": {
            "title": "",
            "real_name": user.real_name,
            "real_name_normalized": user.real_name,
            "display_name": user.name,
            "display_name_normalized": user.name,
            "status_text": "",
            "status_emoji": "",
            "email": user.email,
            "team": team_id,
        },
        "is_admin": false,
        "is_owner": false,
        "is_primary_owner": false,
        "is_restricted": false,
        "is_ultra_restricted": false,
        "is_bot": false,
        "is_app_user": false,
        "updated": 0,
        "is_email_confirmed": true,
    })
}

/// The word for a conversation's sort in `types`.
pub fn kind(channel: &Channel) -> &'static str {
    match &channel.kind {
        ChannelKind::Public => "public_channel",
        ChannelKind::Private => "private_channel",
        ChannelKind::Direct(users) if users.len() == 1 => "im",
        ChannelKind::Direct(_) => "mpim",
    }
}

/// A conversation, as `conversations.info` gives it.
pub fn channel(channel: &Channel) -> Value {
    if let ChannelKind::Direct(users) = &channel.kind
        && let [user] = users.as_slice()
    {
        return json!({
            "id": channel.id,
            "created": channel.created,
            "is_archived": channel.archived,
            "is_im": true,
            "is_org_shared": false,
            "user": user,
            "is_open": true,
            "priority": 0,
        });
    }
    json!({
        "id": channel.id,
        "name": channel.name,
        "is_channel": channel.kind == ChannelKind::Public,
        "is_group": channel.kind == ChannelKind::Private,
        "is_im": false,
        "is_mpim": channel.is_direct(),
        "is_private": channel.kind != ChannelKind::Public,
        "created": channel.created,
        "is_archived": channel.archived,
        "is_general": channel.name == "general",
        "is_member": channel.joined,
        "name_normalized": channel.name,
    })
}

/// A message, as `chat.postMessage` answers it.
pub fn message(message: &Message, bot: &Bot, team_id: &str) -> Value {
    let mut shape = json!({
        "type": "message",
        "user": bot.user_id,
        "bot_id": bot.bot_id,
        "app_id": bot.app_id,
        "team": team_id,
        "ts": message.ts,
        "text": message.text,
        "bot_profile": {
            "id": bot.bot_id,
            "app_id": bot.app_id,
            "name": bot.name,
            "deleted": false,
            "updated": 0,
            "team_id": team_id,
            "icons": {},
        },
    });
    if let Some(fields) = shape.as_object_mut() {
        if !message.blocks.is_empty() {
            fields.insert("blocks".to_owned(), json!(message.blocks));
        }
        if !message.attachments.is_empty() {
            fields.insert("attachments".to_owned(), json!(message.attachments));
        }
        if let Some(thread) = &message.thread_ts {
            fields.insert("thread_ts".to_owned(), json!(thread));
        }
        if let Some(metadata) = &message.metadata {
            fields.insert("metadata".to_owned(), metadata.clone());
        }
        if message.username != bot.name {
            fields.insert("username".to_owned(), json!(message.username));
            fields.insert("subtype".to_owned(), json!("bot_message"));
        }
    }
    shape
}
