//! What git itself makes of a repository of the stand-in.

use std::path::Path;
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use standins::github::GitHub;

use crate::support::github::{delete, get, patch, post, put, with_repository};

/// Runs git in a folder, asked for nothing and without the user's settings.
fn git(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("git")
        .current_dir(folder)
        .args(arguments)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("no_proxy", "127.0.0.1")
        .output()
        .expect("git runs")
}

fn has_git() -> bool {
    let found = Command::new("git").arg("--version").output().is_ok();
    if !found {
        println!("git is not installed: nothing is cloned");
    }
    found
}

/// The address of the clone, with the token in it.
fn clone_url(github: &GitHub) -> String {
    let host = github.base_url().trim_start_matches("http://");
    format!("http://x-access-token:{}@{host}/ada/backup.git", github.token())
}

/// Runs git's command away from the thread that answers it.
async fn git_aside(folder: &Path, arguments: Vec<String>) -> Output {
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        git(&folder, &arguments)
    })
    .await
    .expect("git was not aborted")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A history with everything the backup makes: many files in folders, names beyond ASCII, changes, removals.
async fn some_history(github: &GitHub, repo: &str) {
    let head = get(github, &format!("{repo}/git/ref/heads/main"))
        .await
        .text("/object/sha");
    let base = get(github, &format!("{repo}/git/commits/{head}"))
        .await
        .text("/tree/sha");
    let entry = |path: &str, content: &str| json!({"path": path, "mode": "100644", "type": "blob", "content": content});
    let tree = json!({"base_tree": base, "tree": [
        entry("processes/a.py", "print('a')\n"),
        entry("processes/a/b.py", "print('folder beside file')\n"),
        entry("processes/a-b.py", ""),
        entry("prozesse/größe 🦀.py", "# ünïcödé 🦀\n"),
        {"path": "run.sh", "mode": "100755", "type": "blob", "content": "#!/bin/sh\n"},
    ]});
    let tree = post(github, &format!("{repo}/git/trees"), &tree)
        .await
        .text("/sha");
    let commit = json!({"message": "Back up\n\n4 created 🎉", "tree": tree, "parents": [head],
        "author": {"name": "Łukasz <x>", "email": "l@example.com", "date": "2026-03-29T03:30:00+02:00"}});
    let commit = post(github, &format!("{repo}/git/commits"), &commit)
        .await
        .text("/sha");
    let moved = patch(
        github,
        &format!("{repo}/git/refs/heads/main"),
        &json!({"sha": commit}),
    )
    .await;
    assert_eq!(moved.status, 200, "{}", moved.body);
    let file = json!({"message": "one more", "content": STANDARD.encode([0, 159, 146, 150])});
    let made = put(github, &format!("{repo}/contents/binary.bin"), &file).await;
    assert_eq!(made.status, 201);
    let gone = get(github, &format!("{repo}/contents/processes/a-b.py"))
        .await
        .text("/sha");
    let gone = json!({"message": "remove", "sha": gone});
    let removed = delete(github, &format!("{repo}/contents/processes/a-b.py"), Some(&gone)).await;
    assert_eq!(removed.status, 200);
}

#[tokio::test]
async fn git_clones_what_the_api_made_and_finds_every_object_sound() {
    if !has_git() {
        return;
    }
    let (github, repo) = with_repository().await;
    some_history(&github, &repo).await;
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["clone", "--quiet", &clone_url(&github), "copy"].map(str::to_owned);
    let cloned = git_aside(folder.path(), arguments.into()).await;
    assert!(cloned.status.success(), "{}", text(&cloned.stderr));
    let copy = folder.path().join("copy");

    let checked = git(&copy, &["fsck", "--strict", "--full"]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    let view = github.repo("ada", "backup").expect("the repository");
    let head = text(&git(&copy, &["rev-parse", "HEAD"]).stdout);
    assert_eq!(head.trim(), view.branches["main"].to_string());
    let count = text(&git(&copy, &["rev-list", "--count", "HEAD"]).stdout);
    assert_eq!(count.trim(), "4");
    for (path, content) in view.files_at("main") {
        assert_eq!(
            std::fs::read(copy.join(&path)).expect("the file"),
            content,
            "{path}"
        );
    }
    assert_eq!(view.files_at("main").len(), 6);
    let clean = text(&git(&copy, &["status", "--porcelain"]).stdout);
    assert_eq!(clean, "");
    let author = text(&git(&copy, &["log", "-1", "--format=%an %ad", "HEAD~2"]).stdout);
    assert_eq!(author.trim(), "Łukasz x Sun Mar 29 03:30:00 2026 +0200");
}

#[tokio::test]
async fn a_private_repository_is_not_cloned_without_its_token() {
    if !has_git() {
        return;
    }
    let (github, _) = with_repository().await;
    let folder = tempfile::tempdir().expect("a folder");
    let bare = format!("{}/ada/backup.git", github.base_url());
    let wrong = clone_url(&github).replace(github.token(), "wrong");
    for url in [bare, wrong] {
        let cloned = git_aside(folder.path(), vec!["clone".to_owned(), url]).await;
        assert!(!cloned.status.success());
    }
}
