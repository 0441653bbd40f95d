//! `/api/{method}`: from a request to an answer, in the order Slack checks: the method, the form of the
//! request, the token, the arguments, and only then what they mean.

use hyper::header::{ALLOW, HeaderName, RETRY_AFTER};
use hyper::{Method as Verb, StatusCode};
use serde_json::{Value, json};

use super::Shared;
use super::arguments::Arguments;
use super::contract::Method;
use super::methods;
use super::outcome::{Fields, Outcome, Refusal};
use super::state::{Token, TokenState};
use crate::wire::{Received, Reply};

/// An answer and what the journal shall say of it.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub reply: Reply,
    /// The vendor's word, when refused.
    pub error: Option<String>,
    /// What a developer wants to know.
    pub warnings: Vec<String>,
}

impl Answered {
    /// Refused, in the vendor's form.
    pub fn refused(refusal: &Refusal) -> Self {
        let status = if refusal.retry_after.is_some() {
            StatusCode::TOO_MANY_REQUESTS
        } else {
            StatusCode::OK
        };
        let mut reply = Reply::json(status, &Value::Object(refusal.body()));
        if let Some(seconds) = refusal.retry_after {
            reply = reply.with(RETRY_AFTER, &seconds.to_string());
        }
        let mut warnings = refusal.details.clone();
        if refusal.error == "unknown_method" {
            warnings.push(
                "not in contracts/slack/web-api.json, which holds the methods this stand-in serves"
                    .to_owned(),
            );
        }
        Self {
            reply,
            error: Some(refusal.error.clone()),
            warnings,
        }
    }
}

/// Answers a call of `name`.
pub fn answer(shared: &Shared, name: &str, received: &Received) -> Answered {
    let Some(method) = shared.methods.get(name) else {
        return Answered::refused(&Refusal::new("unknown_method"));
    };
    if !allowed(method, &received.method) {
        return not_allowed(if method.reads { "GET, POST" } else { "POST" });
    }
    let mut arguments = match Arguments::read(received, method) {
        Ok(arguments) => arguments,
        Err(refusal) => return Answered::refused(&refusal),
    };
    let (outcome, scopes) = run(shared, method, &mut arguments);
    let mut answered = match outcome {
        Ok(fields) => accepted(fields, &arguments),
        Err(refusal) => Answered::refused(&refusal),
    };
    if let Some(scopes) = scopes {
        answered.reply = answered
            .reply
            .with(HeaderName::from_static("x-oauth-scopes"), &scopes.join(","))
            .with(
                HeaderName::from_static("x-accepted-oauth-scopes"),
                &method.scopes.join(","),
            );
    }
    answered
        .warnings
        .extend(arguments.warnings.iter().map(|warning| (*warning).to_owned()));
    answered.warnings.append(&mut arguments.ignored);
    answered
}

/// 405 in plain text: Slack's own answer is not described.
pub fn not_allowed(allow: &str) -> Answered {
    let reply = Reply::text(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed").with(ALLOW, allow);
    Answered {
        reply,
        error: Some("method_not_allowed".to_owned()),
        warnings: Vec::new(),
    }
}

fn allowed(method: &Method, verb: &Verb) -> bool {
    *verb == Verb::POST || (method.reads && *verb == Verb::GET)
}

fn run(shared: &Shared, method: &Method, arguments: &mut Arguments) -> (Outcome, Option<Vec<String>>) {
    let mut state = shared.state();
    let token = match authenticate(arguments.token.as_deref(), |token| state.tokens.get(token)) {
        Ok(token) => token.clone(),
        Err(refusal) => return (Err(refusal), None),
    };
    let outcome = permit(method, &token)
        .and_then(|()| arguments.check(method))
        .and_then(|()| methods::call(&method.name).ok_or_else(|| Refusal::new("unknown_method")))
        .and_then(|call| call(&mut state, arguments, &token.scopes));
    let messages = state.workspace.messages.len() as u64;
    drop(state);
    shared.arrived(messages);
    (outcome, Some(token.scopes))
}

fn authenticate<'a>(
    token: Option<&str>,
    find: impl FnOnce(&str) -> Option<&'a Token>,
) -> Result<&'a Token, Refusal> {
    let sent = token
        .filter(|token| !token.is_empty())
        .ok_or_else(|| Refusal::new("not_authed"))?;
    let token = find(sent).ok_or_else(|| Refusal::new("invalid_auth"))?;
    match token.state {
        TokenState::Active => Ok(token),
        TokenState::Revoked => Err(Refusal::new("token_revoked")),
        TokenState::Inactive => Err(Refusal::new("account_inactive")),
    }
}

fn permit(method: &Method, token: &Token) -> Result<(), Refusal> {
    if method.scopes.is_empty() || method.scopes.iter().any(|scope| token.scopes.contains(scope)) {
        return Ok(());
    }
    let scopes = Some((method.scopes.join(","), token.scopes.join(",")));
    Err(Refusal {
        scopes,
        ..Refusal::new("missing_scope")
    })
}

fn accepted(fields: Fields, arguments: &Arguments) -> Answered {
    let mut body = Fields::new();
    body.insert("ok".to_owned(), json!(true));
    body.extend(fields);
    if !arguments.warnings.is_empty() {
        body.insert("warning".to_owned(), json!(arguments.warnings.join(",")));
        let metadata = body.entry("response_metadata").or_insert_with(|| json!({}));
        metadata["warnings"] = json!(arguments.warnings);
    }
    let reply = Reply::json(StatusCode::OK, &Value::Object(body));
    Answered {
        reply,
        error: None,
        warnings: Vec::new(),
    }
}
