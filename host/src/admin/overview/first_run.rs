//! While nothing was ever received: how to send a first event.

use axum::http::HeaderMap;

use super::super::guard::MayLook;
use super::super::shell;
use crate::domain::access::Right;
use crate::http::{ApiState, Problem};

/// What teaches.
pub struct FirstRun {
    /// A command with a fresh token of whoever looks; `None` for those who may not send.
    pub curl: Option<String>,
}

impl FirstRun {
    /// For who looks, at the address by which they came.
    pub fn of(state: &ApiState, by: &MayLook, headers: &HeaderMap) -> Result<Self, Problem> {
        if !by.user().may(Right::Send) {
            return Ok(Self { curl: None });
        }
        let token = state.auth.access_token(by.user())?;
        let path = "/api/webhooks/receive/?source=me&type=hello";
        let address = shell::address(state, headers, path);
        Ok(Self {
            curl: Some(format!(
                "curl '{address}' \\\n  -H 'Authorization: Bearer {token}' \\\n  \
                 -H 'Content-Type: application/json' \\\n  -d '{{\"hello\": \"world\"}}'"
            )),
        })
    }
}
