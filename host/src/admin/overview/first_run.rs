//! While nothing was ever received: how to send a first event.

use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::uri::Authority;

use super::super::guard::MayLook;
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
        let address = match &state.public_url {
            Some(public) => public.of(path),
            None => format!("http://{}{path}", host(headers)),
        };
        Ok(Self {
            curl: Some(format!(
                "curl '{address}' \\\n  -H 'Authorization: Bearer {token}' \\\n  \
                 -H 'Content-Type: application/json' \\\n  -d '{{\"hello\": \"world\"}}'"
            )),
        })
    }
}

/// The host by which the browser reached us. What is no host, and could be more of a command than one, is left out.
fn host(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = host.and_then(|host| host.parse::<Authority>().ok());
    let is_plain = |authority: &Authority| {
        authority
            .as_str()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
    };
    authority
        .filter(is_plain)
        .map_or_else(|| "localhost:8080".to_owned(), |authority| authority.to_string())
}
