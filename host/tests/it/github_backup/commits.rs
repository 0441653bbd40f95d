//! What is written, and with how many requests.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_new_processes_are_one_commit_then_none_then_one_file() {
    let scene = Scene::start("").await;
    let processes = many(1_000);
    scene.put(&processes).await;
    let told = scene.backup().await;
    assert!(scene.requests() <= 12, "{} requests", scene.requests());
    assert_eq!(
        (&told["created"], &told["repository_created"], &told["failed"]),
        (&json!(1000), &json!(true), &json!([]))
    );
    let repo = scene.repo();
    assert!(repo.private);
    let commits = repo.commits_of("main");
    assert_eq!(commits.len(), 2, "GitHub's first and the backup's");
    assert_eq!(told["commit"], commits[0].sha.to_string());
    assert_eq!(commits[0].changed.len(), 1_000);
    assert!(
        commits[0].message.contains("1000 created, 0 updated, 0 deleted"),
        "{}",
        commits[0].message
    );
    let files = repo.files_at("main");
    for (code, script) in &processes {
        assert_eq!(files[&format!("processes/{code}.py")], script.as_bytes());
    }

    let before = scene.requests();
    let told = scene.backup().await;
    assert_eq!(
        (&told["unchanged"], &told["commit"]),
        (&json!(1000), &Value::Null)
    );
    assert_eq!(
        scene.requests() - before,
        4,
        "repository, branch, commit, one tree"
    );
    assert_eq!(scene.repo().commits_of("main").len(), 2);

    scene.put(&one("process-00500", "# changed\n")).await;
    let told = scene.backup().await;
    assert_eq!((&told["updated"], &told["unchanged"]), (&json!(1), &json!(999)));
    let repo = scene.repo();
    assert_eq!(repo.commits_of("main").len(), 3);
    assert_eq!(repo.commits_of("main")[0].changed, ["processes/process-00500.py"]);
    for seen in scene.github.requests() {
        assert!(seen.accepted || seen.status == Some(404), "{seen:?}");
        assert!(seen.user_agent.is_some_and(|agent| agent.contains("hookyard")));
    }
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_processes_and_a_large_script_stay_within_the_limits() {
    let scene = Scene::start("").await;
    scene.put(&many(10_000)).await;
    scene.put(&one("large", &"print('né')\n".repeat(90_000))).await;
    let ended = scene.settle("backup", &json!({})).await;
    let told = ended.output();
    assert_eq!((&told["created"], &told["failed"]), (&json!(10_001), &json!([])));
    assert!(
        told["changes_not_listed"].as_u64() > Some(9_000),
        "the lists are bounded"
    );
    let repo = scene.repo();
    assert_eq!(repo.commits_of("main").len(), 2, "still one commit");
    assert_eq!(
        repo.files_at("main")["processes/large.py"].len(),
        12 * 90_000 + 90_000
    );
    assert_eq!(
        scene.settle("backup", &json!({})).await.output()["unchanged"],
        10_001
    );
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_every_kind_become_files_that_are_told_apart() {
    let scene = Scene::start("").await;
    let codes = [
        "Straße",
        "日本語",
        "🚀 launch",
        "../../escape",
        "a/b",
        "a_b",
        "Report",
        "report",
        "CON",
        ".git",
        "e\u{301}",
        "\u{e9}",
        "quote\"'\\",
        "per%cent#?",
    ];
    let processes: Vec<_> = codes
        .iter()
        .map(|code| ((*code).to_owned(), format!("# {code} ✓\n")))
        .collect();
    scene.put(&processes).await;
    let told = scene.backup().await;
    assert_eq!(
        (&told["created"], &told["failed"]),
        (&json!(codes.len()), &json!([]))
    );
    let files = scene.repo().files_at("main");
    assert_eq!(files["processes/日本語.py"], "# 日本語 ✓\n".as_bytes());
    assert_eq!(
        files["processes/_.._.._escape.py"],
        "# ../../escape ✓\n".as_bytes()
    );
    let names: Vec<_> = files
        .keys()
        .filter(|path| path.starts_with("processes/"))
        .collect();
    assert_eq!(names.len(), codes.len(), "{names:?}");
    let folded: std::collections::BTreeSet<_> = names.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(folded.len(), codes.len(), "{names:?}");
    assert_eq!(scene.backup().await["unchanged"], codes.len());
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_processes_go_only_when_asked_and_foreign_files_stay() {
    let scene = Scene::start("").await;
    scene.put(&many(3)).await;
    scene.backup().await;
    let theirs = scene
        .github
        .move_branch("ada", "backup", "main", ("processes/theirs.py", "x"));
    assert!(theirs.is_some());
    let now = Timestamp::from_millis(1_700_000_001_000);
    let gone = scene
        .pipeline
        .store
        .remove_process("process-00001", now, "a test")
        .await;
    assert!(gone.expect("the store"));
    assert_eq!(scene.backup().await["commit"], Value::Null);
    let dry = scene
        .act("backup", &json!({"dry-run": true, "delete-removed": true}))
        .await
        .output();
    assert_eq!((&dry["deleted"], &dry["commit"]), (&json!(1), &Value::Null));
    let told = scene
        .act("backup", &json!({"delete-removed": true}))
        .await
        .output();
    assert_eq!(told["deleted"], 1);
    let repo = scene.repo();
    assert_eq!(repo.commits_of("main")[0].changed, ["processes/process-00001.py"]);
    let files = repo.files_at("main");
    assert!(files.contains_key("processes/theirs.py") && !files.contains_key("processes/process-00001.py"));
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_is_reported_with_its_reason_and_the_rest_is_written() {
    let scene = Scene::start("").await;
    scene.put(&many(1)).await;
    scene.backup().await;
    let inside = "processes/taken_🚀.py/inside.txt";
    let theirs = scene.github.move_branch("ada", "backup", "main", (inside, "x"));
    assert!(theirs.is_some());
    scene.put(&one("taken 🚀", "# never\n")).await;
    scene.put(&one("new 🚀", "print('🚀 é')\r\n")).await;
    let ended = scene.act("backup", &json!({})).await;
    let told = ended.output();
    assert_eq!((&told["created"], &told["unchanged"]), (&json!(1), &json!(1)));
    let reason = "`taken_🚀.py` is no file in the repository; rename what is there";
    assert_eq!(told["failed"], json!([{"code": "taken 🚀", "reason": reason}]));
    let summary = ended.last()["summary"].as_str().expect("a summary");
    assert!(summary.contains("1 FAILED"), "{summary}");
    let files = scene.repo().files_at("main");
    assert_eq!(files["processes/new_🚀.py"], "print('🚀 é')\r\n".as_bytes());
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_has_the_moment_the_counts_and_the_delivery() {
    let scene = Scene::start("").await;
    scene.put(&many(2)).await;
    let ended = scene.act("backup", &json!({})).await;
    let repo = scene.repo();
    let message = &repo.commits_of("main")[0].message;
    let (first, rest) = message.split_once("\n\n").expect("a first line");
    let first = first.strip_prefix("Backup ").expect("the word");
    let (moment, counts) = first.split_once(": ").expect("a moment");
    let millis = |text: &str| Timestamp::parse(text).expect("ISO 8601").as_millis();
    let began = millis(ended.last()["started_at"].as_str().expect("a moment"));
    assert!(
        (began - 1_000..began + 60_000).contains(&millis(moment)),
        "{message}"
    );
    assert_eq!(counts, "2 created, 0 updated, 0 deleted");
    let delivery = ended.delivery["id"].as_str().expect("an id");
    assert_eq!(rest, format!("Hookyard-Delivery: {delivery}\n"));
    scene.stop().await;
}
