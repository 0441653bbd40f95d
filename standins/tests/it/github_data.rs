//! The git data API: many files in one commit.

use serde_json::{Value, json};
use standins::github::{GitHub, Limits};

use crate::support::github::{get, github, patch, post, with_repository};

async fn head(github: &GitHub, repo: &str) -> String {
    get(github, &format!("{repo}/git/ref/heads/main"))
        .await
        .text("/object/sha")
}

fn file(path: &str, content: &str) -> Value {
    json!({"path": path, "mode": "100644", "type": "blob", "content": content})
}

/// Makes a tree on the head's and a commit of it; gives the commit.
async fn commit(github: &GitHub, repo: &str, parent: &str, entries: Value) -> String {
    let body = json!({"base_tree": parent, "tree": entries});
    let tree = post(github, &format!("{repo}/git/trees"), &body).await;
    assert_eq!(tree.status, 201, "{}", tree.body);
    let body = json!({"message": "m", "tree": tree.text("/sha"), "parents": [parent]});
    post(github, &format!("{repo}/git/commits"), &body)
        .await
        .text("/sha")
}

#[tokio::test]
async fn an_empty_repository_has_no_git_data() {
    let github = github().await;
    github.add_repo("ada", "backup", true);
    let repo = "/repos/ada/backup";
    let sha = "0".repeat(40);
    let answers = [
        post(&github, &format!("{repo}/git/blobs"), &json!({"content": "x"})).await,
        post(
            &github,
            &format!("{repo}/git/trees"),
            &json!({"tree": [file("a", "b")]}),
        )
        .await,
        post(
            &github,
            &format!("{repo}/git/commits"),
            &json!({"message": "m", "tree": sha}),
        )
        .await,
        post(
            &github,
            &format!("{repo}/git/refs"),
            &json!({"ref": "refs/heads/main", "sha": sha}),
        )
        .await,
        get(&github, &format!("{repo}/git/ref/heads/main")).await,
        get(&github, &format!("{repo}/git/trees/main?recursive=1")).await,
        get(&github, &format!("{repo}/commits")).await,
    ];
    for answer in answers {
        assert_eq!(
            (answer.status, answer.message()),
            (409, "Git Repository is empty.")
        );
    }
    assert_eq!(get(&github, &format!("{repo}/branches")).await.body, json!([]));
}

#[tokio::test]
async fn many_files_make_one_commit_and_null_removes() {
    let (github, repo) = with_repository().await;
    let first = head(&github, &repo).await;
    let entries: Vec<Value> = (0..1_000)
        .map(|n| file(&format!("p/{n:04}.py"), &format!("print({n})\n")))
        .collect();
    let second = commit(&github, &repo, &first, json!(entries)).await;
    let moved = patch(
        &github,
        &format!("{repo}/git/refs/heads/main"),
        &json!({"sha": second}),
    )
    .await;
    assert_eq!(moved.status, 200);
    let tree = get(&github, &format!("{repo}/git/trees/main?recursive=1")).await;
    assert_eq!(
        tree.body["tree"].as_array().map(Vec::len),
        Some(1_002),
        "README, the folder, its files"
    );
    assert_eq!(tree.body["truncated"], false);
    let gone = json!([
        {"path": "p/0000.py", "mode": "100644", "type": "blob", "sha": null},
        {"path": "README.md", "mode": "100644", "type": "blob", "sha": null},
        file("p/0001.py", "changed\n"),
    ]);
    let third = commit(&github, &repo, &second, gone).await;
    patch(
        &github,
        &format!("{repo}/git/refs/heads/main"),
        &json!({"sha": third}),
    )
    .await;
    let view = github.repo("ada", "backup").expect("it");
    assert_eq!(view.files_at("main").len(), 999);
    assert_eq!(
        view.commits_of("main")[0].changed,
        ["README.md", "p/0000.py", "p/0001.py"]
    );
    let shown = get(&github, &format!("{repo}/commits/{third}")).await;
    assert_eq!(
        shown.body["stats"],
        json!({"total": 4, "additions": 1, "deletions": 3})
    );
    let patch_of = shown.body["files"][2]["patch"].as_str().expect("a patch");
    assert_eq!(patch_of, "@@ -1 +1 @@\n-print(1)\n+changed");
    let compared = get(&github, &format!("{repo}/compare/{first}...main")).await;
    assert_eq!(
        (compared.body["ahead_by"].clone(), compared.text("/status")),
        (json!(2), "ahead".to_owned())
    );
}

#[tokio::test]
async fn the_same_content_has_the_same_names() {
    let (github, repo) = with_repository().await;
    let empty = post(&github, &format!("{repo}/git/blobs"), &json!({"content": ""})).await;
    assert_eq!(empty.text("/sha"), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    let inline = post(
        &github,
        &format!("{repo}/git/trees"),
        &json!({"tree": [file("hello.txt", "hello\n")]}),
    )
    .await;
    // What `git mktree` gives for one blob of `hello\n`.
    assert_eq!(
        inline.text("/tree/0/sha"),
        "ce013625030ba8dba906f756967f9e9ca394464a"
    );
    assert_eq!(inline.text("/sha"), "aaa96ced2d9a1c8e72c56b253a0e2fe78393feb7");
    let by_sha = json!({"tree": [{"path": "hello.txt", "mode": "100644", "type": "blob", "sha": inline.text("/tree/0/sha")}]});
    let again = post(&github, &format!("{repo}/git/trees"), &by_sha).await;
    assert_eq!(again.text("/sha"), inline.text("/sha"));
}

#[tokio::test]
async fn a_branch_moved_by_somebody_else_is_not_overwritten() {
    let (github, repo) = with_repository().await;
    let first = head(&github, &repo).await;
    let mine = commit(&github, &repo, &first, json!([file("a.py", "mine")])).await;
    let theirs = github
        .move_branch("ada", "backup", "main", ("b.py", "theirs"))
        .expect("it is there");
    let at = format!("{repo}/git/refs/heads/main");
    let refused = patch(&github, &at, &json!({"sha": mine, "force": false})).await;
    assert_eq!(
        (refused.status, refused.message()),
        (422, "Update is not a fast forward")
    );
    assert_eq!(head(&github, &repo).await, theirs.to_string());
    let rebased = commit(&github, &repo, &theirs.to_string(), json!([file("a.py", "mine")])).await;
    assert_eq!(patch(&github, &at, &json!({"sha": rebased})).await.status, 200);
    assert_eq!(
        github.repo("ada", "backup").expect("it").files_at("main").len(),
        3
    );
    assert_eq!(
        patch(&github, &at, &json!({"sha": mine, "force": true}))
            .await
            .status,
        200,
        "forced"
    );
}

#[tokio::test]
async fn bad_trees_and_commits_are_refused() {
    let (github, repo) = with_repository().await;
    let unknown = "1".repeat(40);
    let with = |name: &str, value: Value| {
        let mut entry = file("a.py", "x");
        entry[name] = value;
        entry
    };
    let no_mode = json!({"path": "a", "content": "x"});
    for (entries, message) in [
        (json!([]), "Invalid tree info".to_owned()),
        (json!([with("path", json!("/a"))]), "tree.path cannot start with a slash".to_owned()),
        (json!([with("path", json!("a/../b"))]), "tree.path contains a malformed path component".to_owned()),
        (json!([no_mode]), "Must supply a valid tree.mode".to_owned()),
        (json!([with("sha", json!(unknown))]), "Must supply either tree.sha or tree.content. Sending both is not allowed.".to_owned()),
        (json!([{"path": "a", "mode": "100644", "sha": unknown}]), format!("tree.sha {unknown} is not a valid blob")),
        (json!([with("mode", json!("644"))]), "Invalid request.\n\nFor 'properties/tree/items/properties/mode', \"644\" is not a member of [\"100644\", \"100755\", \"040000\", \"160000\", \"120000\"].".to_owned()),
        (json!([file("a", "1"), file("a", "2")]), "GitRPC::BadObjectState: a is changed twice".to_owned()),
        (json!([{"path": "none", "mode": "100644", "sha": null}]), "GitRPC::BadObjectState: none is not in the tree".to_owned()),
    ] {
        let refused = post(&github, &format!("{repo}/git/trees"), &json!({"tree": entries})).await;
        assert_eq!((refused.status, refused.message()), (422, message.as_str()));
    }
    let at = format!("{repo}/git/commits");
    let tree = get(&github, &format!("{repo}/git/trees/main")).await.text("/sha");
    let no_tree = post(&github, &at, &json!({"message": "m", "tree": unknown})).await;
    assert_eq!(no_tree.message(), "Tree SHA does not exist");
    let no_parent = post(
        &github,
        &at,
        &json!({"message": "m", "tree": tree, "parents": [unknown]}),
    )
    .await;
    assert_eq!(
        no_parent.message(),
        "Parent SHA does not exist or is not a commit object"
    );
}

#[tokio::test]
async fn sizes_are_bounded_and_long_trees_truncated() {
    let (github, repo) = with_repository().await;
    github.set_limits(Limits {
        tree_inline_bytes: 10,
        tree_entries: 2,
        blob_bytes: 20,
        ..Limits::default()
    });
    let large = post(
        &github,
        &format!("{repo}/git/trees"),
        &json!({"tree": [file("a", "123456"), file("b", "78901")]}),
    )
    .await;
    assert_eq!(large.status, 422);
    assert!(large.message().starts_with("Sorry, your request timed out."));
    let blob = post(
        &github,
        &format!("{repo}/git/blobs"),
        &json!({"content": "x".repeat(21)}),
    )
    .await;
    assert_eq!(blob.status, 422);
    assert!(
        blob.message()
            .starts_with("Sorry, your input was too large to process.")
    );
    let parent = head(&github, &repo).await;
    let next = commit(
        &github,
        &repo,
        &parent,
        json!([file("x/a", "1"), file("x/b", "2")]),
    )
    .await;
    let tree = get(&github, &format!("{repo}/git/trees/{next}?recursive=true")).await;
    assert_eq!(tree.body["truncated"], true);
    assert_eq!(tree.body["tree"].as_array().map(Vec::len), Some(2));
}
