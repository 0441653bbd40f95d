//! Repositories: made, found, changed, removed.

use reqwest::Method;
use serde_json::json;

use crate::support::github::{delete, get, github, patch, post, send_as, with_repository};

#[tokio::test]
async fn a_repository_is_made_private_and_read_back() {
    let github = github().await;
    let body = json!({"name": "backup", "private": true, "description": "Scripts"});
    let made = post(&github, "/user/repos", &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.text("/full_name"), "ada/backup");
    assert_eq!(made.body["private"], true);
    let location = format!("{}/repos/ada/backup", github.base_url());
    assert_eq!(made.header("location"), location);
    let read = get(&github, "/repos/ADA/Backup").await;
    assert_eq!(read.status, 200, "names have no case");
    assert_eq!(read.body, made.body);
    let listed = get(&github, "/user/repos").await;
    assert_eq!(listed.body[0]["full_name"], "ada/backup");
}

#[tokio::test]
async fn a_taken_blank_or_long_name_is_refused() {
    let (github, _) = with_repository().await;
    for (name, why) in [
        ("Backup", "name already exists on this account"),
        ("backup.git", "name already exists on this account"),
        ("", "name can't be blank"),
        ("..", "name is reserved"),
        (&"x".repeat(101), "name is too long (maximum is 100 characters)"),
    ] {
        let made = post(&github, "/user/repos", &json!({"name": name})).await;
        assert_eq!(made.status, 422, "{name}");
        assert_eq!(made.message(), "Repository creation failed.");
        assert_eq!(made.text("/errors/0/message"), why);
        assert_eq!(made.text("/errors/0/field"), "name");
    }
}

#[tokio::test]
async fn a_name_is_normalised() {
    let github = github().await;
    let made = post(&github, "/user/repos", &json!({"name": "Über backup/2"})).await;
    assert_eq!(made.text("/name"), "-ber-backup-2");
}

#[tokio::test]
async fn an_organisation_has_its_own() {
    let github = github().await;
    let org = github.org();
    let made = post(
        &github,
        &format!("/orgs/{org}/repos"),
        &json!({"name": "backup", "visibility": "private"}),
    )
    .await;
    assert_eq!(made.text("/full_name"), format!("{org}/backup"));
    assert_eq!(made.text("/owner/type"), "Organization");
    assert_eq!(made.body["private"], true);
    let listed = get(&github, &format!("/orgs/{org}/repos")).await;
    assert_eq!(listed.body.as_array().map(Vec::len), Some(1));
    let unknown = post(&github, "/orgs/nobody/repos", &json!({"name": "x"})).await;
    assert_eq!((unknown.status, unknown.message()), (404, "Not Found"));
}

#[tokio::test]
async fn accounts_are_found() {
    let github = github().await;
    assert_eq!(get(&github, "/user").await.text("/login"), "ada");
    assert_eq!(get(&github, "/users/ada").await.text("/type"), "User");
    assert_eq!(get(&github, &format!("/orgs/{}", github.org())).await.status, 200);
    assert_eq!(get(&github, "/users/nobody").await.status, 404);
    assert_eq!(
        get(&github, "/orgs/ada").await.status,
        404,
        "a user is no organisation"
    );
}

#[tokio::test]
async fn settings_change_and_an_archive_is_read_only() {
    let (github, repo) = with_repository().await;
    let changed = patch(&github, &repo, &json!({"description": "New", "archived": true})).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(changed.body["archived"], true);
    let file = json!({"message": "m", "content": ""});
    for (method, path, body) in [
        (Method::PUT, "/contents/a.py", &file),
        (Method::POST, "/git/blobs", &json!({"content": "x"})),
        (Method::PATCH, "", &json!({"description": "Newer"})),
    ] {
        let bearer = format!("Bearer {}", github.token());
        let refused = send_as(
            &github,
            Some(&bearer),
            method,
            &format!("{repo}{path}"),
            Some(body),
        )
        .await;
        assert_eq!(refused.status, 403);
        assert_eq!(refused.message(), "Repository was archived so is read-only.");
    }
    assert_eq!(
        get(&github, &format!("{repo}/contents/README.md")).await.status,
        200
    );
    let back = patch(&github, &repo, &json!({"archived": false})).await;
    assert_eq!(back.body["archived"], false);
    assert!(github.archive("ada", "backup", true));
    assert!(github.repo("ada", "backup").expect("it").archived);
    assert!(!github.archive("ada", "other", true), "there is none");
}

#[tokio::test]
async fn a_rename_moves_it_and_a_default_branch_must_exist() {
    let (github, repo) = with_repository().await;
    let refused = patch(&github, &repo, &json!({"default_branch": "none"})).await;
    assert_eq!(refused.status, 422);
    let renamed = patch(&github, &repo, &json!({"name": "copies"})).await;
    assert_eq!(renamed.text("/full_name"), "ada/copies");
    assert_eq!(get(&github, &repo).await.status, 404);
    assert_eq!(get(&github, "/repos/ada/copies/branches/main").await.status, 200);
}

#[tokio::test]
async fn removal_needs_a_scope_of_its_own() {
    let (github, repo) = with_repository().await;
    let refused = delete(&github, &repo, None).await;
    assert_eq!(
        (refused.status, refused.message()),
        (403, "Must have admin rights to Repository.")
    );
    github.set_token_scopes(&["repo", "delete_repo"]);
    assert_eq!(delete(&github, &repo, None).await.status, 204);
    assert_eq!(get(&github, &repo).await.status, 404);
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let github = github().await;
    for n in 0..35 {
        github.add_repo("ada", &format!("r{n:02}"), false);
    }
    let first = get(&github, "/user/repos").await;
    assert_eq!(first.body.as_array().map(Vec::len), Some(30));
    let base = github.base_url();
    assert_eq!(
        first.header("link"),
        format!("<{base}/user/repos?page=2>; rel=\"next\", <{base}/user/repos?page=2>; rel=\"last\"")
    );
    let last = get(&github, "/user/repos?per_page=10&page=4").await;
    assert_eq!(last.body.as_array().map(Vec::len), Some(5));
    assert!(last.header("link").contains("per_page=10&page=3>; rel=\"prev\""));
    assert!(!last.header("link").contains("next"));
    let all = get(&github, "/user/repos?per_page=1000").await;
    assert_eq!(all.body.as_array().map(Vec::len), Some(35), "at most 100");
    assert_eq!(all.header("link"), "");
}
