//! As a GitHub App: the host signs, trades and keeps; the plugin sees neither key nor token.

use hookyard::clock::Clock;
use standins::fault::{Fault, FaultKind};
use standins::github::Permissions;

use super::*;

/// A clock that runs, but wrong.
struct Wrong(i64);

impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(SystemClock.now().as_millis() + self.0)
    }
}

/// A scene of the App that is installed on the organisation, with the key in a file.
async fn scene(owner: &str, clock: SharedClock) -> (Scene, tempfile::NamedTempFile) {
    let github = GitHub::start(Options::default()).await.expect("a stand-in");
    let key = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(key.path(), github.app_private_key_pem()).expect("written");
    let config = format!(
        "owner = \"{owner}\"\nauth = \"app\"\napp-id = {}\ninstallation-id = \"{}\"",
        github.app_id(),
        github.installation_id()
    );
    let mut section = Section::of(&github, &config);
    section.secret(&format!("app = \"file:{}\"", key.path().display()));
    (Scene::start_with(github, &section, clock).await, key)
}

async fn organisations() -> (Scene, tempfile::NamedTempFile) {
    scene("analytical-engines", Arc::new(SystemClock)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_installation_makes_the_organisations_repository_and_writes() {
    let (scene, _key) = organisations().await;
    scene.put(&many(3)).await;
    let ended = scene.act("backup", &json!({})).await;
    let told = ended.output();
    assert_eq!(
        (&told["created"], &told["repository_created"]),
        (&json!(3), &json!(true))
    );
    let repo = scene.github.repo("analytical-engines", "backup").expect("it");
    assert!(repo.private);
    assert_eq!(repo.commits_of("main").len(), 2);
    assert_eq!(repo.files_at("main").len(), 3 + 1, "and the README");
    assert_eq!(scene.backup().await["unchanged"], 3);
    let checked = scene.act("check", &json!({})).await.output();
    assert_eq!(checked["can_write"], true);
    let traded = scene.github.requests();
    let traded = traded.iter().filter(|seen| seen.path.ends_with("/access_tokens"));
    assert_eq!(traded.count(), 1, "one token serves an hour");
    let seen = ended.delivery.to_string();
    assert!(!seen.contains("PRIVATE KEY") && !seen.contains("eyJ") && !seen.contains("ghs_"));
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_is_named_with_both_times() {
    for minutes in [-30, 30] {
        let clock = Arc::new(Wrong(minutes * 60_000));
        let (scene, _key) = scene("analytical-engines", clock).await;
        scene.put(&many(1)).await;
        let ended = scene.act("backup", &json!({})).await;
        assert_eq!(ended.outcome(), "rejected", "{:#}", ended.delivery);
        let told = ended.error();
        assert!(
            told.contains("check this machine's clock, which shows "),
            "{told}"
        );
        assert!(
            told.contains("while the issuer's shows ") && told.contains("claim"),
            "{told}"
        );
        scene.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_app_is_told_apart_from_a_missing_installation() {
    let (scene, key) = organisations().await;
    scene.put(&many(1)).await;
    let other = GitHub::start(Options::default()).await.expect("a stand-in");
    std::fs::write(key.path(), other.app_private_key_pem()).expect("written");
    let ended = scene.act("backup", &json!({})).await;
    assert_eq!(ended.outcome(), "rejected", "{:#}", ended.delivery);
    assert!(
        ended.error().contains("make a new private key"),
        "{}",
        ended.error()
    );
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_makes_no_repository_of_a_person() {
    let (scene, _key) = scene("ada", Arc::new(SystemClock)).await;
    scene.put(&many(1)).await;
    let ended = scene.act("backup", &json!({})).await;
    assert_eq!(ended.outcome(), "rejected", "{:#}", ended.delivery);
    assert!(
        ended.error().contains("https://github.com/new"),
        "{}",
        ended.error()
    );
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_without_the_permission_names_it() {
    let (scene, _key) = organisations().await;
    scene.put(&many(1)).await;
    scene.github.add_repo("analytical-engines", "backup", true);
    let read: Permissions = ["contents", "metadata"]
        .map(|name| (name.to_owned(), Level::Read))
        .into();
    scene.github.set_app_permissions(read);
    let ended = scene.act("backup", &json!({})).await;
    assert_eq!(ended.outcome(), "rejected", "{:#}", ended.delivery);
    let told = ended.error();
    assert!(
        told.contains("lacks a permission") && told.contains("contents=write"),
        "{told}"
    );
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trade_that_fails_for_now_is_retried() {
    let (scene, _key) = organisations().await;
    scene.put(&many(1)).await;
    let fault = Fault {
        target: "POST /app/installations/{installation_id}/access_tokens".to_owned(),
        kind: FaultKind::Status { status: 502 },
        times: 1,
    };
    scene.github.inject(fault).expect("a good fault");
    let ended = scene.settle("backup", &json!({})).await;
    assert_eq!(
        ended.delivery["attempts"][0]["outcome"], "retry",
        "{:#}",
        ended.delivery
    );
    assert_eq!(ended.output()["created"], 1);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_not_every_server_knows_yet_is_tried_again() {
    let (scene, _key) = organisations().await;
    scene.put(&many(1)).await;
    let fault = Fault {
        target: "GET /repos/{owner}/{repo}".to_owned(),
        kind: FaultKind::Status { status: 401 },
        times: 1,
    };
    scene.github.inject(fault).expect("a good fault");
    let path = "/api/plugins/github-backup/actions/backup/?wait=25";
    let (_, answer) = scene.pipeline.post(path, &json!({})).await;
    let attempt = &answer["delivery"]["attempts"][0];
    assert_eq!(attempt["outcome"], "retry", "{attempt:#}");
    let ended = scene.settled(answer["id"].as_str().expect("an id")).await;
    assert_eq!(ended.output()["created"], 1);
    scene.stop().await;
}
