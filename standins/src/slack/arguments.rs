//! Reads the arguments of a call: query, form or JSON, by the method's own description.

use std::collections::BTreeMap;

use serde_json::Value;
use url::form_urlencoded;

use super::contract::{Kind, Method};
use super::outcome::Refusal;
use crate::wire::Received;

/// The arguments of one call as sent, and the token.
#[derive(Debug, Default)]
pub struct Arguments {
    /// By name; the token is not among them.
    pub values: BTreeMap<String, Value>,
    /// From the header, else the form, else the query. A token in a JSON body is not one.
    pub token: Option<String>,
    /// Warnings Slack answers with.
    pub warnings: Vec<&'static str>,
    /// What Slack ignores without a word.
    pub ignored: Vec<String>,
}

impl Arguments {
    /// Reads what was sent, before anything is known to be right but its form.
    pub fn read(received: &Received, method: &Method) -> Result<Self, Refusal> {
        let mut arguments = Self::default();
        arguments.pairs(received.query.as_bytes())?;
        if received.method == hyper::Method::POST && !received.body.is_empty() {
            arguments.body(received, method)?;
        }
        if let Some(bearer) = received
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "))
        {
            arguments.token = Some(bearer.trim().to_owned());
        }
        Ok(arguments)
    }

    /// Checks the arguments against the description: required ones, types, unknown names.
    pub fn check(&mut self, method: &Method) -> Result<(), Refusal> {
        let mut wrong = Vec::new();
        for argument in &method.arguments {
            match self.values.get(&argument.name) {
                None if argument.required => wrong.push(format!("missing required field: {}", argument.name)),
                Some(Value::Array(_) | Value::Object(_)) if argument.kind != Kind::Json => {
                    return Err(Refusal::new("invalid_array_arg"));
                }
                Some(value) if !fits(value, argument.kind) => {
                    wrong.push(format!(
                        "{} [json-pointer:/{}]",
                        must_be(argument.kind),
                        argument.name
                    ));
                }
                _ => {}
            }
        }
        if !wrong.is_empty() {
            return Err(Refusal::detailed("invalid_arguments", wrong));
        }
        for name in self
            .values
            .keys()
            .filter(|name| !method.arguments.iter().any(|a| a.name == **name))
        {
            self.ignored
                .push(format!("unknown argument {name:?}, which Slack ignores"));
        }
        Ok(())
    }

    /// An argument as text; none when absent or empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    /// An argument as yes or no.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.values.get(name), Some(Value::Bool(true)))
            || matches!(self.text(name), Some("true" | "1"))
    }

    /// An argument that is JSON, or text that holds JSON.
    ///
    /// `None` when absent or empty, `Some(Err(()))` when the text is not JSON.
    pub fn json(&self, name: &str) -> Option<Result<Value, ()>> {
        match self.values.get(name)? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(serde_json::from_str(text).map_err(|_| ())),
            Value::Null => None,
            other => Some(Ok(other.clone())),
        }
    }

    fn body(&mut self, received: &Received, method: &Method) -> Result<(), Refusal> {
        let Some(content_type) = received.header("content-type") else {
            return Err(Refusal::new("missing_post_type"));
        };
        let (kind, charset) = content_type_parts(content_type);
        if charset
            .as_deref()
            .is_some_and(|charset| !matches!(charset, "utf-8" | "iso-8859-1"))
        {
            return Err(Refusal::new("invalid_charset"));
        }
        match kind.as_str() {
            "application/x-www-form-urlencoded" => {
                if charset.is_some() {
                    self.warnings.push("superfluous_charset");
                }
                self.pairs(&received.body)
            }
            "application/json" => {
                if charset.is_none() {
                    self.warnings.push("missing_charset");
                }
                self.json_body(&received.body, method)
            }
            // Slack takes plain text without looking into it.
            "text/plain" => Ok(()),
            _ => Err(Refusal::new("invalid_post_type")),
        }
    }

    fn json_body(&mut self, body: &[u8], method: &Method) -> Result<(), Refusal> {
        let body: Value = serde_json::from_slice(body).map_err(|_| Refusal::new("invalid_json"))?;
        let Value::Object(fields) = body else {
            return Err(Refusal::new("json_not_object"));
        };
        if !method.takes_json {
            self.ignored
                .push("a JSON body, which this method does not read".to_owned());
            return Ok(());
        }
        for (name, value) in fields {
            if name == "token" {
                self.ignored
                    .push("a token in the JSON body, which does not authenticate".to_owned());
            } else {
                self.values.insert(name, value);
            }
        }
        Ok(())
    }

    fn pairs(&mut self, encoded: &[u8]) -> Result<(), Refusal> {
        if !well_encoded(encoded) {
            return Err(Refusal::new("invalid_form_data"));
        }
        for (name, value) in form_urlencoded::parse(encoded) {
            if name.ends_with("[]") {
                return Err(Refusal::new("invalid_array_arg"));
            }
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(Refusal::new("invalid_arg_name"));
            }
            if name == "token" {
                self.token = Some(value.into_owned());
            } else {
                self.values
                    .insert(name.into_owned(), Value::String(value.into_owned()));
            }
        }
        Ok(())
    }
}

fn fits(value: &Value, kind: Kind) -> bool {
    match (kind, value) {
        (_, Value::Null)
        | (Kind::Json, Value::String(_) | Value::Array(_) | Value::Object(_))
        | (Kind::Text, Value::String(_))
        | (Kind::Boolean, Value::Bool(_)) => true,
        (Kind::Boolean, Value::String(text)) => matches!(text.as_str(), "true" | "false" | "1" | "0" | ""),
        (Kind::Integer, Value::Number(number)) => number.is_i64(),
        (Kind::Integer, Value::String(text)) => text.parse::<i64>().is_ok(),
        _ => false,
    }
}

fn must_be(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "must provide a string",
        Kind::Json => "must provide a string, an object or an array",
        Kind::Boolean => "must provide a boolean",
        Kind::Integer => "must provide an integer",
    }
}

/// The media type and the charset, both in lower case.
pub fn content_type_parts(content_type: &str) -> (String, Option<String>) {
    let lower = content_type.to_ascii_lowercase();
    let mut parts = lower.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_owned();
    let charset = parts
        .find_map(|part| part.strip_prefix("charset="))
        .map(|c| c.trim_matches('"').to_owned());
    (kind, charset)
}

/// Whether every percent sign starts an escape and the text is UTF-8.
pub fn well_encoded(encoded: &[u8]) -> bool {
    let mut at = 0;
    let mut decoded = Vec::with_capacity(encoded.len());
    while let Some(&byte) = encoded.get(at) {
        if byte == b'%' {
            let digits = encoded
                .get(at + 1..at + 3)
                .and_then(|two| std::str::from_utf8(two).ok());
            let Some(Ok(byte)) = digits.map(|two| u8::from_str_radix(two, 16)) else {
                return false;
            };
            decoded.push(byte);
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    std::str::from_utf8(&decoded).is_ok()
}
