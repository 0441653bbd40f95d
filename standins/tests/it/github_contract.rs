//! The stand-in against GitHub's own description.

use reqwest::Method;
use serde_json::{Value, json};
use standins::github::contract::{Contract, Operation};
use standins::github::{GitHub, Grant, Limits};

use crate::support::client;
use crate::support::github::{github, post, send, with_repository};

/// The operations that change a repository and take a body, with its address.
fn writing(contract: &Contract) -> Vec<(&Operation, String)> {
    let of_repository = |operation: &&Operation| {
        operation.body.is_some() && operation.template.starts_with("/repos/{owner}/{repo}")
    };
    let path = |operation: &Operation| {
        operation
            .template
            .replace("{owner}", "ada")
            .replace("{repo}", "backup")
            .replace("{ref}", "heads/main")
            .replace("{path}", "a.py")
    };
    contract
        .operations
        .iter()
        .filter(of_repository)
        .map(|operation| (operation, path(operation)))
        .collect()
}

fn method(operation: &Operation) -> Method {
    operation.method.parse().expect("a method")
}

/// A value of the type that a schema asks for.
fn sample(schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("array") => json!([]),
        Some("boolean") => json!(true),
        Some("object") => json!({}),
        _ => json!("text"),
    }
}

async fn unlimited() -> GitHub {
    let (github, _) = with_repository().await;
    github.set_limits(Limits {
        secondary: false,
        ..Limits::default()
    });
    github
}

#[tokio::test]
async fn every_missing_required_member_is_named() {
    let github = unlimited().await;
    let contract = Contract::read().expect("the description");
    let mut checked = 0;
    for (operation, path) in writing(&contract) {
        let schema = operation.body.as_ref().expect("a body");
        let required: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for missing in &required {
            let others = required.iter().filter(|name| *name != missing);
            let body: Value = others
                .map(|name| ((*name).to_owned(), sample(&schema["properties"][name])))
                .collect();
            let refused = send(&github, method(operation), &path, Some(&body)).await;
            assert_eq!(refused.status, 422, "{} without {missing}", operation.target());
            assert_eq!(
                refused.message(),
                format!("Invalid request.\n\n\"{missing}\" wasn't supplied.")
            );
            assert_eq!(refused.text("/documentation_url"), operation.documentation);
            checked += 1;
        }
    }
    assert!(checked >= 10, "the description names required members: {checked}");
}

#[tokio::test]
async fn every_mistyped_member_is_named() {
    let github = unlimited().await;
    let contract = Contract::read().expect("the description");
    let mut checked = 0;
    for (operation, path) in writing(&contract) {
        let schema = operation.body.as_ref().expect("a body");
        for (name, member) in schema["properties"].as_object().expect("members") {
            let Some(kind) = member["type"].as_str().filter(|_| member["nullable"] != true) else {
                continue;
            };
            let (value, shown) = if kind == "integer" {
                (json!("x"), "\"x\"")
            } else {
                (json!(7), "7")
            };
            let body = json!({ name: value });
            let refused = send(&github, method(operation), &path, Some(&body)).await;
            assert_eq!(refused.status, 422, "{} with {name}", operation.target());
            let expected = format!("For 'properties/{name}', {shown} is not a");
            assert!(refused.message().contains(&expected), "{}", refused.message());
            checked += 1;
        }
    }
    assert!(checked >= 30, "the description types its members: {checked}");
}

#[tokio::test]
async fn a_body_that_is_no_object_is_refused() {
    let github = github().await;
    for (body, message) in [
        ("{", "Problems parsing JSON"),
        ("[1]", "Body should be a JSON object"),
    ] {
        let refused = client()
            .post(format!("{}/user/repos", github.base_url()))
            .header("user-agent", "tests")
            .bearer_auth(github.token())
            .body(body)
            .send()
            .await
            .expect("an answer");
        assert_eq!(refused.status(), 400);
        let answer: Value = serde_json::from_str(&refused.text().await.expect("text")).expect("JSON");
        assert_eq!(answer["message"], message);
    }
}

#[tokio::test]
async fn an_unknown_member_is_ignored_and_noted() {
    let github = github().await;
    let made = post(&github, "/user/repos", &json!({"name": "x", "colour": "red"})).await;
    assert_eq!(made.status, 201);
    assert_eq!(
        github.requests()[0].warnings,
        ["unknown member \"colour\", ignored"]
    );
}

#[tokio::test]
async fn every_operation_described_is_served() {
    let github = unlimited().await;
    github.set_token_grant(Grant::Classic {
        scopes: vec!["repo".to_owned(), "delete_repo".to_owned()],
    });
    let contract = Contract::read().expect("the description");
    assert!(contract.operations.len() >= 35, "{}", contract.operations.len());
    for operation in &contract.operations {
        let path = operation
            .template
            .replace("{owner}", "nobody")
            .replace("{repo}", "nothing");
        let (found, _) = contract
            .find(&operation.method, &path)
            .expect("it is found by its own path");
        assert_eq!(found.target(), operation.target());
    }
}
