//! Files one by one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::client;
use crate::support::github::{delete, get, github, post, put, with_repository};

#[tokio::test]
async fn a_file_is_made_changed_and_removed_with_its_sha() {
    let (github, repo) = with_repository().await;
    let at = format!("{repo}/contents/processes/größe.py");
    let made = put(
        &github,
        &at,
        &json!({"message": "add", "content": STANDARD.encode("print(1)\n")}),
    )
    .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let sha = made.text("/content/sha");

    let without = put(&github, &at, &json!({"message": "m", "content": ""})).await;
    assert_eq!(without.status, 422);
    assert_eq!(without.message(), "Invalid request.\n\n\"sha\" wasn't supplied.");
    let wrong = "0".repeat(40);
    let refused = put(
        &github,
        &at,
        &json!({"message": "m", "content": "", "sha": wrong}),
    )
    .await;
    assert_eq!(refused.status, 409);
    assert_eq!(
        refused.message(),
        format!("processes/größe.py does not match {wrong}")
    );

    let changed = put(
        &github,
        &at,
        &json!({"message": "m", "content": STANDARD.encode("print(2)\n"), "sha": sha}),
    )
    .await;
    assert_eq!(changed.status, 200);
    let read = get(&github, &at).await;
    assert_eq!(read.text("/content"), "cHJpbnQoMikK\n");
    let stale = delete(&github, &at, Some(&json!({"message": "m", "sha": sha}))).await;
    assert_eq!(stale.status, 409);
    let now = json!({"message": "m", "sha": read.text("/sha")});
    assert_eq!(delete(&github, &at, Some(&now)).await.status, 200);
    assert_eq!(get(&github, &at).await.status, 404);
    assert_eq!(delete(&github, &at, Some(&now)).await.status, 404);
    let view = github.repo("ada", "backup").expect("it");
    assert_eq!(view.commits_of("main").len(), 4);
    assert_eq!(view.files_at("main").len(), 1, "the empty folder is gone");
}

#[tokio::test]
async fn an_empty_repository_gets_its_first_commit_here() {
    let github = github().await;
    github.add_repo("ada", "backup", true);
    let repo = "/repos/ada/backup";
    let empty = get(&github, &format!("{repo}/contents/")).await;
    assert_eq!(
        (empty.status, empty.message()),
        (404, "This repository is empty.")
    );
    let made = put(
        &github,
        &format!("{repo}/contents/a.py"),
        &json!({"message": "first", "content": ""}),
    )
    .await;
    assert_eq!(made.status, 201);
    assert_eq!(made.body["commit"]["parents"], json!([]));
    assert_eq!(
        get(&github, &format!("{repo}/git/ref/heads/main")).await.status,
        200
    );
}

#[tokio::test]
async fn folders_are_listed_and_raw_bytes_given() {
    let (github, repo) = with_repository().await;
    let body = json!({"message": "m", "content": STANDARD.encode("x = 1\n")});
    put(&github, &format!("{repo}/contents/src/a.py"), &body).await;
    let root = get(&github, &format!("{repo}/contents")).await;
    let names: Vec<_> = root
        .body
        .as_array()
        .expect("a list")
        .iter()
        .map(|e| (e["name"].clone(), e["type"].clone()))
        .collect();
    assert_eq!(
        names,
        [(json!("README.md"), json!("file")), (json!("src"), json!("dir"))]
    );
    let raw = client()
        .get(format!("{}{repo}/contents/src/a.py", github.base_url()))
        .header("user-agent", "tests")
        .header("accept", "application/vnd.github.raw+json")
        .bearer_auth(github.token())
        .send()
        .await
        .expect("an answer");
    assert_eq!(raw.text().await.expect("text"), "x = 1\n");
    let elsewhere = get(&github, &format!("{repo}/contents/src/a.py?ref=nowhere")).await;
    assert_eq!(
        (elsewhere.status, elsewhere.message()),
        (404, "No commit found for the ref nowhere")
    );
}

#[tokio::test]
async fn a_file_over_a_mebibyte_comes_without_its_content() {
    let (github, repo) = with_repository().await;
    let script = "#".repeat(1024 * 1024 + 1);
    let at = format!("{repo}/contents/large.py");
    let body = json!({"message": "m", "content": STANDARD.encode(&script)});
    assert_eq!(put(&github, &at, &body).await.status, 201);
    let read = get(&github, &at).await;
    assert_eq!(
        (read.text("/content"), read.text("/encoding")),
        (String::new(), "none".to_owned())
    );
    assert_eq!(read.body["size"], script.len());
    let blob = get(&github, &format!("{repo}/git/blobs/{}", read.text("/sha"))).await;
    let content = blob.text("/content").replace('\n', "");
    assert_eq!(STANDARD.decode(content).expect("base64"), script.as_bytes());
}

#[tokio::test]
async fn bad_paths_branches_and_contents_are_refused() {
    let (github, repo) = with_repository().await;
    let body = json!({"message": "m", "content": ""});
    for path in ["a//b.py", ".git/config", "a/.GIT/b"] {
        let refused = put(&github, &format!("{repo}/contents/{path}"), &body).await;
        assert_eq!(
            (refused.status, refused.message()),
            (422, "path contains a malformed path component"),
            "{path}"
        );
    }
    let at = format!("{repo}/contents/a.py");
    let branch = put(
        &github,
        &at,
        &json!({"message": "m", "content": "", "branch": "none"}),
    )
    .await;
    assert_eq!((branch.status, branch.message()), (404, "Branch none not found"));
    let text = put(&github, &at, &json!({"message": "m", "content": "not base64!"})).await;
    assert_eq!(
        (text.status, text.message()),
        (422, "content is not valid Base64")
    );
    let nobody = put(
        &github,
        &at,
        &json!({"message": "m", "content": "", "author": {"name": "", "email": "e"}}),
    )
    .await;
    assert_eq!(nobody.message(), "Invalid request.\n\n\"name\" wasn't supplied.");
    let unknown = post(&github, &format!("{repo}/contents/a.py"), &body).await;
    assert_eq!(unknown.status, 404, "POST is not served there");
}
