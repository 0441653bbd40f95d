//! `/control/…`: faults, reset, and what arrived; for scripts, as [`super::Slack`] is for tests.

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::state::{HookState, TokenState};
use crate::fault::Fault;
use crate::wire::{Received, Reply};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenChange {
    state: TokenState,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookChange {
    state: HookState,
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
            for token in shared.state().tokens.values_mut() {
                token.state = change.state;
            }
            Ok(())
        }),
        (Method::POST, "webhook") => change(received, |change: WebhookChange| {
            for hook in shared.state().hooks.values_mut() {
                hook.state = change.state;
            }
            Ok(())
        }),
        (Method::POST, "reset") => {
            shared.reset();
            done()
        }
        (Method::GET, "requests") => Reply::json(StatusCode::OK, &json!(shared.journal.requests())),
        (Method::GET, "messages") => Reply::json(StatusCode::OK, &json!(shared.state().workspace.messages)),
        _ => Reply::json(StatusCode::NOT_FOUND, &hint()),
    }
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
            "POST /control/token": "{state: active|revoked|inactive}",
            "POST /control/webhook": "{state: active|removed|prohibited}",
            "POST /control/reset": "forget messages, requests and faults",
            "GET /control/requests": "what was asked, with verdicts",
            "GET /control/messages": "what was accepted",
        },
    })
}
