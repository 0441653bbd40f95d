//! `/services/T…/B…/…`: incoming webhooks, answered in plain text. The statuses and words are in
//! `contracts/slack/incoming-webhooks.md`.

use hyper::header::RETRY_AFTER;
use hyper::{Method, StatusCode};
use serde_json::Value;
use url::form_urlencoded;

use super::Shared;
use super::api::{Answered, not_allowed};
use super::arguments::{content_type_parts, well_encoded};
use super::content::{self, TEXT_MAX};
use super::outcome::Refusal;
use super::state::{HookState, State};
use crate::wire::{Received, Reply};

/// Answers a post to the webhook at `path`, which starts after `/services/`.
pub fn answer(shared: &Shared, path: &str, received: &Received) -> Answered {
    if received.method != Method::POST {
        return not_allowed("POST");
    }
    let mut state = shared.state();
    let posted = post(&mut state, path, received);
    let messages = state.workspace.messages.len() as u64;
    drop(state);
    shared.arrived(messages);
    match posted {
        Ok(ignored) => Answered {
            reply: Reply::text(StatusCode::OK, "ok"),
            error: None,
            warnings: ignored,
        },
        Err(refusal) => refused(&refusal),
    }
}

/// A refusal in the webhooks' form: the word alone, the status says the rest.
pub fn refused(refusal: &Refusal) -> Answered {
    let mut reply = Reply::text(status(&refusal.error), refusal.error.clone());
    if let Some(seconds) = refusal.retry_after {
        reply = reply.with(RETRY_AFTER, &seconds.to_string());
    }
    Answered {
        reply,
        error: Some(refusal.error.clone()),
        warnings: refusal.details.clone(),
    }
}

fn status(error: &str) -> StatusCode {
    match error {
        "invalid_token" | "action_prohibited" => StatusCode::FORBIDDEN,
        "no_team" | "no_service" | "channel_not_found" => StatusCode::NOT_FOUND,
        "channel_is_archived" => StatusCode::GONE,
        "rate_limited" | "ratelimited" => StatusCode::TOO_MANY_REQUESTS,
        "rollup_error" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// Posts the message and tells what Slack ignored of it.
fn post(state: &mut State, path: &str, received: &Received) -> Result<Vec<String>, Refusal> {
    let channel = destination(state, path)?;
    let payload = payload(received)?;
    let given = |name: &str| {
        payload
            .get(name)
            .filter(|value| !value.is_null())
            .cloned()
            .map(Ok)
    };
    let text = match &payload["text"] {
        Value::Null => None,
        Value::String(text) => Some(text.as_str()),
        _ => return Err(Refusal::new("invalid_payload")),
    };
    let mut content = content::content(text, given("blocks"), given("attachments"), TEXT_MAX)?;
    content.thread_ts = payload["thread_ts"].as_str().map(str::to_owned);
    state
        .workspace
        .admit(&channel)
        .map_err(|refusal| match refusal.error.as_str() {
            "is_archived" => Refusal::new("channel_is_archived"),
            "ratelimited" => Refusal {
                error: "rate_limited".to_owned(),
                ..refusal
            },
            _ => refusal,
        })?;
    let sender = state.bot.name.clone();
    state.workspace.post(&channel, content, "webhook", &sender);
    Ok(ignored(&payload))
}

fn destination(state: &State, path: &str) -> Result<String, Refusal> {
    let mut parts = path.split('/');
    let (Some(team), Some(service), Some(secret), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::new("invalid_token"));
    };
    if team != state.workspace.team_id {
        return Err(Refusal::new("no_team"));
    }
    let hook = state
        .hooks
        .get(service)
        .ok_or_else(|| Refusal::new("no_service"))?;
    if hook.secret != secret {
        return Err(Refusal::new("invalid_token"));
    }
    match hook.state {
        HookState::Active => Ok(hook.channel.clone()),
        HookState::Removed => Err(Refusal::new("no_service")),
        HookState::Prohibited => Err(Refusal::new("action_prohibited")),
    }
}

fn payload(received: &Received) -> Result<Value, Refusal> {
    let invalid = || Refusal::new("invalid_payload");
    let content_type = received.header("content-type").unwrap_or_default();
    let (kind, _) = content_type_parts(content_type);
    let payload: Value = if kind == "application/x-www-form-urlencoded" {
        if !well_encoded(&received.body) {
            return Err(invalid());
        }
        let mut pairs = form_urlencoded::parse(&received.body);
        let (_, payload) = pairs.find(|(name, _)| name == "payload").ok_or_else(invalid)?;
        serde_json::from_str(&payload).map_err(|_| invalid())?
    } else {
        serde_json::from_slice(&received.body).map_err(|_| invalid())?
    };
    if payload.is_object() {
        Ok(payload)
    } else {
        Err(invalid())
    }
}

/// Webhooks of today's apps post where they were made for: these fields change nothing.
fn ignored(payload: &Value) -> Vec<String> {
    ["channel", "username", "icon_emoji", "icon_url"]
        .into_iter()
        .filter(|name| payload.get(*name).is_some())
        .map(|name| format!("{name:?} is ignored: a webhook posts to its own channel under its own name"))
        .collect()
}
