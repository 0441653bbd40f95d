//! Threads, and reading a conversation back.
//! <https://docs.slack.dev/reference/methods/conversations.history>,
//! <https://docs.slack.dev/reference/methods/conversations.replies>

use serde_json::{Value, json};

use super::arguments::Arguments;
use super::methods::{fields, limit_of, present, visible};
use super::outcome::{Outcome, Refusal};
use super::shapes;
use super::state::State;
use super::workspace::{ChannelKind, Message, Workspace};

/// Messages of a page when no limit is given.
const PAGE_DEFAULT: usize = 100;

/// The parent that `thread_ts` means: the message itself, or the one that it replies to.
pub fn thread_of(
    workspace: &Workspace,
    channel: &str,
    thread_ts: Option<&str>,
) -> Result<Option<String>, Refusal> {
    let Some(ts) = thread_ts else { return Ok(None) };
    let well_formed = ts.split_once('.').is_some_and(|(seconds, micros)| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits(seconds) && micros.len() == 6 && digits(micros)
    });
    if !well_formed {
        return Err(Refusal::new("invalid_thread_ts"));
    }
    let parent = workspace
        .messages
        .iter()
        .find(|message| message.channel == channel && message.ts == ts);
    let parent = parent.ok_or_else(|| Refusal::new("thread_not_found"))?;
    Ok(Some(parent.thread_ts.clone().unwrap_or_else(|| ts.to_owned())))
}

/// The messages of a conversation, newest first; replies only when they were broadcast. With `oldest` and without
/// `latest` a page has those closest to `oldest`.
pub fn conversations_history(state: &mut State, arguments: &Arguments, scopes: &[String]) -> Outcome {
    let id = readable(state, arguments, scopes)?;
    let mut messages: Vec<&Message> = of(state, &id)
        .filter(|message| message.thread_ts.is_none() || message.broadcast)
        .filter(|message| within(message, arguments))
        .collect();
    if arguments.text("oldest").is_some() && arguments.text("latest").is_none() {
        let size = size(arguments)?;
        for page in messages.chunks_mut(size) {
            page.reverse();
        }
    } else {
        messages.reverse();
    }
    page(state, arguments, &messages)
}

/// A thread: its parent and the replies, oldest first.
pub fn conversations_replies(state: &mut State, arguments: &Arguments, scopes: &[String]) -> Outcome {
    let id = readable(state, arguments, scopes)?;
    let ts = present(arguments, "ts")?;
    let in_thread = |message: &&Message| message.ts == ts || message.thread_ts.as_deref() == Some(ts);
    let messages: Vec<&Message> = of(state, &id)
        .filter(in_thread)
        .filter(|message| message.ts == ts || within(message, arguments))
        .collect();
    if !messages.iter().any(|message| message.ts == ts) {
        return Err(Refusal::new("thread_not_found"));
    }
    page(state, arguments, &messages)
}

/// The conversation, if the token may read its kind.
fn readable(state: &State, arguments: &Arguments, scopes: &[String]) -> Result<String, Refusal> {
    let channel = visible(&state.workspace, present(arguments, "channel")?)?;
    let needed = match channel.kind {
        ChannelKind::Public => "channels:history",
        ChannelKind::Private => "groups:history",
        ChannelKind::Direct(_) => "im:history",
    };
    if !scopes.iter().any(|scope| scope == needed) {
        return Err(Refusal {
            scopes: Some((needed.to_owned(), scopes.join(","))),
            ..Refusal::new("missing_scope")
        });
    }
    if !channel.joined {
        return Err(Refusal::new("not_in_channel"));
    }
    Ok(channel.id.clone())
}

fn of<'a>(state: &'a State, channel: &'a str) -> impl Iterator<Item = &'a Message> {
    let messages = state.workspace.messages.iter();
    messages.filter(move |message| message.channel == channel)
}

/// Whether a message lies between `oldest` and `latest`.
fn within(message: &Message, arguments: &Arguments) -> bool {
    let inclusive = arguments.flag("inclusive");
    let at = |name: &str| arguments.text(name).map(micros);
    let after = at("oldest")
        .is_none_or(|oldest| message.at_micros > oldest || (inclusive && message.at_micros == oldest));
    let before = at("latest")
        .is_none_or(|latest| message.at_micros < latest || (inclusive && message.at_micros == latest));
    after && before
}

/// A stamp in microseconds; anything else counts as the beginning of time.
fn micros(stamp: &str) -> u64 {
    let (seconds, rest) = stamp.split_once('.').unwrap_or((stamp, "0"));
    let rest = format!("{rest:0<6}");
    let parse = |text: &str| text.parse::<u64>().unwrap_or(0);
    parse(seconds).saturating_mul(1_000_000) + parse(rest.get(..6).unwrap_or("0"))
}

/// Messages of a page.
fn size(arguments: &Arguments) -> Result<usize, Refusal> {
    match arguments.values.get("limit") {
        None => Ok(PAGE_DEFAULT),
        Some(limit) => limit_of(limit).ok_or_else(|| Refusal::new("invalid_limit")),
    }
}

fn page(state: &State, arguments: &Arguments, messages: &[&Message]) -> Outcome {
    let limit = size(arguments)?;
    let start = match arguments.text("cursor") {
        None => 0,
        Some(cursor) => cursor.parse().map_err(|_| Refusal::new("invalid_cursor"))?,
    };
    let shown: Vec<Value> = messages
        .iter()
        .skip(start)
        .take(limit)
        .map(|message| {
            let mut shape = shapes::message(message, &state.bot, &state.workspace.team_id);
            if !arguments.flag("include_all_metadata")
                && let Some(fields) = shape.as_object_mut()
            {
                fields.remove("metadata");
            }
            shape
        })
        .collect();
    let next = start.saturating_add(limit);
    let more = next < messages.len();
    let cursor = if more { next.to_string() } else { String::new() };
    Ok(fields(json!({
        "messages": shown,
        "has_more": more,
        "pin_count": 0,
        "channel_actions_ts": null,
        "channel_actions_count": 0,
        "response_metadata": { "next_cursor": cursor },
    })))
}
