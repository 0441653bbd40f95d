//! Other ways, other places, other rights.

use standins::github::Limits;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_contents_way_makes_a_commit_for_each_file() {
    let scene = Scene::start("mode = \"contents\"").await;
    let codes = ["a", "b", "ü 日本#%"];
    let processes: Vec<_> = codes
        .iter()
        .map(|code| ((*code).to_owned(), format!("# {code}\n")))
        .collect();
    scene.put(&processes).await;
    let told = scene.backup().await;
    assert_eq!(
        (&told["created"], &told["failed"]),
        (&json!(3), &json!([])),
        "{told}"
    );
    assert_eq!(scene.repo().commits_of("main").len(), 1 + 3);
    assert_eq!(scene.backup().await["unchanged"], 3);
    scene.put(&one("b", "# new\n")).await;
    assert_eq!(scene.backup().await["updated"], 1);
    let repo = scene.repo();
    assert_eq!(repo.commits_of("main").len(), 1 + 3 + 1);
    assert_eq!(repo.files_at("main")["processes/b.py"], "# new\n".as_bytes());
    let data = scene
        .github
        .requests()
        .into_iter()
        .filter(|seen| seen.path.contains("/git/"));
    assert_eq!(data.count(), 0, "nothing but the contents API");
    let now = Timestamp::from_millis(1_700_000_001_000);
    let gone = scene.pipeline.store.remove_process("b", now, "a test").await;
    assert!(gone.expect("the store"));
    let told = scene
        .act("backup", &json!({"delete-removed": true}))
        .await
        .output();
    assert_eq!(told["deleted"], 1, "{told}");
    assert!(!scene.repo().files_at("main").contains_key("processes/b.py"));
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_gets_a_private_repository() {
    let scene = Scene::start("owner = \"analytical-engines\"").await;
    scene.put(&many(2)).await;
    let told = scene.backup().await;
    assert_eq!(
        (&told["created"], &told["repository_created"]),
        (&json!(2), &json!(true))
    );
    let repo = scene.github.repo("analytical-engines", "backup").expect("it");
    assert!(repo.private && repo.files_at("main").len() >= 2);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_repository_is_made_only_when_asked_for() {
    let scene = Scene::start("private = false").await;
    scene.put(&many(1)).await;
    scene.backup().await;
    assert!(!scene.repo().private);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_without_commits_gets_a_first_one() {
    for mode in ["git-data", "contents"] {
        let scene = Scene::start(&format!("mode = \"{mode}\"")).await;
        scene.github.add_repo("ada", "backup", true);
        scene.put(&many(2)).await;
        let dry = scene.act("backup", &json!({"dry-run": true})).await.output();
        assert_eq!(dry["created"], 2);
        assert!(scene.repo().commits_of("main").is_empty());
        assert_eq!(scene.backup().await["created"], 2);
        assert_eq!(scene.backup().await["unchanged"], 2);
        assert_eq!(
            scene.repo().files_at("main")["processes/process-00001.py"].len(),
            28
        );
        scene.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_of_its_own_leaves_the_default_one_alone() {
    for mode in ["git-data", "contents"] {
        let config = format!("mode = \"{mode}\"\nbranch = \"backups/hookyard\"\nfolder = \"a/b\"");
        let scene = Scene::start(&config).await;
        scene.put(&many(2)).await;
        assert_eq!(scene.backup().await["created"], 2, "{mode}");
        assert_eq!(scene.backup().await["unchanged"], 2, "{mode}");
        let repo = scene.repo();
        assert_eq!(repo.commits_of("main").len(), 1);
        assert!(
            repo.files_at("backups/hookyard")
                .contains_key("a/b/process-00000.py")
        );
        scene.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_branch_begins_with_what_the_default_one_has() {
    let scene = Scene::start("mode = \"contents\"").await;
    scene.put(&many(2)).await;
    assert_eq!(scene.backup().await["created"], 2);
    scene.put(&one("process-00001", "# new\n")).await;
    scene.configure("mode = \"contents\"\nbranch = \"other\"").await;
    let dry = scene.act("backup", &json!({"dry-run": true})).await.output();
    assert_eq!(
        (&dry["updated"], &dry["unchanged"]),
        (&json!(1), &json!(1)),
        "{dry}"
    );
    assert!(
        scene.repo().commits_of("other").is_empty(),
        "a dry run makes no branch"
    );
    let told = scene.backup().await;
    assert_eq!(
        (&told["updated"], &told["unchanged"]),
        (&json!(1), &json!(1)),
        "{told}"
    );
    assert_eq!(
        scene.repo().files_at("other")["processes/process-00001.py"],
        "# new\n".as_bytes()
    );
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_in_portions_is_told_as_a_whole() {
    let scene = Scene::start("mode = \"contents\"").await;
    // GitHub's own bound is met by the portions' pause, which this test does not wait for.
    scene.github.set_limits(Limits {
        writes_per_minute: 1_000,
        ..Limits::default()
    });
    scene.put(&many(85)).await;
    let path = "/api/plugins/github-backup/actions/backup/?wait=25";
    let (_, answer) = scene.pipeline.post(path, &json!({})).await;
    let attempt = &answer["delivery"]["attempts"][0];
    assert_eq!(attempt["outcome"], "deferred", "{attempt:#}");
    assert_eq!(scene.repo().commits_of("main").len(), 1 + 80);
    // Ten minutes are over.
    scene.due_now().await;
    let ended = scene.settled(answer["id"].as_str().expect("an id")).await;
    let told = ended.output();
    assert_eq!(
        (&told["created"], &told["unchanged"]),
        (&json!(85), &json!(0)),
        "{told}"
    );
    assert_eq!(told["changes"].as_array().map(Vec::len), Some(85));
    let again = scene.backup().await;
    assert_eq!(
        (&again["created"], &again["unchanged"]),
        (&json!(0), &json!(85)),
        "{again}"
    );
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_who_and_whether_it_can_write() {
    let scene = Scene::start("").await;
    let told = scene.act("check", &json!({})).await.output();
    assert_eq!((&told["who"], &told["exists"]), (&json!("ada"), &json!(false)));
    scene.backup().await;
    let told = scene.act("check", &json!({})).await.output();
    assert_eq!(told["can_write"], true);
    scene.github.set_token_grant(read_only());
    let refused = scene.act("check", &json!({})).await;
    assert_eq!(refused.outcome(), "rejected", "{:#}", refused.delivery);
    scene.stop().await;
}
