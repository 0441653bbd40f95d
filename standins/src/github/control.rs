//! `/control/…`: faults, limits, tokens, repositories and what was asked; for scripts, as [`super::GitHub`] is for
//! tests.

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::token::Grant;
use crate::fault::Fault;
use crate::wire::{Received, Reply};

/// How much of the primary limit is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests an hour.
    pub limit: u64,
    /// Requests left.
    pub remaining: u64,
    /// Seconds until it starts anew.
    pub reset_seconds: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenChange {
    #[serde(default)]
    revoked: Option<bool>,
    #[serde(default)]
    grant: Option<Grant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Archive {
    owner: String,
    repo: String,
    archived: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveBranch {
    owner: String,
    repo: String,
    branch: String,
    path: String,
    content: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secondary {
    enabled: bool,
}

/// Answers a control request; `path` starts after `/control/`.
pub fn answer(shared: &Shared, path: &str, received: &Received) -> Reply {
    match (received.method.clone(), path) {
        (Method::GET, "faults") => Reply::json(StatusCode::OK, &json!(shared.faults.waiting())),
        (Method::POST, "faults") => change(received, |fault: Fault| {
            shared.inject(fault).map_err(|error| error.to_string())
        }),
        (Method::DELETE, "faults") => {
            shared.faults.clear();
            done()
        }
        (Method::POST, "token") => change(received, |change: TokenChange| {
            shared.change_token(change.revoked, change.grant);
            Ok(())
        }),
        (Method::POST, "rate-limit") => change(received, |limit: RateLimit| {
            shared.set_rate_limit(limit);
            Ok(())
        }),
        (Method::POST, "secondary-limits") => change(received, |change: Secondary| {
            shared.state().limits.secondary = change.enabled;
            Ok(())
        }),
        (Method::POST, "archive") => change(received, |change: Archive| {
            shared.archive(&change.owner, &change.repo, change.archived)
        }),
        (Method::POST, "move-branch") => change(received, |change: MoveBranch| {
            let file = (change.path.as_str(), change.content.as_str());
            shared
                .move_branch(&change.owner, &change.repo, &change.branch, file)
                .map(drop)
        }),
        (Method::POST, "reset") => {
            shared.reset();
            done()
        }
        (Method::GET, "requests") => Reply::json(StatusCode::OK, &json!(shared.journal.requests())),
        (Method::GET, "repositories") => Reply::json(StatusCode::OK, &repositories(shared)),
        _ => Reply::json(StatusCode::NOT_FOUND, &hint()),
    }
}

fn repositories(shared: &Shared) -> Value {
    let state = shared.state();
    let all = state.repositories.values().map(|repository| {
        let refs: Value = repository
            .refs
            .iter()
            .map(|(name, id)| (name.clone(), json!(id)))
            .collect();
        json!({
            "full_name": repository.full_name(),
            "private": repository.private,
            "archived": repository.archived,
            "default_branch": repository.default_branch,
            "refs": refs,
        })
    });
    all.collect()
}

fn change<T: serde::de::DeserializeOwned>(
    received: &Received,
    apply: impl FnOnce(T) -> Result<(), String>,
) -> Reply {
    let read = serde_json::from_slice(&received.body).map_err(|error| error.to_string());
    match read.and_then(apply) {
        Ok(()) => done(),
        Err(error) => Reply::json(StatusCode::BAD_REQUEST, &json!({ "error": error })),
    }
}

fn done() -> Reply {
    Reply::json(StatusCode::OK, &json!({ "ok": true }))
}

fn hint() -> Value {
    json!({
        "error": "no such control",
        "controls": {
            "GET|POST|DELETE /control/faults": "faults: {target, kind, times}",
            "POST /control/token": "{revoked, grant: {kind: classic, scopes} or {kind: fine_grained, permissions, repositories}}",
            "POST /control/rate-limit": "{limit, remaining, reset_seconds}",
            "POST /control/secondary-limits": "{enabled}",
            "POST /control/archive": "{owner, repo, archived}",
            "POST /control/move-branch": "{owner, repo, branch, path, content}: a foreign commit",
            "POST /control/reset": "forget repositories, requests, faults and used limits",
            "GET /control/requests": "what was asked, with verdicts",
            "GET /control/repositories": "what there is",
        },
    })
}
