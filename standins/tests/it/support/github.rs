//! A started stand-in of GitHub, and requests whose answers are checked against GitHub's own description.

use std::sync::LazyLock;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use standins::github::contract::Contract;
use standins::github::{GitHub, Options};

use super::client;

/// GitHub's description, whole.
static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../contracts/github/openapi.json");
    let text = std::fs::read_to_string(path).expect("the description is kept in contracts/");
    let mut description = serde_json::from_str(&text).expect("the description is JSON");
    as_json_schema(&mut description);
    description
});

/// The operations served.
static CONTRACT: LazyLock<Contract> = LazyLock::new(|| Contract::read().expect("the description"));

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The JSON; null when there is none.
    pub body: Value,
}

impl Answer {
    /// A header as text; empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// A text of the body.
    pub fn text(&self, pointer: &str) -> String {
        let value = self.body.pointer(pointer).and_then(Value::as_str);
        value
            .unwrap_or_else(|| panic!("{pointer} is no text in {}", self.body))
            .to_owned()
    }

    /// The sentence of a refusal.
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

/// A stand-in with the ordinary set-up.
pub async fn github() -> GitHub {
    GitHub::start(Options::default())
        .await
        .expect("a free loopback port")
}

/// A stand-in with a repository `ada/backup` that has one commit, and the address of its API.
pub async fn with_repository() -> (GitHub, String) {
    let github = github().await;
    let made = post(
        &github,
        "/user/repos",
        &json!({"name": "backup", "private": true, "auto_init": true}),
    )
    .await;
    assert_eq!(made.status, 201, "{}", made.body);
    (github, "/repos/ada/backup".to_owned())
}

/// A request with the stand-in's own token.
pub async fn send(github: &GitHub, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let bearer = format!("Bearer {}", github.token());
    send_as(github, Some(&bearer), method, path, body).await
}

/// A request with another `Authorization`, or with none.
pub async fn send_as(
    github: &GitHub,
    authorization: Option<&str>,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Answer {
    let mut request = client()
        .request(method.clone(), format!("{}{path}", github.base_url()))
        .header("user-agent", "tests")
        .header("accept", "application/vnd.github+json");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    if let Some(body) = body {
        request = request
            .header("content-type", "application/json")
            .body(body.to_string());
    }
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let text = response.text().await.expect("text");
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    assert_limits(&headers);
    assert_described(method.as_str(), path, status, &body);
    Answer {
        status,
        headers,
        body,
    }
}

/// A GET with the stand-in's own token.
pub async fn get(github: &GitHub, path: &str) -> Answer {
    send(github, Method::GET, path, None).await
}

/// A POST with the stand-in's own token.
pub async fn post(github: &GitHub, path: &str, body: &Value) -> Answer {
    send(github, Method::POST, path, Some(body)).await
}

/// A PATCH with the stand-in's own token.
pub async fn patch(github: &GitHub, path: &str, body: &Value) -> Answer {
    send(github, Method::PATCH, path, Some(body)).await
}

/// A PUT with the stand-in's own token.
pub async fn put(github: &GitHub, path: &str, body: &Value) -> Answer {
    send(github, Method::PUT, path, Some(body)).await
}

/// A DELETE with the stand-in's own token.
pub async fn delete(github: &GitHub, path: &str, body: Option<&Value>) -> Answer {
    send(github, Method::DELETE, path, body).await
}

/// Every answer says how much is left.
fn assert_limits(headers: &HeaderMap) {
    for name in ["limit", "remaining", "used", "reset", "resource"] {
        let name = format!("x-ratelimit-{name}");
        assert!(headers.contains_key(&name), "{name} is missing");
    }
}

/// A good answer has the form that GitHub's description gives it; a refusal has its two sentences.
fn assert_described(method: &str, path: &str, status: u16, body: &Value) {
    if status >= 400 {
        assert!(body["message"].is_string(), "{method} {path}: {status} {body}");
        assert!(body["documentation_url"].is_string(), "{method} {path}: {body}");
        return;
    }
    let path = path.split('?').next().unwrap_or_default();
    let (operation, _) = CONTRACT.find(method, path).expect("a served operation");
    let described = &DESCRIPTION["paths"][&operation.template][method.to_ascii_lowercase()];
    let schema = &described["responses"][status.to_string()]["content"]["application/json"]["schema"];
    if !schema.is_object() {
        return;
    }
    let whole = json!({"allOf": [schema], "components": DESCRIPTION["components"]});
    let validator = jsonschema::validator_for(&whole).expect("a schema");
    let wrong: Vec<String> = validator
        .iter_errors(body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{method} {path} {status}: {wrong:#?}\n{body:#}");
}

/// `OpenAPI` 3.0 writes `nullable` where JSON Schema has another type.
fn as_json_schema(node: &mut Value) {
    match node {
        Value::Array(items) => items.iter_mut().for_each(as_json_schema),
        Value::Object(members) => {
            members.values_mut().for_each(as_json_schema);
            if members.remove("nullable") == Some(json!(true)) {
                let inner = std::mem::take(members);
                members.insert("anyOf".to_owned(), json!([inner, {"type": "null"}]));
            }
        }
        _ => {}
    }
}
