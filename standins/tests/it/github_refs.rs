//! References: made, listed, removed.

use serde_json::json;

use crate::support::github::{delete, get, patch, post, with_repository};

#[tokio::test]
async fn references_are_made_listed_and_removed() {
    let (github, repo) = with_repository().await;
    let head = get(&github, &format!("{repo}/git/ref/heads/main")).await;
    let sha = head.text("/object/sha");
    let at = format!("{repo}/git/refs");
    for (name, sha, status, message) in [
        ("refs/heads/backup/daily", sha.as_str(), 201, ""),
        (
            "refs/heads/backup/daily",
            sha.as_str(),
            422,
            "Reference already exists",
        ),
        (
            "heads/x",
            sha.as_str(),
            422,
            "Reference name must start with 'refs' and contain at least three slash-separated components.",
        ),
        (
            "refs/heads/a..b",
            sha.as_str(),
            422,
            "refs/heads/a..b is not a valid ref name.",
        ),
        (
            "refs/heads/x",
            "short",
            422,
            "The sha parameter must be exactly 40 characters and contain only [0-9a-f].",
        ),
        ("refs/heads/x", &"1".repeat(40), 422, "Object does not exist"),
    ] {
        let made = post(&github, &at, &json!({"ref": name, "sha": sha})).await;
        assert_eq!((made.status, made.message()), (status, message), "{name}");
    }
    let found = get(&github, &format!("{repo}/git/matching-refs/heads/b")).await;
    assert_eq!(found.body[0]["ref"], "refs/heads/backup/daily");
    assert_eq!(
        get(&github, &format!("{repo}/branches"))
            .await
            .body
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(
        get(&github, &format!("{repo}/branches/backup/daily"))
            .await
            .text("/commit/sha"),
        sha
    );
    assert_eq!(
        delete(&github, &format!("{at}/heads/backup/daily"), None)
            .await
            .status,
        204
    );
    let again = delete(&github, &format!("{at}/heads/backup/daily"), None).await;
    assert_eq!((again.status, again.message()), (422, "Reference does not exist"));
    let missing = patch(&github, &format!("{at}/heads/none"), &json!({"sha": sha})).await;
    assert_eq!(
        (missing.status, missing.message()),
        (422, "Reference does not exist")
    );
}
