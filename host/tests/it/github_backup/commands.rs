//! `hookyard backup-processes`, as a person and as a script uses it, and the daily schedule.

use hookyard::domain::plugin::PluginName;
use hookyard::manifest::PluginsFile;
use standins::fault::{Fault, FaultKind};

use super::section::SHIPPED;
use super::*;
use crate::support::command::{Ran, Yard, hookyard};

/// A command line in a data directory of its own, beside a stand-in.
struct Desk {
    github: GitHub,
    yard: Arc<Yard>,
    _token: tempfile::NamedTempFile,
}

impl Desk {
    async fn start() -> Self {
        let github = GitHub::start(Options::default()).await.expect("a stand-in");
        let token = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(token.path(), github.token()).expect("written");
        let mut section = Section::of(&github, "");
        section.secret(&format!("token = \"file:{}\"", token.path().display()));
        Self {
            yard: Arc::new(hookyard(&section.text())),
            github,
            _token: token,
        }
    }

    /// Runs a command away from the threads that answer it.
    async fn run(&self, args: &'static [&'static str]) -> Ran {
        let yard = Arc::clone(&self.yard);
        let ran = tokio::task::spawn_blocking(move || yard.run(args));
        ran.await.expect("no panic")
    }

    fn inject(&self, kind: FaultKind) {
        let target = "GET /repos/{owner}/{repo}".to_owned();
        let fault = Fault {
            target,
            kind,
            times: 1,
        };
        self.github.inject(fault).expect("a good fault");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_what_would_change_then_what_changed() {
    let desk = Desk::start().await;
    assert_eq!(desk.run(&["create-sample-processes"]).await.status, 0);
    let dry = desk.run(&["backup_processes", "--dry_run"]).await;
    assert_eq!(dry.status, 0, "{}{}", dry.out, dry.err);
    assert!(
        dry.out
            .contains("created, 0 updated, 0 deleted, 0 unchanged (dry run, nothing was written)"),
        "{}",
        dry.out
    );
    assert!(dry.out.contains("created  processes/"), "{}", dry.out);
    assert_eq!(desk.github.repositories(), Vec::<String>::new());

    let first = desk.run(&["backup-processes"]).await;
    assert_eq!(first.status, 0, "{}{}", first.out, first.err);
    assert!(first.out.contains("0 unchanged; commit "), "{}", first.out);
    let count = desk
        .github
        .repo("ada", "backup")
        .expect("it")
        .files_at("main")
        .len()
        - 1;
    let second = desk.run(&["backup-processes"]).await;
    assert!(
        second
            .out
            .contains(&format!("0 created, 0 updated, 0 deleted, {count} unchanged\n")),
        "{}",
        second.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_reads_json_and_the_exit_code() {
    let desk = Desk::start().await;
    desk.run(&["create-sample-processes"]).await;
    let told = desk.run(&["backup-processes", "--json"]).await;
    let told: Value = serde_json::from_str(&told.out).expect("JSON");
    let output = &told["delivery"]["attempts"][0]["output"];
    assert_eq!(output["repository"], "ada/backup", "{told}");
    assert_eq!(output["failed"], json!([]));

    desk.inject(FaultKind::Status { status: 502 });
    let retry = desk.run(&["backup-processes"]).await;
    assert_eq!(retry.status, 75, "{}{}", retry.out, retry.err);
    assert!(
        retry.out.contains("GitHub answers 502") && retry.out.contains("the next is due at"),
        "{}",
        retry.out
    );
    desk.inject(FaultKind::RateLimited { retry_after: 60 });
    assert_eq!(desk.run(&["backup-processes"]).await.status, 75);

    desk.github.revoke_token(true);
    let rejected = desk.run(&["backup-processes"]).await;
    assert_eq!(rejected.status, 1, "{}{}", rejected.out, rejected.err);
    assert!(
        rejected
            .out
            .contains("make a new one and put it where the secret points"),
        "{}",
        rejected.out
    );
    assert!(!rejected.out.contains(desk.github.token()));
}

#[test]
fn the_shipped_file_has_a_daily_backup_that_waits_for_its_plugin_to_be_enabled() {
    let file = PluginsFile::parse(SHIPPED, std::path::Path::new("plugins.toml")).expect("right");
    let name = "github-backup".parse::<PluginName>().expect("a name");
    let spec = file.plugin(&name).expect("the section");
    assert!(!spec.enabled);
    let crons: Vec<String> = spec.schedules.iter().map(|one| one.cron.to_string()).collect();
    assert_eq!(crons, ["0 3 * * *"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_of_a_schedule_backs_up() {
    let github = GitHub::start(Options::default()).await.expect("a stand-in");
    let mut section = Section::of(&github, "");
    // Far from now whenever the test runs; it is run by hand.
    section.schedule("name = \"daily\"\ncron = \"0 3 29 2 *\"");
    let scene = Scene::start_with(github, &section, Arc::new(SystemClock)).await;
    scene.put(&many(2)).await;
    let (_, tick) = scene
        .pipeline
        .post("/api/schedules/github-backup/daily/run/", &json!({}))
        .await;
    let id = tick["event"]
        .as_str()
        .unwrap_or_else(|| panic!("no event: {tick}"));
    let event = scene.pipeline.wait_status(id, "processed").await;
    let told = &event["deliveries"][0]["attempts"][0]["output"];
    assert_eq!(told["created"], 2, "{event:#}");
    assert_eq!(scene.repo().commits_of("main").len(), 2);
    scene.stop().await;
}
