//! Bad days.

use standins::fault::{Fault, FaultKind};

use super::*;

const MOVE: &str = "PATCH /repos/{owner}/{repo}/git/refs/{ref}";

impl Scene {
    /// A scene with a repository and one backup done.
    async fn backed_up(config: &str) -> Self {
        let scene = Self::start(config).await;
        scene.put(&many(2)).await;
        scene.backup().await;
        scene.put(&one("new", "# new\n")).await;
        scene
    }

    fn inject(&self, target: &str, kind: FaultKind) {
        let target = target.to_owned();
        self.github
            .inject(Fault {
                target,
                kind,
                times: 1,
            })
            .expect("a good fault");
    }

    fn commits(&self) -> usize {
        self.repo().commits_of("main").len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_leaves_one_commit() {
    for (target, kind) in [
        (MOVE, FaultKind::CutAfterEffect),
        (MOVE, FaultKind::CutBeforeEffect),
        (MOVE, FaultKind::Cut { bytes: 10 }),
        (
            "POST /repos/{owner}/{repo}/git/commits",
            FaultKind::CutAfterEffect,
        ),
        ("POST /repos/{owner}/{repo}/git/trees", FaultKind::CutAfterEffect),
    ] {
        let scene = Scene::backed_up("").await;
        scene.inject(target, kind.clone());
        let ended = scene.settle("backup", &json!({})).await;
        assert_eq!(
            ended.delivery["attempts"].as_array().map(Vec::len),
            Some(2),
            "{target} {kind:?}"
        );
        let told = ended.output();
        assert_eq!(scene.commits(), 3, "{target} {kind:?}");
        assert_eq!(
            (&told["created"], &told["unchanged"]),
            (&json!(1), &json!(2)),
            "{told}"
        );
        assert_eq!(told["commit"], scene.repo().commits_of("main")[0].sha.to_string());
        scene.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_leaves_one_commit_for_a_file_alone() {
    for kind in [FaultKind::CutAfterEffect, FaultKind::CutBeforeEffect] {
        let scene = Scene::backed_up("mode = \"contents\"").await;
        let before = scene.commits();
        scene.inject("PUT /repos/{owner}/{repo}/contents/{path}", kind.clone());
        let ended = scene.settle("backup", &json!({})).await;
        let attempts = ended.delivery["attempts"].as_array().map(Vec::len);
        assert_eq!(attempts, Some(2), "{kind:?}");
        ended.output();
        assert_eq!(scene.commits(), before + 1, "{kind:?}");
        scene.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_creation_leaves_one_repository() {
    let scene = Scene::start("").await;
    scene.put(&many(2)).await;
    scene.inject("POST /user/repos", FaultKind::CutAfterEffect);
    let told = scene.settle("backup", &json!({})).await.output();
    assert_eq!(told["created"], 2);
    assert_eq!((scene.github.repositories().len(), scene.commits()), (1, 2));
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_moves_meanwhile_is_built_upon() {
    let scene = Scene::backed_up("").await;
    scene.inject(
        "POST /repos/{owner}/{repo}/git/commits",
        FaultKind::Slow { ms: 3_000 },
    );
    let before = scene.requests() as u64;
    let input = json!({});
    let (ended, moved) = tokio::join!(scene.settle("backup", &input), async {
        // Repository, branch, commit, tree, new tree: the new commit is what comes next.
        assert!(
            scene
                .github
                .wait_for_requests(before + 5, Duration::from_mins(1))
                .await
        );
        scene
            .github
            .move_branch("ada", "backup", "main", ("theirs.txt", "x"))
    });
    assert!(moved.is_some());
    assert_eq!(ended.output()["created"], 1);
    assert_eq!(ended.delivery["attempts"].as_array().map(Vec::len), Some(1));
    let repo = scene.repo();
    let commits = repo.commits_of("main");
    assert_eq!(commits.len(), 4);
    assert_eq!(commits[0].changed, ["processes/new.py"]);
    assert!(
        repo.files_at("main").contains_key("theirs.txt"),
        "the other's commit is kept"
    );
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_person_can_mend_is_told_with_the_mend() {
    let scene = Scene::backed_up("").await;
    let rejected = |ended: &Ended, words: &str| {
        assert_eq!(ended.outcome(), "rejected", "{:#}", ended.delivery);
        assert!(ended.error().contains(words), "{words}: {}", ended.error());
        assert!(!ended.error().contains(scene.github.token()));
    };
    scene.github.revoke_token(true);
    rejected(&scene.act("backup", &json!({})).await, "Bad credentials");
    scene.github.revoke_token(false);

    assert!(scene.github.archive("ada", "backup", true));
    rejected(&scene.act("backup", &json!({})).await, "archived");
    assert!(scene.github.archive("ada", "backup", false));

    scene.github.set_token_grant(read_only());
    let ended = scene.act("backup", &json!({})).await;
    rejected(&ended, "lacks a permission");
    rejected(&ended, "contents=write");

    scene.github.set_token_scopes(&["read:user"]);
    let ended = scene.act("backup", &json!({})).await;
    rejected(&ended, "only `read:user`: give it `repo`");
    assert_eq!(scene.commits(), 2, "nothing of it was written");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_error_is_retried() {
    let scene = Scene::backed_up("").await;
    scene.inject(
        "POST /repos/{owner}/{repo}/git/commits",
        FaultKind::Status { status: 502 },
    );
    let ended = scene.settle("backup", &json!({})).await;
    assert_eq!(ended.delivery["attempts"][0]["outcome"], "retry");
    assert_eq!((&ended.output()["created"], scene.commits()), (&json!(1), 3));
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_is_named_with_its_mend() {
    let scene = Scene::backed_up("").await;
    // Hookyard itself stores text only; another program that writes to the database can do otherwise.
    let database = scene.pipeline.dir.join("data/hookyard.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
    let database = sqlx::SqlitePool::connect_with(options)
        .await
        .expect("the database");
    let damage = "UPDATE processes SET script = CAST(X'23E9' AS TEXT) WHERE code = 'new'";
    let damaged = sqlx::query(damage).execute(&database).await.expect("written");
    assert_eq!(damaged.rows_affected(), 1);
    database.close().await;
    let ended = scene.act("backup", &json!({})).await;
    assert_eq!(ended.outcome(), "retry", "{:#}", ended.delivery);
    let told = ended.error();
    assert!(
        told.contains("processes.script of row new") && told.contains("utf-8"),
        "{told}"
    );
    assert!(told.contains("`hookyard processes remove new`"), "{told}");
    scene.put(&one("new", "# mended\n")).await;
    assert_eq!(scene.backup().await["created"], 1);
    scene.stop().await;
}
