//! The pages that people look at.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::get as page;
use crate::support::github::{github, put, with_repository};

#[tokio::test]
async fn an_empty_stand_in_says_how_to_begin() {
    let github = github().await;
    let text = page(format!("{}/", github.base_url())).await;
    assert!(text.contains("None yet. Make one by"));
    github.add_repo("ada", "backup", true);
    let text = page(format!("{}/ui/ada/backup", github.base_url())).await;
    assert!(text.contains("This repository is empty."));
}

#[tokio::test]
async fn a_commit_shows_its_lines_and_text_stays_text() {
    let (github, repo) = with_repository().await;
    let at = format!("{repo}/contents/p/größe.py");
    let put_file = |message: &'static str, content: &'static str, sha: Option<String>| {
        let mut body = json!({"message": message, "content": STANDARD.encode(content)});
        if let Some(sha) = sha {
            body["sha"] = json!(sha);
        }
        let (github, at) = (&github, at.clone());
        async move { put(github, &at, &body).await }
    };
    let first = put_file("Add <b>it</b> 🎉", "same\nold <script>\n", None).await;
    let second = put_file(
        "Change it",
        "same\nnew & shiny\n",
        Some(first.text("/content/sha")),
    )
    .await;
    let base = github.base_url();

    let list = page(format!("{base}/")).await;
    assert!(list.contains("ada/backup") && list.contains("Change it") && list.contains("Private"));
    let home = page(format!("{base}/ui/ada/backup")).await;
    assert!(home.contains("Commits (3)") && home.contains("Add &lt;b&gt;it&lt;/b&gt; 🎉"));
    let folder = page(format!("{base}/ui/ada/backup/tree/p?ref=main")).await;
    assert!(folder.contains("größe.py") && folder.contains("Change it"));
    let blob = page(format!("{base}/ui/ada/backup/blob/p/gr%C3%B6%C3%9Fe.py")).await;
    assert!(blob.contains("new &amp; shiny"));
    let commit = page(format!(
        "{base}/ui/ada/backup/commit/{}",
        second.text("/commit/sha")
    ))
    .await;
    assert!(commit.contains("-old &lt;script&gt;") && commit.contains("+new &amp; shiny"));
    assert!(commit.contains("1 file changed"));
    for text in [list, home, folder, blob, commit] {
        assert!(!text.contains("<script") && !text.contains("http-equiv=\"set-cookie\""));
        assert!(
            !text.contains("src=") && !text.contains("@import"),
            "nothing is loaded"
        );
    }
    let old = format!(
        "{base}/ui/ada/backup/raw/p/gr%C3%B6%C3%9Fe.py?ref={}",
        first.text("/commit/sha")
    );
    assert_eq!(page(old).await, "same\nold <script>\n");
    assert!(
        page(format!("{base}/ui/ada/none"))
            .await
            .contains("There is no such repository.")
    );
}

#[tokio::test]
async fn every_link_of_a_page_leads_somewhere() {
    let (github, repo) = with_repository().await;
    let file = json!({"message": "m", "content": STANDARD.encode("x\n")});
    put(&github, &format!("{repo}/contents/a/b?c #1.py"), &file).await;
    put(&github, &format!("{repo}/contents/a/b%3Fc%20%231.py"), &file).await;
    let mut waiting = vec!["/".to_owned()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(link) = waiting.pop() {
        if !seen.insert(link.clone()) {
            continue;
        }
        let text = page(format!("{}{link}", github.base_url())).await;
        assert!(!text.contains("There is no such"), "{link}");
        waiting.extend(
            text.split("href=\"")
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
                .map(str::to_owned),
        );
    }
    assert!(seen.len() >= 8, "{seen:?}");
}
