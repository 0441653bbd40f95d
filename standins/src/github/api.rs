//! From a request to an answer, in the order GitHub checks: the agent, the token, the limits, the address, the
//! rights, the form of the body, and only then what it means.

use hyper::StatusCode;
use hyper::header::HeaderName;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::Shared;
use super::access::{self, Caller, Need, WRITE};
use super::call::{Answer, Body, Call, Outcome};
use super::contract::{Operation, Params};
use super::operations;
use super::refusal::{REST, Refusal};
use super::state::State;
use super::token::Level;
use super::validate;
use crate::wall;
use crate::wire::{Received, Reply};

/// GitHub's words to a request without `User-Agent`
/// (<https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api#user-agent>).
const NO_AGENT: &str = "Request forbidden by administrative rules. Please make sure your request has a User-Agent \
                        header (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required). \
                        Check https://developer.github.com for other possible causes.\n";

/// Requests an hour without a token (<https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api>).
const ANONYMOUS_PER_HOUR: u64 = 60;

/// An answer and what the journal shall say of it.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub reply: Reply,
    /// GitHub's sentence, when refused.
    pub error: Option<String>,
    /// What a developer wants to know.
    pub warnings: Vec<String>,
}

/// Answers a request of an operation, or refuses it as told.
pub fn answer(
    shared: &Shared,
    received: &Received,
    found: Option<(&Operation, Params)>,
    told: Option<Refusal>,
) -> Answered {
    if received.header("user-agent").is_none_or(str::is_empty) {
        return Answered {
            reply: Reply::new(StatusCode::FORBIDDEN, "text/html; charset=utf-8", NO_AGENT),
            error: Some("no User-Agent".to_owned()),
            warnings: Vec::new(),
        };
    }
    let now = wall::now_seconds();
    let page = found
        .as_ref()
        .map_or(REST, |(operation, _)| operation.documentation.as_str());
    let mut warnings = Vec::new();
    let mut state = shared.state();
    let caller = access::authenticate(&state, received.header("authorization"), now);
    let outcome = match (&caller, told) {
        (Err(refusal), _) => Err(refusal.clone()),
        (Ok(_), Some(refusal)) => Err(refusal),
        (Ok(caller), None) => run(shared, &mut state, caller, received, found, &mut warnings, now),
    };
    let error = outcome.as_ref().err().map(|refusal| refusal.message.clone());
    let caller = caller.unwrap_or(Caller::Anonymous);
    let reply = dressed(&mut state, &caller, drawn(outcome, page), now);
    let changed = error.is_none() && received.method != hyper::Method::GET;
    drop(state);
    if changed {
        shared.changes.send_modify(|count| *count += 1);
    }
    Answered {
        reply,
        error,
        warnings,
    }
}

fn run(
    shared: &Shared,
    state: &mut State,
    caller: &Caller,
    received: &Received,
    found: Option<(&Operation, Params)>,
    warnings: &mut Vec<String>,
    now: i64,
) -> Outcome {
    let free = found
        .as_ref()
        .is_some_and(|(operation, _)| operation.template == "/rate_limit");
    if !free {
        count(state, caller, now)?;
    }
    let Some((operation, params)) = found else {
        warnings
            .push("not in contracts/github/openapi.json, which holds what this stand-in serves".to_owned());
        return Err(Refusal::not_found().about(REST));
    };
    let (need, handler) =
        operations::find(&operation.method, &operation.template).ok_or_else(Refusal::not_found)?;
    let repository = params
        .get("owner")
        .zip(params.get("repo"))
        .and_then(|(owner, name)| state.repository(owner, name));
    access::permit(state, caller, need, repository)?;
    // Settings of an archived repository may still be changed, to bring it back.
    if need == WRITE && repository.is_some_and(|repository| repository.archived) {
        return Err(Refusal::archived());
    }
    let body = body(shared, operation, received, warnings)?;
    if matches!(need, Need::Repository(_, Level::Write)) {
        let State { usage, limits, .. } = state;
        usage.write(limits, now)?;
    }
    handler(&mut Call {
        state,
        caller,
        params,
        query: form_urlencoded::parse(received.query.as_bytes())
            .into_owned()
            .collect(),
        body,
        accept: received.header("accept").unwrap_or_default().to_owned(),
        base: &shared.base_url,
        path: &received.path,
        now,
    })
}

/// Counts a request against its caller's hour, or refuses it.
fn count(state: &mut State, caller: &Caller, now: i64) -> Result<(), Refusal> {
    let limit = limit_of(state, caller);
    let user = state.user.id;
    let window = state.usage.window(caller.counted_as(), limit, now);
    if window.remaining() == 0 {
        return Err(Refusal::primary_limit(&match caller {
            Caller::Anonymous => "127.0.0.1".to_owned(),
            Caller::Token(_) => format!("user ID {user}"),
            Caller::App => "installation".to_owned(),
        }));
    }
    window.used += 1;
    Ok(())
}

fn limit_of(state: &State, caller: &Caller) -> u64 {
    match caller {
        Caller::Anonymous => ANONYMOUS_PER_HOUR.min(state.limits.requests_per_hour),
        Caller::Token(_) | Caller::App => state.limits.requests_per_hour,
    }
}

fn body(
    shared: &Shared,
    operation: &Operation,
    received: &Received,
    warnings: &mut Vec<String>,
) -> Result<Map<String, Value>, Refusal> {
    let Some(schema) = &operation.body else {
        return Ok(Map::new());
    };
    let bad = |message: &str| Refusal::new(StatusCode::BAD_REQUEST, message);
    let body: Value = if received.body.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(&received.body).map_err(|_| bad("Problems parsing JSON"))?
    };
    let Value::Object(members) = &body else {
        return Err(bad("Body should be a JSON object"));
    };
    let wrong = validate::check(schema, &shared.contract.components, &body);
    if !wrong.is_empty() {
        return Err(Refusal::invalid_request(&wrong.join("\n")));
    }
    warnings.extend(validate::unknown(schema, members));
    match body {
        Value::Object(members) => Ok(members),
        _ => Err(bad("Body should be a JSON object")),
    }
}

fn drawn(outcome: Outcome, page: &str) -> Reply {
    let (reply, headers) = match outcome {
        Ok(Answer {
            status,
            body,
            headers,
        }) => {
            let reply = match body {
                Body::Json(body) => Reply::json(status, &body),
                Body::Raw(content) => {
                    Reply::new(status, "application/vnd.github.raw; charset=utf-8", content)
                }
                Body::Empty => Reply {
                    headers: Vec::new(),
                    ..Reply::text(status, "")
                },
            };
            (reply, headers)
        }
        Err(refusal) => (Reply::json(refusal.status, &refusal.body(page)), refusal.headers),
    };
    headers.into_iter().fold(reply, |reply, (name, value)| {
        reply.with(HeaderName::from_static(name), &value)
    })
}

/// The headers that every answer has.
fn dressed(state: &mut State, caller: &Caller, reply: Reply, now: i64) -> Reply {
    let limit = limit_of(state, caller);
    let window = *state.usage.window(caller.counted_as(), limit, now);
    let request_id = format!("{:08X}:{:08X}", rand::random::<u32>(), rand::random::<u32>());
    let mut headers = vec![
        ("x-github-media-type", "github.v3; format=json".to_owned()),
        ("x-github-request-id", request_id),
        ("x-github-api-version-selected", "2022-11-28".to_owned()),
        ("x-ratelimit-limit", window.limit.to_string()),
        ("x-ratelimit-remaining", window.remaining().to_string()),
        ("x-ratelimit-used", window.used.to_string()),
        ("x-ratelimit-reset", window.reset.to_string()),
        ("x-ratelimit-resource", "core".to_owned()),
    ];
    if let Caller::Token(grant) = caller
        && let Some(scopes) = grant.scopes()
    {
        headers.push(("x-oauth-scopes", scopes.join(", ")));
        headers.push(("x-accepted-oauth-scopes", "repo".to_owned()));
    }
    headers.into_iter().fold(reply, |reply, (name, value)| {
        reply.with(HeaderName::from_static(name), &value)
    })
}
