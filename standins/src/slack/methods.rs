//! The methods of the Web API, once token and arguments are known to be right.

use serde_json::{Value, json};

use super::arguments::Arguments;
use super::content::{self, TEXT_MAX};
use super::history;
use super::outcome::{Fields, Outcome, Refusal};
use super::shapes;
use super::state::State;
use super::workspace::{Channel, ChannelKind, Workspace};

/// Characters of a text in `chat.update`, as Slack's page for that method names them.
const UPDATE_TEXT_MAX: usize = 4_000;

/// People in a direct message besides the app.
const DIRECT_USERS_MAX: usize = 8;

/// Entries of a page of `conversations.list` when no limit is given.
const PAGE_DEFAULT: usize = 100;

/// A method of the description, with code behind it.
pub type Call = fn(&mut State, &Arguments, &[String]) -> Outcome;

/// The code behind a method's name.
pub fn call(method: &str) -> Option<Call> {
    Some(match method {
        "auth.test" => auth_test,
        "users.lookupByEmail" => users_lookup_by_email,
        "users.info" => users_info,
        "conversations.open" => conversations_open,
        "conversations.list" => conversations_list,
        "conversations.info" => conversations_info,
        "conversations.join" => conversations_join,
        "conversations.history" => history::conversations_history,
        "conversations.replies" => history::conversations_replies,
        "chat.postMessage" => chat_post_message,
        "chat.update" => chat_update,
        _ => return None,
    })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of the calls in a table, whose others can refuse"
)]
fn auth_test(state: &mut State, _: &Arguments, _: &[String]) -> Outcome {
    Ok(fields(json!({
        "url": "https://standins.example/",
        "team": "Stand-ins",
        "user": state.bot.name,
        "team_id": state.workspace.team_id,
        "user_id": state.bot.user_id,
        "bot_id": state.bot.bot_id,
        "is_enterprise_install": false,
    })))
}

fn users_lookup_by_email(state: &mut State, arguments: &Arguments, _: &[String]) -> Outcome {
    let email = arguments.text("email").unwrap_or_default();
    let user = state
        .workspace
        .users
        .iter()
        .find(|user| user.email.eq_ignore_ascii_case(email));
    let user = user.ok_or_else(|| Refusal::new("users_not_found"))?;
    Ok(fields(
        json!({ "user": shapes::user(user, &state.workspace.team_id) }),
    ))
}

fn users_info(state: &mut State, arguments: &Arguments, _: &[String]) -> Outcome {
    let id = present(arguments, "user")?;
    let user = state
        .workspace
        .user(id)
        .ok_or_else(|| Refusal::new("user_not_found"))?;
    Ok(fields(
        json!({ "user": shapes::user(user, &state.workspace.team_id) }),
    ))
}

fn conversations_open(state: &mut State, arguments: &Arguments, scopes: &[String]) -> Outcome {
    let (id, already_open) = match (arguments.text("channel"), arguments.text("users")) {
        (Some(channel), _) => (visible(&state.workspace, channel)?.id.clone(), true),
        (None, Some(users)) => open_with(&mut state.workspace, users, scopes)?,
        (None, None) => return Err(Refusal::new("users_list_not_supplied")),
    };
    let channel = state
        .workspace
        .channels
        .get(&id)
        .ok_or_else(|| Refusal::new("channel_not_found"))?;
    let shape = if arguments.flag("return_im") {
        shapes::channel(channel)
    } else {
        json!({ "id": id })
    };
    let mut answer = fields(json!({ "channel": shape }));
    if already_open {
        answer.insert("no_op".to_owned(), json!(true));
        answer.insert("already_open".to_owned(), json!(true));
    }
    Ok(answer)
}

fn open_with(workspace: &mut Workspace, users: &str, scopes: &[String]) -> Result<(String, bool), Refusal> {
    let users: Vec<String> = users
        .split(',')
        .map(|id| id.trim().to_owned())
        .filter(|id| !id.is_empty())
        .collect();
    let needed = if users.len() == 1 {
        "im:write"
    } else {
        "mpim:write"
    };
    if !scopes.iter().any(|scope| scope == needed) {
        let scopes = Some((needed.to_owned(), scopes.join(",")));
        return Err(Refusal {
            scopes,
            ..Refusal::new("missing_scope")
        });
    }
    match users.len() {
        0 => return Err(Refusal::new("not_enough_users")),
        n if n > DIRECT_USERS_MAX => return Err(Refusal::new("too_many_users")),
        _ => {}
    }
    if users.iter().any(|id| workspace.user(id).is_none()) {
        return Err(Refusal::new("user_not_found"));
    }
    Ok(workspace.open_direct(&users))
}

fn conversations_list(state: &mut State, arguments: &Arguments, _: &[String]) -> Outcome {
    let types = arguments.text("types").unwrap_or("public_channel").to_owned();
    let known = ["public_channel", "private_channel", "im", "mpim"];
    if types.split(',').any(|kind| !known.contains(&kind.trim())) {
        return Err(Refusal::new("invalid_types"));
    }
    let limit = match arguments.values.get("limit") {
        None => PAGE_DEFAULT,
        Some(limit) => limit_of(limit).ok_or_else(|| Refusal::new("invalid_limit"))?,
    };
    let start = match arguments.text("cursor") {
        None => 0,
        Some(cursor) => cursor
            .parse::<usize>()
            .map_err(|_| Refusal::new("invalid_cursor"))?,
    };
    let matching: Vec<&Channel> = state
        .workspace
        .channels
        .values()
        .filter(|channel| types.split(',').any(|kind| kind.trim() == shapes::kind(channel)))
        .filter(|channel| channel.joined || channel.kind != ChannelKind::Private)
        .filter(|channel| !(arguments.flag("exclude_archived") && channel.archived))
        .collect();
    let page: Vec<Value> = matching
        .iter()
        .skip(start)
        .take(limit)
        .map(|channel| shapes::channel(channel))
        .collect();
    let next = start.saturating_add(limit);
    let cursor = if next < matching.len() {
        next.to_string()
    } else {
        String::new()
    };
    Ok(fields(
        json!({ "channels": page, "response_metadata": { "next_cursor": cursor } }),
    ))
}

pub(super) fn limit_of(value: &Value) -> Option<usize> {
    let limit = value
        .as_u64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))?;
    usize::try_from(limit)
        .ok()
        .filter(|limit| (1..=1000).contains(limit))
}

fn conversations_info(state: &mut State, arguments: &Arguments, _: &[String]) -> Outcome {
    let channel = visible(&state.workspace, present(arguments, "channel")?)?;
    Ok(fields(json!({ "channel": shapes::channel(channel) })))
}

fn conversations_join(state: &mut State, arguments: &Arguments, _: &[String]) -> Outcome {
    let id = visible(&state.workspace, present(arguments, "channel")?)?
        .id
        .clone();
    let channel = state
        .workspace
        .channels
        .get_mut(&id)
        .ok_or_else(|| Refusal::new("channel_not_found"))?;
    if channel.kind != ChannelKind::Public {
        return Err(Refusal::new("method_not_supported_for_channel_type"));
    }
    if channel.archived {
        return Err(Refusal::new("is_archived"));
    }
    channel.joined = true;
    Ok(fields(json!({ "channel": shapes::channel(channel) })))
}

fn chat_post_message(state: &mut State, arguments: &Arguments, scopes: &[String]) -> Outcome {
    let id = state
        .workspace
        .destination(arguments.text("channel").unwrap_or_default())?;
    let joined = state
        .workspace
        .channels
        .get(&id)
        .is_some_and(|channel| channel.joined);
    let archived = state
        .workspace
        .channels
        .get(&id)
        .is_some_and(|channel| channel.archived);
    if !joined && !archived && !scopes.iter().any(|scope| scope == "chat:write.public") {
        return Err(Refusal::new("not_in_channel"));
    }
    let mut content = sent_content(arguments, TEXT_MAX)?;
    content.metadata = content::metadata(arguments.json("metadata"))?;
    content.thread_ts = history::thread_of(&state.workspace, &id, arguments.text("thread_ts"))?;
    content.broadcast = content.thread_ts.is_some() && arguments.flag("reply_broadcast");
    content.username = arguments.text("username").map(str::to_owned);
    state.workspace.admit(&id)?;
    let sender = state.bot.name.clone();
    let message = state.workspace.post(&id, content, "chat.postMessage", &sender);
    let shape = shapes::message(&message, &state.bot, &state.workspace.team_id);
    Ok(fields(
        json!({ "channel": id, "ts": message.ts, "message": shape }),
    ))
}

fn chat_update(state: &mut State, arguments: &Arguments, _: &[String]) -> Outcome {
    let id = visible(&state.workspace, arguments.text("channel").unwrap_or_default())?
        .id
        .clone();
    let ts = arguments.text("ts").unwrap_or_default();
    let content = sent_content(arguments, UPDATE_TEXT_MAX)?;
    let metadata = content::metadata(arguments.json("metadata"))?;
    let (edited, _) = state.workspace.stamp();
    let messages = &mut state.workspace.messages;
    let message = messages
        .iter_mut()
        .find(|message| message.channel == id && message.ts == ts);
    let message = message.ok_or_else(|| Refusal::new("message_not_found"))?;
    if message.via != "chat.postMessage" {
        return Err(Refusal::new("cant_update_message"));
    }
    message.text = content.text;
    // What is left out stays; an empty list takes it away.
    if arguments.json("blocks").is_some() {
        message.blocks = content.blocks;
    }
    if arguments.json("attachments").is_some() {
        message.attachments = content.attachments;
    }
    message.edited_ts = Some(edited);
    if let Some(metadata) = metadata {
        message.metadata = Some(metadata);
    }
    let message = message.clone();
    let shape = shapes::message(&message, &state.bot, &state.workspace.team_id);
    Ok(fields(
        json!({ "channel": id, "ts": message.ts, "text": message.text, "message": shape }),
    ))
}

fn sent_content(arguments: &Arguments, text_max: usize) -> Result<super::workspace::Content, Refusal> {
    content::content(
        arguments.text("text"),
        arguments.json("blocks"),
        arguments.json("attachments"),
        text_max,
    )
}

/// A conversation the app may know of, by id.
pub(super) fn visible<'a>(workspace: &'a Workspace, id: &str) -> Result<&'a Channel, Refusal> {
    let channel = workspace.channels.get(id);
    channel
        .filter(|channel| channel.joined || channel.kind != ChannelKind::Private)
        .ok_or_else(|| Refusal::new("channel_not_found"))
}

/// An argument the description calls optional and Slack refuses to go without.
pub(super) fn present<'a>(arguments: &'a Arguments, name: &str) -> Result<&'a str, Refusal> {
    match arguments.values.get(name) {
        None => Err(Refusal::detailed(
            "invalid_arguments",
            vec![format!("missing required field: {name}")],
        )),
        Some(value) => Ok(value.as_str().unwrap_or_default()),
    }
}

pub(super) fn fields(value: Value) -> Fields {
    match value {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    }
}
