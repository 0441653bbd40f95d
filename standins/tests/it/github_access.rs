//! Who may do what, and in which words the rest is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::json;
use standins::github::{Grant, Level, Permissions};

use crate::support::client;
use crate::support::github::{get, github, post, put, send_as, with_repository};

fn fine_grained(permissions: &[(&str, Level)], repositories: Option<&[&str]>) -> Grant {
    let permissions: Permissions = permissions
        .iter()
        .map(|(name, level)| ((*name).to_owned(), *level))
        .collect();
    let repositories = repositories.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    Grant::FineGrained {
        permissions,
        repositories,
    }
}

#[tokio::test]
async fn a_request_without_an_agent_is_refused_in_plain_words() {
    let github = github().await;
    let refused = client()
        .get(format!("{}/user", github.base_url()))
        .bearer_auth(github.token())
        .send()
        .await
        .expect("an answer");
    assert_eq!(refused.status(), 403);
    let text = refused.text().await.expect("text");
    assert!(
        text.contains("make sure your request has a User-Agent header"),
        "{text}"
    );
}

#[tokio::test]
async fn a_token_is_taken_in_three_ways_and_a_bad_one_in_none() {
    let (github, repo) = with_repository().await;
    let token = github.token().to_owned();
    let basic = STANDARD.encode(format!("x-access-token:{token}"));
    for good in [
        format!("Bearer {token}"),
        format!("token {token}"),
        format!("Basic {basic}"),
    ] {
        assert_eq!(
            send_as(&github, Some(&good), Method::GET, &repo, None)
                .await
                .status,
            200
        );
    }
    for bad in ["Bearer wrong", "Basic ???", "Bearer", "Digest x"] {
        let refused = send_as(&github, Some(bad), Method::GET, &repo, None).await;
        assert_eq!(
            (refused.status, refused.message()),
            (401, "Bad credentials"),
            "{bad}"
        );
        assert_eq!(refused.text("/status"), "401");
    }
    github.revoke_token(true);
    assert_eq!(get(&github, &repo).await.message(), "Bad credentials");
    github.revoke_token(false);
    assert_eq!(get(&github, &repo).await.status, 200);
}

#[tokio::test]
async fn without_a_token_a_private_repository_is_not_there() {
    let (github, repo) = with_repository().await;
    github.add_repo("ada", "open", false);
    let hidden = send_as(&github, None, Method::GET, &repo, None).await;
    assert_eq!((hidden.status, hidden.message()), (404, "Not Found"));
    assert_eq!(hidden.header("x-ratelimit-limit"), "60");
    assert_eq!(
        send_as(&github, None, Method::GET, "/repos/ada/open", None)
            .await
            .status,
        200
    );
    let file = json!({"message": "m", "content": ""});
    let write = send_as(
        &github,
        None,
        Method::PUT,
        "/repos/ada/open/contents/a",
        Some(&file),
    )
    .await;
    assert_eq!((write.status, write.message()), (401, "Requires authentication"));
    let me = send_as(&github, None, Method::GET, "/user", None).await;
    assert_eq!((me.status, me.message()), (401, "Requires authentication"));
}

#[tokio::test]
async fn a_classic_token_needs_its_scope() {
    let (github, repo) = with_repository().await;
    github.add_repo("ada", "open", false);
    let body = json!({"message": "m", "content": ""});
    github.set_token_scopes(&["read:user"]);
    let hidden = get(&github, &repo).await;
    assert_eq!(
        (hidden.status, hidden.header("x-oauth-scopes")),
        (404, "read:user")
    );
    assert_eq!(
        put(&github, "/repos/ada/open/contents/a", &body).await.status,
        404
    );
    assert_eq!(
        post(&github, "/user/repos", &json!({"name": "new"})).await.status,
        404
    );
    github.set_token_scopes(&["public_repo"]);
    assert_eq!(get(&github, &repo).await.status, 404);
    assert_eq!(
        put(&github, "/repos/ada/open/contents/a", &body).await.status,
        201
    );
    assert_eq!(
        post(&github, "/user/repos", &json!({"name": "new", "private": true}))
            .await
            .status,
        404
    );
    assert_eq!(
        post(&github, "/user/repos", &json!({"name": "new"})).await.status,
        201
    );
}

#[tokio::test]
async fn a_fine_grained_token_needs_its_permission_and_its_repository() {
    let (github, repo) = with_repository().await;
    let at = format!("{repo}/contents/a");
    let body = json!({"message": "m", "content": ""});
    github.set_token_grant(fine_grained(
        &[("contents", Level::Read), ("metadata", Level::Read)],
        None,
    ));
    assert_eq!(
        get(&github, &format!("{repo}/contents/README.md")).await.status,
        200
    );
    let refused = put(&github, &at, &body).await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.message(),
        "Resource not accessible by personal access token"
    );
    assert_eq!(refused.header("x-accepted-github-permissions"), "contents=write");
    assert_eq!(refused.header("x-oauth-scopes"), "");
    let made = post(&github, "/user/repos", &json!({"name": "new"})).await;
    assert_eq!(made.message(), "Resource not accessible by personal access token");
    assert_eq!(
        made.header("x-accepted-github-permissions"),
        "administration=write"
    );

    let contents = [("contents", Level::Write), ("metadata", Level::Read)];
    github.set_token_grant(fine_grained(&contents, Some(&["backup"])));
    assert_eq!(put(&github, &at, &body).await.status, 201);
    github.set_token_grant(fine_grained(&contents, Some(&["other"])));
    assert_eq!(get(&github, &repo).await.status, 404, "not among those selected");
    github.set_token_grant(fine_grained(&[("metadata", Level::Read)], None));
    assert_eq!(get(&github, &repo).await.status, 200);
    let unread = get(&github, &format!("{repo}/contents/README.md")).await;
    assert_eq!(unread.status, 403);
    assert_eq!(unread.header("x-accepted-github-permissions"), "contents=read");
}

#[tokio::test]
async fn what_is_not_served_is_not_found_and_the_journal_says_why() {
    let github = github().await;
    let bearer = format!("Bearer {}", github.token());
    let missing = client()
        .get(format!("{}/gists", github.base_url()))
        .header("authorization", bearer)
        .header("user-agent", "tests")
        .send()
        .await
        .expect("an answer");
    assert_eq!(missing.status(), 404);
    let seen = github.requests();
    assert_eq!((seen[0].target.as_str(), seen[0].accepted), ("unknown", false));
    assert!(seen[0].warnings[0].contains("contracts/github/openapi.json"));
    assert_eq!(get(&github, "/user").await.status, 200);
    assert_eq!(github.requests()[1].target, "GET /user");
    let whole = format!("{:?}", github.requests());
    assert!(!whole.contains(github.token()), "no token in the journal");
}
