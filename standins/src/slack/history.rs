//! `conversations.history`: what was said in a conversation, newest first.
//! <https://api.slack.com/methods/conversations.history>

use serde_json::{Value, json};

use super::arguments::Arguments;
use super::methods::{PAGE_DEFAULT, fields, limit_of, present, visible};
use super::outcome::{Outcome, Refusal};
use super::shapes;
use super::state::State;
use super::workspace::Message;

/// A stamp as two whole numbers: seconds since 1970 and microseconds.
type Stamp = (u64, u64);

/// Which messages are asked for.
struct Range {
    oldest: Option<Stamp>,
    latest: Option<Stamp>,
    inclusive: bool,
}

impl Range {
    fn of(arguments: &Arguments) -> Result<Self, Refusal> {
        let bound = |name: &str, error: &'static str| match arguments.text(name) {
            None => Ok(None),
            Some(text) => stamp(text).map(Some).ok_or_else(|| Refusal::new(error)),
        };
        Ok(Self {
            oldest: bound("oldest", "invalid_ts_oldest")?,
            latest: bound("latest", "invalid_ts_latest")?,
            inclusive: arguments.flag("inclusive"),
        })
    }

    fn has(&self, message: &Message) -> bool {
        let Some(at) = stamp(&message.ts) else {
            return false;
        };
        let young = self
            .oldest
            .is_none_or(|oldest| at > oldest || (self.inclusive && at == oldest));
        let old = self
            .latest
            .is_none_or(|latest| at < latest || (self.inclusive && at == latest));
        young && old
    }
}

/// The code behind the method.
pub(super) fn conversations_history(state: &mut State, arguments: &Arguments, _: &[String]) -> Outcome {
    let channel = visible(&state.workspace, present(arguments, "channel")?)?;
    if !channel.joined {
        return Err(Refusal::new("not_in_channel"));
    }
    let range = Range::of(arguments)?;
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
    // Answers in threads are another method's.
    let begins = |message: &&Message| message.thread_ts.as_ref().is_none_or(|ts| *ts == message.ts);
    let mut found = state
        .workspace
        .messages
        .iter()
        .rev()
        .filter(|message| message.channel == channel.id && range.has(message))
        .filter(begins)
        .skip(start);
    let messages: Vec<Value> = found
        .by_ref()
        .take(limit)
        .map(|message| shapes::message(message, &state.bot, &state.workspace.team_id))
        .collect();
    let more = found.next().is_some();
    let mut answer = fields(json!({
        "messages": messages,
        "has_more": more,
        "pin_count": 0,
        "channel_actions_ts": null,
        "channel_actions_count": 0,
    }));
    if more {
        let next = start.saturating_add(limit).to_string();
        answer.insert("response_metadata".to_owned(), json!({ "next_cursor": next }));
    }
    Ok(answer)
}

fn stamp(text: &str) -> Option<Stamp> {
    let (seconds, micros) = text.split_once('.').unwrap_or((text, "0"));
    Some((seconds.parse().ok()?, micros.parse().ok()?))
}
