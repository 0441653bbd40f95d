//! Slack's Web API: the methods in use, and what an answer means.
//! <https://docs.slack.dev/apis/web-api/>

use hookyard_plugin_sdk::http::{Error, Request, Response};
use hookyard_plugin_sdk::{Failure, secrets, warn};
use serde_json::{Value, json};
use slack_message::busy;

use crate::errors;

/// Bytes of an answer worth reading: Slack echoes the message with its blocks.
const MAX_ANSWER: usize = 1024 * 1024;

/// Messages of a page of a conversation.
const PAGE: u32 = 100;

/// Pages that a look into a conversation reads at most: a thousand messages since the delivery was made. It costs
/// these requests only where so much was written meanwhile.
const MAX_PAGES: u32 = 10;

/// What Slack says when the message that is to be updated or replied to is no longer there, or not to be changed.
const GONE: [&str; 7] = [
    "message_not_found",
    "cant_update_message",
    "edit_window_closed",
    "thread_not_found",
    "invalid_thread_ts",
    "cannot_reply_to_message",
    "parent_message_not_found",
];

/// What Slack says when the app may not read a conversation.
const UNREADABLE: [&str; 4] = [
    "missing_scope",
    "no_permission",
    "not_in_channel",
    "access_denied",
];

/// Why a call brought nothing.
struct Refused {
    /// Slack's word, or none when Slack did not come to say one.
    word: Option<String>,
    /// Whether the host refused the request.
    denied: bool,
    failure: Failure,
}

impl Refused {
    fn is(&self, words: &[&str]) -> bool {
        self.word.as_deref().is_some_and(|word| words.contains(&word))
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self {
            word: None,
            denied: false,
            failure,
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        refused.failure
    }
}

/// A span of a conversation, in seconds since 1970.
pub(crate) struct Span {
    pub oldest: u64,
    pub latest: u64,
}

/// What a look into a conversation came to.
pub(crate) enum Look {
    /// The message's `ts`.
    Found(String),
    Missing,
    /// The app may not read it.
    Unreadable,
    /// More was written than [`MAX_PAGES`] hold.
    TooMany,
}

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
        Ok(self.call("auth.test", |url| Ok(Request::get(url)))?)
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

    /// Posts a message; Slack's answer has its channel and its `ts`. None when the thread it belongs to is gone.
    pub(crate) fn post(&self, message: &Value) -> Result<Option<Value>, Failure> {
        unless_gone(self.call("chat.postMessage", |url| Request::post(url).json(message)))
    }

    /// Changes a message. None when it is gone.
    pub(crate) fn update(&self, message: &Value) -> Result<Option<Value>, Failure> {
        unless_gone(self.call("chat.update", |url| Request::post(url).json(message)))
    }

    /// Looks for a message in a conversation, or in a thread in it, page by page. Neither method reads JSON. Both
    /// ends of the span are named: without `latest` Slack gives those closest to `oldest`.
    pub(crate) fn look(
        &self,
        channel: &str,
        thread: Option<&str>,
        span: &Span,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Look, Failure> {
        let method = if thread.is_some() {
            "conversations.replies"
        } else {
            "conversations.history"
        };
        let mut cursor = String::new();
        for _ in 0..MAX_PAGES {
            let answer = self.call(method, |url| {
                let request = Request::get(url)
                    .query("channel", channel)
                    .query("oldest", &span.oldest.to_string())
                    .query("latest", &span.latest.to_string())
                    .query("limit", &PAGE.to_string())
                    .query("include_all_metadata", "true");
                let request = match thread {
                    Some(ts) => request.query("ts", ts),
                    None => request,
                };
                Ok(match &*cursor {
                    "" => request,
                    cursor => request.query("cursor", cursor),
                })
            });
            let answer = match answer {
                Ok(answer) => answer,
                Err(refused) if refused.denied || refused.is(&UNREADABLE) => return Ok(Look::Unreadable),
                // The thread is gone, and with it what was posted to it.
                Err(refused) if refused.is(&GONE) => return Ok(Look::Missing),
                Err(refused) => return Err(refused.failure),
            };
            let messages = answer["messages"].as_array().map_or(&[][..], Vec::as_slice);
            if let Some(ts) = messages
                .iter()
                .find(|message| wanted(message))
                .and_then(|found| found["ts"].as_str())
            {
                return Ok(Look::Found(ts.to_owned()));
            }
            let next = answer["response_metadata"]["next_cursor"].as_str();
            next.unwrap_or_default().clone_into(&mut cursor);
            if cursor.is_empty() {
                return Ok(Look::Missing);
            }
        }
        Ok(Look::TooMany)
    }

    fn call(
        &self,
        method: &str,
        request: impl FnOnce(String) -> Result<Request, Failure>,
    ) -> Result<Value, Refused> {
        let request =
            request(format!("{}/{method}", self.base))?.header("authorization", self.bearer.clone());
        let response = request.max_body(MAX_ANSWER).send().map_err(|error| Refused {
            word: None,
            denied: matches!(error, Error::Denied(_)),
            failure: Failure::from(error).context(method),
        })?;
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

fn unless_gone(answer: Result<Value, Refused>) -> Result<Option<Value>, Failure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(refused) if refused.is(&GONE) => Ok(None),
        Err(refused) => Err(refused.failure),
    }
}

fn settle(method: &str, response: &Response) -> Result<Value, Refused> {
    // Slack names its reason in the body of a 429 and of some 5xx too; the status says enough.
    if let Some(failure) = busy(response) {
        return Err(failure.context(method).into());
    }
    let Ok(answer) = serde_json::from_slice::<Value>(&response.body) else {
        return Err(not_json(method, response).into());
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
        Some(false) => Err(Refused {
            word: answer["error"].as_str().map(str::to_owned),
            denied: false,
            failure: errors::settle(method, &answer, response.retry_after()),
        }),
        None => Err(Failure::reject(format!(
            "{method}: the answer (HTTP {}) is none of Slack's: it has no `ok`; check `api-base` in plugins.toml",
            response.status
        ))
        .into()),
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
