//! Slack's Web API: the four methods in use, and what an answer means.
//! <https://docs.slack.dev/apis/web-api/>

use hookyard_plugin_sdk::http::{Request, Response};
use hookyard_plugin_sdk::{Failure, secrets, warn};
use serde_json::{Value, json};
use slack_message::busy;

use crate::errors;

/// Bytes of an answer worth reading: Slack echoes the message with its blocks.
const MAX_ANSWER: usize = 1024 * 1024;

/// A way to Slack: where it is, and the stand-in for the token.
pub(crate) struct Api {
    base: String,
    bearer: String,
}

impl Api {
    pub(crate) fn new(base: &str) -> Result<Self, Failure> {
        let bearer = format!("Bearer {}", secrets::reference("bot-token")?);
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            bearer,
        })
    }

    /// Who the token belongs to.
    pub(crate) fn auth_test(&self) -> Result<Value, Failure> {
        self.call("auth.test", |url| Ok(Request::get(url)))
    }

    /// The member with this e-mail. The method reads no JSON, so the argument is in the query.
    pub(crate) fn user_by_email(&self, email: &str) -> Result<String, Failure> {
        let answer = self.call("users.lookupByEmail", |url| {
            Ok(Request::get(url).query("email", email))
        })?;
        id("users.lookupByEmail", &answer["user"])
    }

    /// The direct conversation with a member, made when there is none.
    pub(crate) fn open_dm(&self, user: &str) -> Result<String, Failure> {
        let answer = self.call("conversations.open", |url| {
            Request::post(url).json(&json!({"users": user}))
        })?;
        id("conversations.open", &answer["channel"])
    }

    /// Posts a message; Slack's answer has its channel and its `ts`.
    pub(crate) fn post(&self, message: &Value) -> Result<Value, Failure> {
        self.call("chat.postMessage", |url| Request::post(url).json(message))
    }

    fn call(
        &self,
        method: &str,
        request: impl FnOnce(String) -> Result<Request, Failure>,
    ) -> Result<Value, Failure> {
        let request =
            request(format!("{}/{method}", self.base))?.header("authorization", self.bearer.clone());
        let response = request
            .max_body(MAX_ANSWER)
            .send()
            .map_err(|error| Failure::from(error).context(method))?;
        settle(method, &response)
    }
}

fn id(method: &str, object: &Value) -> Result<String, Failure> {
    let missing = || {
        Failure::reject(format!(
            "{method}: Slack's answer has no id; check `api-base` in plugins.toml"
        ))
    };
    object["id"].as_str().map(str::to_owned).ok_or_else(missing)
}

fn settle(method: &str, response: &Response) -> Result<Value, Failure> {
    // Slack names its reason in the body of a 429 and of some 5xx too; the status says enough.
    if let Some(failure) = busy(response) {
        return Err(failure.context(method));
    }
    let Ok(answer) = serde_json::from_slice::<Value>(&response.body) else {
        return Err(not_json(method, response));
    };
    match answer["ok"].as_bool() {
        Some(true) => {
            for warning in answer["response_metadata"]["warnings"]
                .as_array()
                .into_iter()
                .flatten()
            {
                warn!("{method}: Slack warns: {}", warning.as_str().unwrap_or("?"));
            }
            Ok(answer)
        }
        Some(false) => Err(errors::settle(method, &answer, response.retry_after())),
        None => Err(Failure::reject(format!(
            "{method}: the answer (HTTP {}) is none of Slack's: it has no `ok`; check `api-base` in plugins.toml",
            response.status
        ))),
    }
}

/// A 200 that is no JSON broke off or was garbled on the way; any other status means that no Slack
/// is at this address.
fn not_json(method: &str, response: &Response) -> Failure {
    let status = response.status;
    if response.is_success() {
        Failure::retry(format!(
            "{method}: the answer (HTTP {status}) broke off or is no JSON"
        ))
    } else {
        Failure::reject(format!(
            "{method}: HTTP {status} and no JSON; check `api-base` in plugins.toml"
        ))
    }
}
