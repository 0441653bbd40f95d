//! Faults on demand, by the control API and by the Rust API.

use serde_json::{Value, json};
use standins::fault::{Fault, FaultError, FaultKind};
use standins::github::{GitHub, Limits};

use crate::support::client;
use crate::support::github::{get, patch, post, put, with_repository};

fn fault(target: &str, kind: FaultKind) -> Fault {
    Fault {
        target: target.to_owned(),
        kind,
        times: 1,
    }
}

/// Commits of the repository's branch.
fn commits(github: &GitHub) -> usize {
    github.repo("ada", "backup").expect("it").commits_of("main").len()
}

async fn control(github: &GitHub, path: &str, body: &Value) -> (u16, Value) {
    let response = client()
        .post(format!("{}/control/{path}", github.base_url()))
        .body(body.to_string())
        .send()
        .await
        .expect("an answer");
    let status = response.status().as_u16();
    let text = response.text().await.expect("text");
    (status, serde_json::from_str(&text).expect("JSON"))
}

#[tokio::test]
async fn a_refusal_on_demand_changes_nothing_and_passes() {
    let (github, repo) = with_repository().await;
    let at = format!("{repo}/contents/a.py");
    let file = json!({"message": "m", "content": ""});
    let target = format!("PUT {at}");
    for (kind, status, retry_after) in [
        (FaultKind::RateLimited { retry_after: 7 }, 403, "7"),
        (
            FaultKind::Error {
                error: "server_error".to_owned(),
            },
            502,
            "",
        ),
        (
            FaultKind::Error {
                error: "conflict".to_owned(),
            },
            409,
            "",
        ),
    ] {
        github.inject(fault(&target, kind)).expect("a good fault");
        let refused = put(&github, &at, &file).await;
        assert_eq!(
            (refused.status, refused.header("retry-after")),
            (status, retry_after)
        );
        assert_eq!(commits(&github), 1);
    }
    github.set_limits(Limits {
        secondary_as_429: true,
        ..Limits::default()
    });
    github
        .inject(fault(
            "PUT /repos/{owner}/{repo}/contents/{path}",
            FaultKind::RateLimited { retry_after: 1 },
        ))
        .expect("a good fault");
    assert_eq!(put(&github, &at, &file).await.status, 429);
    assert_eq!(put(&github, &at, &file).await.status, 201);
    let seen = github.requests();
    assert!(
        seen[1]
            .fault
            .as_ref()
            .is_some_and(|fault| fault.contains("rate_limited"))
    );
}

#[tokio::test]
async fn a_cut_before_applies_nothing_and_a_cut_after_applies_all() {
    let (github, repo) = with_repository().await;
    let head = get(&github, &format!("{repo}/git/ref/heads/main"))
        .await
        .text("/object/sha");
    let tree = json!({"tree": [{"path": "a", "mode": "100644", "type": "blob", "content": "x"}]});
    let tree = post(&github, &format!("{repo}/git/trees"), &tree)
        .await
        .text("/sha");
    let commit = json!({"message": "m", "tree": tree, "parents": [head]});
    let commit = post(&github, &format!("{repo}/git/commits"), &commit)
        .await
        .text("/sha");
    let update = || {
        client()
            .patch(format!("{}{repo}/git/refs/heads/main", github.base_url()))
            .header("user-agent", "tests")
            .bearer_auth(github.token())
            .body(json!({"sha": commit}).to_string())
            .send()
    };
    let target = "PATCH /repos/{owner}/{repo}/git/refs/{ref}";
    github
        .inject(fault(target, FaultKind::CutBeforeEffect))
        .expect("a good fault");
    assert!(update().await.is_err());
    assert_eq!(commits(&github), 1);
    github
        .inject(fault(target, FaultKind::CutAfterEffect))
        .expect("a good fault");
    assert!(update().await.is_err());
    assert_eq!(commits(&github), 2);
    let again = patch(
        &github,
        &format!("{repo}/git/refs/heads/main"),
        &json!({"sha": commit}),
    )
    .await;
    assert_eq!(again.status, 200, "the same once more is no conflict");
    assert_eq!(commits(&github), 2);
    let unanswered = github
        .requests()
        .into_iter()
        .filter(|seen| seen.status.is_none())
        .count();
    assert_eq!(unanswered, 2);
}

#[tokio::test]
async fn faults_are_checked_when_they_are_set() {
    let (github, _) = with_repository().await;
    let unknown = fault("GET /gists", FaultKind::CutAfterEffect);
    assert_eq!(
        github.inject(unknown),
        Err(FaultError::Target("GET /gists".to_owned()))
    );
    let misnamed = FaultKind::Error {
        error: "sorry".to_owned(),
    };
    assert!(
        matches!(github.inject(fault("*", misnamed)), Err(FaultError::Error(name, _)) if name == "sorry")
    );
}

#[tokio::test]
async fn scripts_have_the_same_controls() {
    let (github, repo) = with_repository().await;
    let fault = json!({"target": "*", "kind": "status", "status": 503});
    assert_eq!(control(&github, "faults", &fault).await.0, 200);
    let answer = client()
        .get(format!("{}{repo}", github.base_url()))
        .header("user-agent", "tests")
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers()["retry-after"].as_bytes()
        ),
        (503, b"1".as_slice())
    );
    let at = json!({"owner": "ada", "repo": "backup"});
    let with = |more: Value| {
        let mut body = at.clone();
        body.as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        body
    };
    let moved = with(json!({"branch": "main", "path": "b", "content": "x"}));
    assert_eq!(control(&github, "move-branch", &moved).await.0, 200);
    assert_eq!(commits(&github), 2);
    assert_eq!(
        control(&github, "archive", &with(json!({"archived": true})))
            .await
            .0,
        200
    );
    assert!(github.repo("ada", "backup").expect("it").archived);
    let grant = json!({"grant": {"kind": "classic", "scopes": []}});
    assert_eq!(control(&github, "token", &grant).await.0, 200);
    assert_eq!(get(&github, &repo).await.status, 404);
    let limit = json!({"limit": 60, "remaining": 0, "reset_seconds": 60});
    assert_eq!(control(&github, "rate-limit", &limit).await.0, 200);
    assert_eq!(get(&github, &repo).await.status, 403);
    let missing = json!({"owner": "ada", "repo": "none", "archived": true});
    let (status, body) = control(&github, "archive", &missing).await;
    assert_eq!(
        (status, body["error"].as_str()),
        (400, Some("there is no repository ada/none; make it first"))
    );
    assert_eq!(control(&github, "reset", &json!({})).await.0, 200);
    assert_eq!(github.repositories(), Vec::<String>::new());
}
