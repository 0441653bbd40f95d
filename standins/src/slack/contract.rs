//! Slack's own description of its Web API, read from `contracts/slack/web-api.json`.

use std::collections::BTreeMap;

use serde_json::Value;

const DESCRIPTION: &str = include_str!("../../../contracts/slack/web-api.json");

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Text that holds JSON, or the JSON itself in a JSON body.
    Json,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
}

/// One argument of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Whether a call without it is refused.
    pub required: bool,
    /// What it must be.
    pub kind: Kind,
}

/// One method of the Web API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// Its name, such as `chat.postMessage`.
    pub name: String,
    /// Whether it reads: then GET and POST both call it, else POST alone.
    pub reads: bool,
    /// Whether it takes its arguments from a JSON body.
    pub takes_json: bool,
    /// Its arguments without the token.
    pub arguments: Vec<Argument>,
    /// Scopes of which the token needs one; empty when none is needed.
    pub scopes: Vec<String>,
    /// Fields a successful answer must have.
    pub answers: Vec<String>,
}

/// Why the description cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// It is not JSON.
    #[error("contracts/slack/web-api.json is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A part is missing.
    #[error("contracts/slack/web-api.json: {0} is missing or of the wrong type")]
    Missing(String),
}

/// The methods described, by name.
pub fn methods() -> Result<BTreeMap<String, Method>, ContractError> {
    let description: Value = serde_json::from_str(DESCRIPTION)?;
    let paths = object(&description, "paths")?;
    let mut methods = BTreeMap::new();
    for (path, verbs) in paths {
        let name = path.trim_start_matches('/').to_owned();
        let (verb, operation) = verbs
            .as_object()
            .and_then(|verbs| verbs.iter().next())
            .ok_or_else(|| ContractError::Missing(format!("paths/{name}")))?;
        methods.insert(name.clone(), method(name, verb == "get", operation)?);
    }
    Ok(methods)
}

fn method(name: String, reads: bool, operation: &Value) -> Result<Method, ContractError> {
    let arguments = list(operation, "parameters", &name)?
        .iter()
        .filter(|parameter| parameter["name"] != "token")
        .map(|parameter| argument(parameter, &name))
        .collect::<Result<_, _>>()?;
    let takes_json = list(operation, "consumes", &name)?
        .iter()
        .any(|kind| kind == "application/json");
    let answers = operation["responses"]["200"]["schema"]["required"].as_array();
    Ok(Method {
        reads,
        takes_json,
        arguments,
        scopes: scopes(operation),
        answers: answers
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        name,
    })
}

fn argument(parameter: &Value, method: &str) -> Result<Argument, ContractError> {
    let name = parameter["name"]
        .as_str()
        .ok_or_else(|| ContractError::Missing(format!("{method}: name")))?;
    let description = parameter["description"].as_str().unwrap_or_default();
    let kind = match parameter["type"].as_str() {
        Some("boolean") => Kind::Boolean,
        Some("integer") => Kind::Integer,
        Some("string") if description.contains("JSON") => Kind::Json,
        // A stamp: a number with more digits than a float has.
        Some("string" | "number") => Kind::Text,
        _ => return Err(ContractError::Missing(format!("{method}: type of {name}"))),
    };
    Ok(Argument {
        name: name.to_owned(),
        required: parameter["required"] == true,
        kind,
    })
}

/// The description still has the names of 2021; today's tokens carry today's.
fn scopes(operation: &Value) -> Vec<String> {
    let named = operation["security"][0]["slackAuth"].as_array();
    let mut scopes: Vec<String> = named
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|scope| *scope != "none")
        .map(|scope| match scope {
            "chat:write:user" | "chat:write:bot" => "chat:write".to_owned(),
            "channels:write" => "channels:join".to_owned(),
            other => other.to_owned(),
        })
        .collect();
    scopes.dedup();
    scopes
}

fn object<'a>(value: &'a Value, key: &str) -> Result<&'a serde_json::Map<String, Value>, ContractError> {
    value[key]
        .as_object()
        .ok_or_else(|| ContractError::Missing(key.to_owned()))
}

fn list<'a>(value: &'a Value, key: &str, method: &str) -> Result<&'a Vec<Value>, ContractError> {
    value[key]
        .as_array()
        .ok_or_else(|| ContractError::Missing(format!("{method}: {key}")))
}
