//! Real exchanges with GitHub, asked of the stand-in again: the same statuses, the same members, and where git
//! decides, the same values.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use standins::github::{GitHub, Options};

use crate::support::client;
use crate::support::github::{Answer, get, put, send};

/// Who owned the recorded repositories.
const RECORDED_ORG: &str = "octokit-fixture-org";

fn recorded(name: &str) -> Vec<Value> {
    let path = format!(
        "{}/../contracts/github/recorded/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).expect("the exchange is kept in contracts/");
    serde_json::from_str(&text).expect("an exchange is JSON")
}

async fn of_org(repository: &str) -> GitHub {
    let github = GitHub::start(Options {
        org: RECORDED_ORG.to_owned(),
        ..Options::default()
    })
    .await
    .expect("a free loopback port");
    github.add_repo(RECORDED_ORG, repository, false);
    github
}

/// Sends what was recorded, with another body when the recorded one names commits that are not here.
async fn replay(github: &GitHub, exchange: &Value, body: Option<Value>) -> Answer {
    let method: Method = exchange["method"]
        .as_str()
        .expect("a method")
        .to_uppercase()
        .parse()
        .expect("a method");
    let path = exchange["path"].as_str().expect("a path");
    let recorded = Some(exchange["body"].clone()).filter(Value::is_object);
    let answer = send(github, method, path, body.or(recorded).as_ref()).await;
    assert_eq!(
        u64::from(answer.status),
        exchange["status"],
        "{path}: {}",
        answer.body
    );
    assert_same_members(&answer.body, &exchange["response"], path);
    answer
}

/// Every recorded member is answered, with the same type; texts that git or the request decides are equal.
fn assert_same_members(got: &Value, recorded: &Value, at: &str) {
    match recorded {
        Value::Object(members) => {
            for (name, recorded) in members {
                let got = got
                    .get(name)
                    .unwrap_or_else(|| panic!("{at}/{name} is missing in {got}"));
                assert_same_members(got, recorded, &format!("{at}/{name}"));
            }
        }
        Value::Array(items) => {
            assert_eq!(got.as_array().map(Vec::len), Some(items.len()), "{at}");
            for (n, item) in items.iter().enumerate() {
                assert_same_members(&got[n], item, &format!("{at}/{n}"));
            }
        }
        Value::String(text) if decided(at, text) => assert_eq!(got, recorded, "{at}"),
        Value::String(_) => assert!(got.is_string(), "{at}: {got}"),
        Value::Number(_) | Value::Bool(_) => assert_eq!(got, recorded, "{at}"),
        Value::Null => assert!(got.is_null() || got.is_string(), "{at}: {got}"),
    }
}

/// Whether a recorded text does not depend on who asked, when, or what the recording blanked.
fn decided(at: &str, text: &str) -> bool {
    let last = at.rsplit('/').next().unwrap_or_default();
    let blanked = text.starts_with("000000");
    matches!(
        last,
        "name" | "path" | "sha" | "type" | "message" | "ref" | "reason"
    ) && !blanked
        && !at.contains("author")
        && !at.contains("committer")
}

#[tokio::test]
async fn creating_a_file() {
    let github = of_org("create-file").await;
    let exchange = &recorded("create-file")[0];
    let answer = replay(&github, exchange, None).await;
    assert_eq!(
        answer.text("/content/sha"),
        "3f3f005b29247e51a4f4d6b8ce07b67646cd6074"
    );
    for (name, _) in exchange["headers"].as_object().expect("headers") {
        if name.starts_with("x-ratelimit") || name == "x-github-request-id" || name == "x-oauth-scopes" {
            assert!(answer.headers.contains_key(name), "{name}");
        }
    }
}

#[tokio::test]
async fn moving_references() {
    let github = of_org("git-refs").await;
    let repo = format!("/repos/{RECORDED_ORG}/git-refs");
    let mut commits = Vec::new();
    for (path, content) in [
        ("1.md", "# git-refs\ncreated with initial commit"),
        ("2.md", "# git-refs\ncreated with 2nd commit"),
    ] {
        let body = json!({"message": "m", "content": STANDARD.encode(content)});
        commits.push(
            put(&github, &format!("{repo}/contents/{path}"), &body)
                .await
                .text("/commit/sha"),
        );
    }
    let exchanges = recorded("git-refs");
    let [list, create, update, list_both, remove, ..] = exchanges.as_slice() else {
        panic!("five exchanges");
    };
    let listed = replay(&github, list, None).await;
    assert_eq!(listed.text("/0/object/sha"), commits[1]);
    let body = json!({"ref": "refs/heads/test", "sha": commits[0]});
    replay(&github, create, Some(body)).await;
    let moved = replay(&github, update, Some(json!({"sha": commits[1]}))).await;
    assert_eq!(moved.text("/object/sha"), commits[1]);
    replay(&github, list_both, None).await;
    let path = remove["path"].as_str().expect("a path");
    assert_eq!(send(&github, Method::DELETE, path, None).await.status, 204);
    assert_eq!(
        get(&github, &format!("{repo}/git/refs"))
            .await
            .body
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn reading_contents() {
    let github = of_org("hello-world").await;
    let repo = format!("/repos/{RECORDED_ORG}/hello-world");
    let body = json!({"message": "m", "content": STANDARD.encode("# hello-world")});
    put(&github, &format!("{repo}/contents/README.md"), &body).await;
    let exchanges = recorded("get-content");
    let listed = replay(&github, &exchanges[0], None).await;
    assert_eq!(listed.text("/0/sha"), "93a078d1c3f76aa1ca11def8f882a06df1d4a01b");
    let raw = client()
        .get(format!(
            "{}{}",
            github.base_url(),
            exchanges[1]["path"].as_str().expect("a path")
        ))
        .header("user-agent", "tests")
        .header(
            "accept",
            exchanges[1]["reqheaders"]["accept"].as_str().expect("a type"),
        )
        .bearer_auth(github.token())
        .send()
        .await
        .expect("an answer");
    assert_eq!(raw.text().await.expect("text"), exchanges[1]["response"]);
}
