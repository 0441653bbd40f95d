//! Backups that succeed.

use super::*;

#[test]
fn what_differs_goes_in_one_commit() {
    let host = host(&[("a", "new"), ("b", "same"), ("c", "changed")], &json!({}));
    let same = id(b"same");
    expect_state(
        &host,
        "m",
        &[
            ("processes", "tree", "f"),
            ("processes/b.py", "blob", &same),
            ("processes/c.py", "blob", "0000"),
            ("processes/deep/a.py", "blob", "0000"),
            ("README.md", "blob", "0000"),
        ],
    );
    expect_commit(&host);
    expect_move(&host);
    let outcome = backup(&host, &json!({})).unwrap();
    assert_eq!(
        outcome.summary,
        "ada/backup: 1 created, 1 updated, 0 deleted, 1 unchanged; commit c2"
    );
    let told = output(&outcome);
    assert_eq!(
        told["changes"],
        json!([
            {"path": "processes/a.py", "change": "created"},
            {"path": "processes/c.py", "change": "updated"},
        ])
    );
    assert_eq!(told["url"], "https://github.test/ada/backup/commit/c2");
    let sent = host.sent_json(4);
    assert_eq!(
        sent,
        json!({"base_tree": "t1", "tree": [
            {"path": "processes/a.py", "mode": "100644", "type": "blob", "content": "new"},
            {"path": "processes/c.py", "mode": "100644", "type": "blob", "content": "changed"},
        ]})
    );
    let sent = host.sent_json(5);
    let message = sent["message"].as_str().unwrap();
    assert!(
        message.starts_with("Backup 2026-01-01T00:00:00Z: 1 created, 1 updated, 0 deleted\n"),
        "{message}"
    );
    assert!(message.contains(testing::DELIVERY_ID));
    assert_eq!((&sent["tree"], &sent["parents"]), (&json!("t2"), &json!(["c1"])));
    assert_eq!(host.sent_json(6), json!({"sha": "c2", "force": false}));
}

#[test]
fn every_request_says_who_asks() {
    let host = host(&[], &json!({}));
    expect_state(&host, "m", &[]);
    backup(&host, &json!({})).unwrap();
    for request in host.requests() {
        let header = |name: &str| {
            let mut found = request.headers.iter().filter(|(own, _)| own == name);
            let value = found.next().map(|(_, value)| &**value);
            assert_eq!(found.next(), None, "{name} stands once");
            value
        };
        assert_eq!(header("authorization"), Some("Bearer stand-in"));
        assert_eq!(header("x-github-api-version"), Some("2022-11-28"));
        assert_eq!(header("accept"), Some("application/vnd.github+json"));
        assert!(header("user-agent").is_some_and(|agent| agent.starts_with("hookyard-github-backup/")));
    }
}

#[test]
fn nothing_new_is_no_commit() {
    let host = host(&[("a", "x")], &json!({}));
    let sha = id(b"x");
    expect_state(&host, "m", &[("processes/a.py", "blob", &sha)]);
    let outcome = host.schedule::<GithubBackup>(&json!({})).unwrap();
    let told = output(&outcome);
    assert_eq!((&told["unchanged"], &told["commit"]), (&json!(1), &Value::Null));
}

#[test]
fn the_commit_of_a_lost_answer_is_known_again() {
    let host = host(&[("a", "x"), ("b", "y")], &json!({})).attempt(2);
    let message = format!(
        "Backup 2026-01-01T00:00:00Z: 1 created, 0 updated, 0 deleted\n\nHookyard-Delivery: {}\n",
        testing::DELIVERY_ID
    );
    let (x, y) = (id(b"x"), id(b"y"));
    expect_state(
        &host,
        &message,
        &[("processes/a.py", "blob", &x), ("processes/b.py", "blob", &y)],
    );
    let told = output(&backup(&host, &json!({})).unwrap());
    assert_eq!(told["commit"], "c1");
    assert_eq!((&told["created"], &told["unchanged"]), (&json!(1), &json!(1)));
}

#[test]
fn a_moved_branch_is_built_upon_without_sending_content_again() {
    let host = host(&[("a", "new")], &json!({}));
    expect_state(&host, "m", &[]);
    expect_commit(&host);
    host.expect(&in_repo("PATCH", "/git/refs/heads/main"))
        .answer(refusal(422, "Update is not a fast forward"));
    expect_branch(&host, "c9", "theirs", &[("other.txt", "blob", "1")]);
    expect_commit(&host);
    expect_move(&host);
    let told = output(&backup(&host, &json!({})).unwrap());
    assert_eq!((&told["created"], &told["commit"]), (&json!(1), &json!("c2")));
    assert_eq!(host.sent_json(10)["tree"][0]["sha"], id(b"new"));
    assert_eq!(host.sent_json(10)["tree"][0].get("content"), None);
    assert_eq!(host.sent_json(11)["parents"], json!(["c9"]));
}

#[test]
fn a_dry_run_only_reads() {
    let host = host(&[("a", "new")], &json!({}));
    expect_state(&host, "m", &[]);
    let outcome = backup(&host, &json!({"dry-run": true})).unwrap();
    assert!(outcome.summary.contains("dry run"), "{}", outcome.summary);
    let told = output(&outcome);
    assert_eq!((&told["created"], &told["dry_run"]), (&json!(1), &json!(true)));
    host.expect(&in_repo("GET", "")).answer(refusal(404, "Not Found"));
    let told = output(&backup(&host, &json!({"dry-run": true})).unwrap());
    assert_eq!(
        (&told["created"], &told["repository_created"]),
        (&json!(1), &json!(true))
    );
}

#[test]
fn only_own_files_are_removed_and_only_when_asked() {
    let host = host(&[("a", "x"), ("b", "y")], &json!({}));
    let (x, y) = (id(b"x"), id(b"y"));
    let all = [
        ("processes/a.py", "blob", &*x),
        ("processes/b.py", "blob", &*y),
        ("processes/theirs.py", "blob", "1"),
    ];
    expect_state(&host, "m", &all);
    backup(&host, &json!({})).unwrap();
    let host = host.without_process("b");
    expect_state(&host, "m", &all);
    let told = output(&backup(&host, &json!({})).unwrap());
    assert_eq!((&told["deleted"], &told["commit"]), (&json!(0), &Value::Null));
    expect_state(&host, "m", &all);
    expect_commit(&host);
    expect_move(&host);
    let before = host.requests().len();
    let told = output(&backup(&host, &json!({"delete-removed": true})).unwrap());
    assert_eq!(
        told["changes"],
        json!([{"path": "processes/b.py", "change": "deleted"}])
    );
    assert_eq!(
        host.sent_json(before + 4),
        json!({"base_tree": "t1", "tree": [
            {"path": "processes/b.py", "mode": "100644", "type": "blob", "sha": null},
        ]})
    );
    // It is forgotten with that: a file somebody puts there now is theirs.
    expect_state(&host, "m", &all);
    let told = output(&backup(&host, &json!({"delete-removed": true})).unwrap());
    assert_eq!(told["deleted"], 0);
}

#[test]
fn large_and_many_go_in_bounded_requests() {
    let text = "x".repeat(1_500_000);
    let host = host(
        &[("a", &text), ("b", &text), ("c", &text), ("nul", "a\0b")],
        &json!({}),
    );
    expect_state(&host, "m", &[]);
    host.expect(&in_repo("POST", "/git/trees"))
        .answer(answer(201, &tree("ta", &[])));
    host.expect(&in_repo("POST", "/git/blobs"))
        .answer(answer(201, &json!({"url": "https://github.test/b", "sha": "b1"})));
    expect_commit(&host);
    expect_move(&host);
    backup(&host, &json!({})).unwrap();
    let entries = |index| host.sent_json(index)["tree"].as_array().map(Vec::len);
    assert_eq!((entries(4), entries(6)), (Some(2), Some(2)));
    assert_eq!(
        host.sent_json(5),
        json!({"content": "YQBi", "encoding": "base64"})
    );
    assert_eq!(host.sent_json(6)["base_tree"], "ta");
    assert_eq!(host.sent_json(6)["tree"][1]["sha"], "b1");
    assert!(
        host.requests()
            .iter()
            .all(|request| request.body.len() < 4 * 1024 * 1024)
    );
}

#[test]
fn a_tree_too_large_for_one_answer_is_walked() {
    let host = host(&[("a", "x")], &json!({"folder": "deep/er"}));
    host.expect(&in_repo("GET", ""))
        .answer(answer(200, &repository()));
    host.expect(&in_repo("GET", "/git/ref/heads/main"))
        .answer(answer(200, &reference("c1")));
    host.expect(&in_repo("GET", "/git/commits/c1"))
        .answer(answer(200, &commit("c1", "t1", "m")));
    let mut cut = tree("t1", &[]);
    cut["truncated"] = json!(true);
    host.expect(&in_repo("GET", "/git/trees/t1?recursive=1"))
        .answer(answer(200, &cut));
    let sha = id(b"x");
    for (at, entry) in [
        ("t1", ("deep", "tree", "t2")),
        ("t2", ("er", "tree", "t3")),
        ("t3", ("a.py", "blob", &*sha)),
    ] {
        host.expect(&in_repo("GET", &format!("/git/trees/{at}")))
            .answer(answer(200, &tree(at, &[entry])));
    }
    assert_eq!(output(&backup(&host, &json!({})).unwrap())["unchanged"], 1);
}

#[test]
fn a_missing_repository_is_made_for_its_kind_of_owner() {
    for (kind, creation) in [("User", "/user/repos"), ("Organization", "/orgs/ada/repos")] {
        let host = host(&[], &json!({}));
        host.expect(&in_repo("GET", "")).answer(refusal(404, "Not Found"));
        host.expect(&line("GET", "/users/ada"))
            .answer(answer(200, &json!({"login": "ada", "type": kind})));
        if kind == "User" {
            host.expect(&line("GET", "/user"))
                .answer(answer(200, &json!({"login": "Ada", "type": kind})));
        }
        host.expect(&line("POST", creation))
            .answer(answer(201, &repository()));
        expect_branch(&host, "c1", "Initial commit", &[]);
        let told = output(&backup(&host, &json!({})).unwrap());
        assert_eq!(told["repository_created"], true);
        let sent = host
            .requests()
            .iter()
            .find(|request| request.method == "POST")
            .map(|request| serde_json::from_slice::<Value>(&request.body).unwrap())
            .unwrap();
        assert_eq!(
            (&sent["name"], &sent["private"], &sent["auto_init"]),
            (&json!("backup"), &json!(true), &json!(true))
        );
    }
}

#[test]
fn a_new_branch_begins_at_the_default_one() {
    let host = host(&[("a", "x")], &json!({"branch": "backups/é"}));
    host.expect(&in_repo("GET", ""))
        .answer(answer(200, &repository()));
    host.expect(&in_repo("GET", "/git/ref/heads/backups/%C3%A9"))
        .answer(refusal(404, "Not Found"));
    expect_branch(&host, "c1", "m", &[]);
    expect_commit(&host);
    host.expect(&in_repo("POST", "/git/refs"))
        .answer(answer(201, &reference("c2")));
    backup(&host, &json!({})).unwrap();
    assert_eq!(
        host.sent_json(7),
        json!({"ref": "refs/heads/backups/é", "sha": "c2"})
    );
}

#[test]
fn the_contents_way_writes_file_by_file() {
    let host = host(
        &[("a", "new"), ("b", "changed"), ("ü", "same")],
        &json!({"mode": "contents"}),
    );
    let entry = |name: &str, sha: &str| {
        json!({"name": name, "path": format!("processes/{name}"), "sha": sha, "size": 1, "url": "u", "type": "file",
            "download_url": "https://github.test/d", "_links": {"self": "https://github.test/s", "git": null, "html": null}})
    };
    let written = json!({"content": entry("x", "1"), "commit": {"sha": "c7"}});
    host.expect(&in_repo("GET", ""))
        .answer(answer(200, &repository()));
    host.expect(&in_repo("GET", "/contents/processes?ref=main"))
        .answer(answer(
            200,
            &json!([entry("b.py", "old"), entry("ü.py", &id(b"same"))]),
        ));
    for file in ["a.py", "b.py"] {
        host.expect(&in_repo("PUT", &format!("/contents/processes/{file}")))
            .answer(answer(200, &written));
    }
    let told = output(&backup(&host, &json!({})).unwrap());
    assert_eq!(
        (
            &told["created"],
            &told["updated"],
            &told["unchanged"],
            &told["commit"]
        ),
        (&json!(1), &json!(1), &json!(1), &json!("c7"))
    );
    assert_eq!(
        (
            host.sent_json(2)["content"].as_str(),
            host.sent_json(2).get("sha")
        ),
        (Some("bmV3"), None)
    );
    assert_eq!(host.sent_json(3)["sha"], "old");
}

#[test]
fn a_check_tries_to_write() {
    let host = host(&[], &json!({}));
    host.expect(&line("GET", "/user"))
        .answer(answer(200, &json!({"login": "ada", "type": "User"})));
    host.expect(&in_repo("GET", ""))
        .answer(answer(200, &repository()));
    host.expect(&in_repo("POST", "/git/blobs"))
        .answer(answer(201, &json!({"url": "https://github.test/b", "sha": "b1"})));
    let outcome = host.action::<GithubBackup>("check", &json!({})).unwrap();
    assert_eq!(outcome.summary, "ada can write to ada/backup, branch main");
    assert_eq!(output(&outcome)["can_write"], true);
}
