//! The host's HTTP interface as a plain client sees it.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use ureq::Agent;

/// Longest wait for one answer: above the 30 s after which the host itself gives a request up.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(40);

/// A client of one base URL.
pub struct Api {
    agent: Agent,
    base: String,
    token: String,
}

/// An answer: its status, what it says about coming again, and its JSON.
pub struct Answer {
    pub status: u16,
    pub retry_after: bool,
    /// It is that of an earlier request with the same `Idempotency-Key`.
    pub replayed: bool,
    pub body: Value,
}

impl Answer {
    /// Whether it is a 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The JSON of a 2xx.
    ///
    /// # Errors
    /// Any other status, with the answer's own words.
    pub fn success(self, what: &str) -> anyhow::Result<Value> {
        if !self.is_success() {
            bail!("{what} answered {}: {}", self.status, self.body);
        }
        Ok(self.body)
    }
}

/// A client that keeps its connections, asks no proxy, and takes every status for an answer.
pub fn agent(within: Duration) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(within))
        .proxy(None)
        .build()
        .into()
}

impl Api {
    /// A client of the given base URL; without a token when it is empty.
    pub fn new(base: &str, token: &str) -> Self {
        Self {
            agent: agent(ANSWER_WITHIN),
            base: base.to_owned(),
            token: token.to_owned(),
        }
    }

    /// GET a path.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub fn get(&self, path: &str) -> anyhow::Result<Answer> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if !self.token.is_empty() {
            request = request.header("Authorization", format!("Bearer {}", self.token));
        }
        answer(request.call()?)
    }

    /// POST JSON text.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub fn post(&self, path: &str, body: &str) -> anyhow::Result<Answer> {
        self.post_as(path, None, body)
    }

    /// POST JSON text under an `Idempotency-Key`.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub fn post_once(&self, path: &str, key: &str, body: &str) -> anyhow::Result<Answer> {
        self.post_as(path, Some(key), body)
    }

    fn post_as(&self, path: &str, key: Option<&str>, body: &str) -> anyhow::Result<Answer> {
        let mut headers = vec![("Content-Type", "application/json".to_owned())];
        if !self.token.is_empty() {
            headers.push(("Authorization", format!("Bearer {}", self.token)));
        }
        headers.extend(key.map(|key| ("Idempotency-Key", key.to_owned())));
        self.post_with(path, &headers, body)
    }

    /// POST text with headers that say what it is and prove where it comes from, in place of a token.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub fn post_with(&self, path: &str, headers: &[(&str, String)], body: &str) -> anyhow::Result<Answer> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, value.as_str());
        }
        answer(request.send(body)?)
    }

    /// Registers a sender of this name and signs in; the token.
    ///
    /// # Errors
    /// When either is refused.
    pub fn register(&self, username: &str) -> anyhow::Result<String> {
        let password = format!("{:032x}", rand::random::<u128>());
        let body = json!({"username": username, "password": password, "email": "sender@example.test"});
        self.post("/api/auth/register/", &body.to_string())?
            .success("register")?;
        let tokens = self.post("/api/auth/token/", &body.to_string())?;
        let tokens = tokens.success("sign in")?;
        Ok(tokens["access"].as_str().context("no token")?.to_owned())
    }
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> anyhow::Result<Answer> {
    let headers = response.headers();
    let retry_after = headers.contains_key("retry-after");
    let replayed = headers.contains_key("idempotent-replayed");
    let status = response.status().as_u16();
    let text = response
        .body_mut()
        .read_to_string()
        .context("the answer broke off")?;
    Ok(Answer {
        status,
        retry_after,
        replayed,
        body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
    })
}
