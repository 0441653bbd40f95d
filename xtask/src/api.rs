//! The host's and the stand-ins' HTTP interfaces, as a plain client sees them.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use ureq::Agent;

/// Longest wait for one answer on loopback.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A client of one base URL.
pub struct Api {
    agent: Agent,
    base: String,
    token: Option<String>,
}

/// An answer: its status and its JSON.
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// The JSON of a 2xx.
    ///
    /// # Errors
    /// Any other status, with the answer's own words.
    pub fn success(self, what: &str) -> anyhow::Result<Value> {
        if !(200..300).contains(&self.status) {
            let detail = self.body["detail"].as_str().unwrap_or("no detail");
            bail!("{what} answered {}: {detail}", self.status);
        }
        Ok(self.body)
    }
}

impl Api {
    /// A client of the given base URL, without a token.
    pub fn new(base: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_WITHIN))
            // Loopback: a proxy of the environment is not ours to ask.
            .proxy(None)
            .build();
        Self {
            agent: config.into(),
            base: base.trim_end_matches('/').to_owned(),
            token: None,
        }
    }

    /// Send this bearer token from now on.
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// GET a path.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn get(&self, path: &str) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.base);
        let mut request = self.agent.get(&url);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        answer(request.call().with_context(|| format!("GET {url}"))?)
    }

    /// POST JSON text, as it is, with extra headers.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn post(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.base);
        let mut request = self.agent.post(&url).header("Content-Type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send(body).with_context(|| format!("POST {url}"))?)
    }

    /// An access token for a name and password; none when they are refused.
    ///
    /// # Errors
    /// When there is no answer, or one that is neither a token nor a refusal.
    pub fn sign_in(&self, username: &str, password: &str) -> anyhow::Result<Option<String>> {
        let body = json!({"username": username, "password": password}).to_string();
        let answer = self.post("/api/auth/token/", &body, &[])?;
        if answer.status == 401 {
            return Ok(None);
        }
        let tokens = answer.success("POST /api/auth/token/")?;
        let access = tokens["access"]
            .as_str()
            .context("the answer has no access token")?;
        Ok(Some(access.to_owned()))
    }
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> anyhow::Result<Answer> {
    let status = response.status().as_u16();
    let text = response
        .body_mut()
        .read_to_string()
        .context("the answer broke off")?;
    Ok(Answer {
        status,
        body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
    })
}
