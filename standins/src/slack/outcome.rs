//! What a method answers: fields, or a refusal in Slack's words.

use serde_json::{Map, Value, json};

/// The fields of a successful answer, without `ok`.
pub type Fields = Map<String, Value>;

/// What a method comes to.
pub type Outcome = Result<Fields, Refusal>;

/// A call refused, as Slack refuses it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Slack's word.
    pub error: String,
    /// What is wrong, one sentence each; answered with `[ERROR] ` before it.
    pub details: Vec<String>,
    /// The scopes needed and those the token has.
    pub scopes: Option<(String, String)>,
    /// Seconds to wait, when the call came too soon.
    pub retry_after: Option<u64>,
}

impl Refusal {
    /// A refusal without details.
    pub fn new(error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            ..Self::default()
        }
    }

    /// A refusal that says what is wrong.
    pub fn detailed(error: &str, details: Vec<String>) -> Self {
        Self {
            error: error.to_owned(),
            details,
            ..Self::default()
        }
    }

    /// A refusal that says when to come again.
    pub fn rate_limited(retry_after: u64) -> Self {
        Self {
            error: "ratelimited".to_owned(),
            retry_after: Some(retry_after),
            ..Self::default()
        }
    }

    /// The answer's body.
    pub fn body(&self) -> Fields {
        let mut body = Fields::new();
        body.insert("ok".to_owned(), json!(false));
        body.insert("error".to_owned(), json!(self.error));
        if !self.details.is_empty() {
            let messages: Vec<String> = self
                .details
                .iter()
                .map(|detail| format!("[ERROR] {detail}"))
                .collect();
            body.insert("errors".to_owned(), json!(self.details));
            body.insert("response_metadata".to_owned(), json!({ "messages": messages }));
        }
        if let Some((needed, provided)) = &self.scopes {
            body.insert("needed".to_owned(), json!(needed));
            body.insert("provided".to_owned(), json!(provided));
        }
        body
    }
}
