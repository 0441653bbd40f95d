//! Ticks of schedules through the whole application, by a clock that the tests move.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard::app::App;
use hookyard::clock::FakeClock;
use hookyard::config::{Settings, SettingsArgs};
use hookyard::data_dir::{DataDir, Ownership};
use hookyard::domain::delivery::{DeliveryHistory, DeliveryState};
use hookyard::domain::event::{EventFilter, EventKind, EventOrder};
use hookyard::domain::page::PageRequest;
use hookyard::domain::schedule::{RunOutcome, ScheduleKey, ScheduleRun};
use hookyard::domain::time::Timestamp;
use hookyard::environment::Environment;
use hookyard::lifecycle::{Lifecycle, Stopped};
use hookyard::scheduler::{Desk, ScheduleError};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::pipeline::PATIENCE;
use crate::support::plugins::component;
use crate::support::postgres;

/// A running application over a directory, by a clock of the test's.
struct Node {
    desk: Desk,
    lifecycle: Lifecycle,
    served: JoinHandle<anyhow::Result<Stopped>>,
}

impl Node {
    async fn start(dir: &Path, plugins: &str, database: Option<&str>, clock: &Arc<FakeClock>) -> Self {
        write_plugins(dir, plugins);
        let args = SettingsArgs {
            listen: Some("127.0.0.1:0".to_owned()),
            data_dir: Some(dir.join("data").display().to_string()),
            plugins_file: Some(dir.join("plugins.toml").display().to_string()),
            database_url: database.map(str::to_owned),
            ..SettingsArgs::default()
        };
        let env = Environment::default();
        let settings = Settings::resolve(&args, &env).expect("settings");
        let Ownership::Owned(owned) = DataDir::own(&settings.data_dir).expect("a data directory") else {
            panic!("the data directory is taken");
        };
        let app = App::build_with(settings, env, owned, clock.clone())
            .await
            .expect("the application");
        let (desk, lifecycle) = (app.schedules.clone(), app.lifecycle.clone());
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let served = tokio::spawn(app.serve(|_| ready.send(()).expect("the test waits")));
        is_ready.await.expect("it starts");
        Self {
            desk,
            lifecycle,
            served,
        }
    }

    async fn stop(self) {
        self.lifecycle.soft.cancel();
        let stopped = self.served.await.expect("no panic").expect("a clean stop");
        assert_eq!(stopped, Stopped::Clean);
    }

    /// A schedule's moments, oldest first.
    async fn runs(&self, name: &str) -> Vec<ScheduleRun> {
        let key = ScheduleKey {
            plugin: "p".parse().expect("a name"),
            schedule: name.parse().expect("a name"),
        };
        let page = PageRequest { page: 1, size: 100 };
        let runs = self.desk.store.schedule_runs(&key, page).await.expect("listed");
        runs.items.into_iter().rev().collect()
    }

    /// Waits until as many moments of a schedule are recorded.
    async fn wait_runs(&self, name: &str, count: usize) -> Vec<ScheduleRun> {
        let began = Instant::now();
        loop {
            let runs = self.runs(name).await;
            if runs.len() >= count {
                assert_eq!(runs.len(), count, "{runs:#?}");
                return runs;
            }
            assert!(began.elapsed() < PATIENCE, "{name} has only {runs:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the one delivery of a run is as the test wants it.
    async fn wait_delivery(&self, run: &ScheduleRun, state: DeliveryState) -> DeliveryHistory {
        let began = Instant::now();
        let event = run.event.expect("an event");
        loop {
            let mut deliveries = self.desk.store.deliveries(event).await.expect("listed");
            assert_eq!(deliveries.len(), 1);
            let delivery = deliveries.remove(0);
            if delivery.delivery.state == state {
                return delivery;
            }
            assert!(began.elapsed() < PATIENCE, "not {state:?}: {delivery:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many ticks have become events.
    async fn ticks(&self) -> u64 {
        let filter = EventFilter {
            source: Some("schedule".to_owned()),
            ..EventFilter::default()
        };
        let page = PageRequest { page: 1, size: 1 };
        let events = self.desk.store.events(&filter, EventOrder::NewestFirst, page);
        events.await.expect("listed").total
    }
}

fn write_plugins(dir: &Path, text: &str) {
    let new = dir.join("plugins.toml.new");
    std::fs::write(&new, text).expect("written");
    std::fs::rename(new, dir.join("plugins.toml")).expect("renamed");
}

/// One plugin `p` that runs this fixture, with these schedules (name, cron, more lines).
fn plugins(fixture: &str, schedules: &[(&str, &str, &str)]) -> String {
    let plugin = format!(
        "[plugins.p]\ncomponent = \"{}\"\n[plugins.p.limits]\ntimeout = \"2m\"\n",
        component(fixture).display()
    );
    let schedule = |(name, cron, more): &(&str, &str, &str)| {
        format!("[[plugins.p.schedules]]\nname = \"{name}\"\ncron = \"{cron}\"\n{more}\n")
    };
    let sections: Vec<_> = schedules.iter().map(schedule).collect();
    plugin + &sections.concat()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a moment")
}

fn clock(text: &str) -> Arc<FakeClock> {
    Arc::new(FakeClock::new(at(text)))
}

fn outcomes(runs: &[ScheduleRun]) -> Vec<(RunOutcome, Timestamp)> {
    runs.iter().map(|run| (run.outcome, run.planned_at)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_becomes_an_event_a_delivery_and_an_attempt() {
    let dir = tempfile::tempdir().expect("a directory");
    let clock = clock("2026-03-28T22:00:00Z");
    let more = "timezone = \"Europe/Paris\"\ninput = { who = \"x\", n = [1] }";
    let text = plugins("echo", &[("nightly", "30 2 * * *", more)]);
    let node = Node::start(dir.path(), &text, None, &clock).await;
    let listed = node.desk.list().await.expect("listed").remove(0);
    assert_eq!(listed.next, Some(at("2026-03-29T01:00:00Z")));
    assert_eq!(listed.last, None);

    // The night in which half past two does not exist.
    clock.set(at("2026-03-29T01:00:20Z"));
    let runs = node.wait_runs("nightly", 1).await;
    assert_eq!(outcomes(&runs), [(RunOutcome::Made, at("2026-03-29T01:00:00Z"))]);
    assert_eq!(runs[0].recorded_at, at("2026-03-29T01:00:20Z"));
    let history = node.wait_delivery(&runs[0], DeliveryState::Succeeded).await;
    let output: Value =
        serde_json::from_str(history.attempts[0].record.output.as_deref().expect("output")).expect("JSON");
    let id = runs[0].event.expect("an event");
    assert_eq!(
        output["trigger"],
        json!({
            "id": id.to_string(),
            "cron": "30 2 * * *",
            "planned-at": at("2026-03-29T01:00:00Z").as_millis(),
            "input": {"who": "x", "n": [1]},
        })
    );
    let event = node
        .desk
        .store
        .event(id)
        .await
        .expect("readable")
        .expect("stored");
    assert_eq!(
        (event.kind, &*event.source, &*event.event_type),
        (EventKind::Schedule, "schedule", "nightly")
    );
    let listed = node.desk.list().await.expect("listed").remove(0);
    assert_eq!(listed.next, Some(at("2026-03-30T00:30:00Z")));
    assert_eq!(listed.last.map(|last| last.event), Some(Some(id)));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_stop_missed_moments_run_once_or_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let clock = clock("2026-05-01T00:30:00Z");
    let known = [
        ("once", "@hourly", ""),
        ("none", "@hourly", "catch-up = \"none\""),
    ];
    let node = Node::start(dir.path(), &plugins("echo", &known), None, &clock).await;
    node.stop().await;

    clock.set(at("2026-05-01T06:10:00Z"));
    // One that is new, and one that has changed, before those whose runs are waited for.
    let changed = [
        ("new", "@hourly", ""),
        ("once", "@hourly", ""),
        ("none", "@hourly", "catch-up = \"none\""),
    ];
    let node = Node::start(dir.path(), &plugins("echo", &changed), None, &clock).await;
    let missed = node.wait_runs("none", 1).await;
    assert_eq!(
        outcomes(&missed),
        [(RunOutcome::Missed, at("2026-05-01T06:00:00Z"))]
    );
    let caught_up = node.wait_runs("once", 1).await;
    assert_eq!(
        outcomes(&caught_up),
        [(RunOutcome::Made, at("2026-05-01T06:00:00Z"))]
    );
    assert_eq!(node.runs("new").await, []);
    assert_eq!(node.ticks().await, 1);

    // From here on all three run.
    clock.set(at("2026-05-01T07:00:00Z"));
    node.wait_runs("none", 2).await;
    assert_eq!(
        node.wait_runs("once", 2).await[1].planned_at,
        at("2026-05-01T07:00:00Z")
    );
    let runs = node.wait_runs("new", 1).await;
    assert_eq!(outcomes(&runs), [(RunOutcome::Made, at("2026-05-01T07:00:00Z"))]);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_over_an_unfinished_one_is_skipped_or_queued() {
    let dir = tempfile::tempdir().expect("a directory");
    let clock = clock("2026-05-01T00:00:00Z");
    let retry = "input = { do = \"retry\" }";
    let queue = format!("{retry}\noverlap = \"queue\"");
    let mut text = plugins(
        "fail",
        &[("skip", "* * * * *", retry), ("queue", "* * * * *", &queue)],
    );
    text += "[plugins.p.retry]\nschedule = [\"1h\"]\n";
    let node = Node::start(dir.path(), &text, None, &clock).await;
    clock.set(at("2026-05-01T00:01:00Z"));
    let first = node.wait_runs("skip", 1).await.remove(0);
    node.wait_runs("queue", 1).await;
    node.wait_delivery(&first, DeliveryState::Retrying).await;
    clock.set(at("2026-05-01T00:02:00Z"));
    let skipped = node.wait_runs("skip", 2).await.remove(1);
    assert_eq!((skipped.outcome, skipped.event), (RunOutcome::Skipped, None));
    let queued = node.wait_runs("queue", 2).await.remove(1);
    assert_eq!(queued.outcome, RunOutcome::Made);
    node.wait_delivery(&queued, DeliveryState::Retrying).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_change_is_in_force_and_pauses_and_switches_are_heeded() {
    let dir = tempfile::tempdir().expect("a directory");
    let clock = clock("2026-05-01T00:30:00Z");
    let text = |cron| plugins("echo", &[("s", cron, "")]);
    let node = Node::start(dir.path(), &text("0 12 * * *"), None, &clock).await;
    let paused = text("0 * * * *").replace("component", "paused = true\ncomponent");
    write_plugins(dir.path(), &paused);
    wait_cron(&node, "0 * * * *").await;
    // The scheduler looks within a second; until it has, the moments of the hour are not its own.
    let began = Instant::now();
    while node.runs("s").await.is_empty() {
        clock.advance(Duration::from_mins(30));
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(began.elapsed() < PATIENCE);
    }
    // Paused: ticks are made and wait.
    let first = node.runs("s").await.remove(0);
    assert_eq!(first.outcome, RunOutcome::Made);
    node.wait_delivery(&first, DeliveryState::Pending).await;
    let (plugin, spec) = node.desk.find(None, "s").expect("found");
    let refused = node.desk.run(&plugin, &spec).await;
    assert!(matches!(
        refused,
        Err(ScheduleError::NotRunning { state: "paused", .. })
    ));
    write_plugins(dir.path(), &text("0 * * * *"));
    node.wait_delivery(&first, DeliveryState::Succeeded).await;

    // Disabled: no ticks, not even later for the time in between. A second plugin tells when the
    // scheduler has looked.
    let mark = format!(
        "[plugins.q]\ncomponent = \"{}\"\n[[plugins.q.schedules]]\ncron = \"* * * * *\"\noverlap = \"queue\"\n",
        component("echo").display()
    );
    let disabled = text("0 * * * *").replace("component", "enabled = false\ncomponent") + &mark;
    write_plugins(dir.path(), &disabled);
    let key = ScheduleKey {
        plugin: "q".parse().expect("a name"),
        schedule: "* * * * *".parse().expect("a name"),
    };
    wait_last(&node, &key, &clock).await;
    let before = node.runs("s").await;
    clock.advance(Duration::from_hours(5));
    wait_last(&node, &key, &clock).await;
    assert_eq!(node.runs("s").await.len(), before.len());
    let listed = node.desk.list().await.expect("listed");
    assert_eq!((&*listed[0].spec.name.to_string(), listed[0].next), ("s", None));
    write_plugins(dir.path(), &(text("0 * * * *") + &mark));
    let next = loop {
        let listed = node.desk.list().await.expect("listed");
        if let Some(next) = listed[0].next {
            break next;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    wait_last(&node, &key, &clock).await;
    wait_last(&node, &key, &clock).await;
    assert!(
        node.runs("s").await[before.len()..]
            .iter()
            .all(|run| run.planned_at >= next)
    );
    node.stop().await;
}

/// Waits until the file with this expression is in force.
async fn wait_cron(node: &Node, cron: &str) {
    let began = Instant::now();
    while node.desk.list().await.expect("listed")[0].spec.cron.as_str() != cron {
        assert!(began.elapsed() < PATIENCE, "{cron} never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Moves the clock minute by minute until a schedule of every minute has a run of this time.
async fn wait_last(node: &Node, key: &ScheduleKey, clock: &FakeClock) {
    let began = Instant::now();
    let from = node.desk.clock.now();
    loop {
        clock.advance(Duration::from_mins(1));
        tokio::time::sleep(Duration::from_millis(500)).await;
        let last = node
            .desk
            .store
            .last_schedule_runs(std::slice::from_ref(key))
            .await;
        if last
            .expect("listed")
            .remove(0)
            .is_some_and(|run| run.planned_at > from)
        {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "no tick");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_on_one_database_make_each_tick_once() {
    let Some(url) = postgres::fresh_database().await else {
        return;
    };
    let dirs = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let clock = clock("2026-05-01T00:00:00Z");
    let text = plugins(
        "echo",
        &[
            ("s", "* * * * *", "overlap = \"queue\""),
            ("t", "*/10 * * * * *", "overlap = \"queue\""),
        ],
    );
    let one = Node::start(dirs[0].path(), &text, Some(&url), &clock).await;
    let two = Node::start(dirs[1].path(), &text, Some(&url), &clock).await;
    for minute in 1..=5 {
        clock.advance(Duration::from_mins(1));
        let runs = one.wait_runs("s", minute).await;
        assert_eq!(runs[minute - 1].outcome, RunOutcome::Made);
        for run in two.wait_runs("t", minute * 6).await {
            assert_eq!(run.outcome, RunOutcome::Made);
        }
    }
    // Both have looked at every moment when each has made one that the other could not.
    one.stop().await;
    clock.advance(Duration::from_mins(1));
    let runs = two.wait_runs("s", 6).await;
    two.wait_runs("t", 36).await;
    for run in &runs {
        two.wait_delivery(run, DeliveryState::Succeeded).await;
    }
    assert_eq!(two.ticks().await, 42);
    two.stop().await;
    postgres::drop_database(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_on_request_is_a_tick_of_its_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let clock = clock("2026-05-01T03:00:00Z");
    let text = plugins("echo", &[("nightly", "0 3 * * *", "input = { a = 1 }")]);
    let node = Node::start(dir.path(), &text, None, &clock).await;
    let (plugin, spec) = node.desk.find(None, "nightly").expect("found");
    let first = node.desk.run(&plugin, &spec).await.expect("started");
    let second = node.desk.run(&plugin, &spec).await.expect("started");
    let runs = node.wait_runs("nightly", 2).await;
    assert_eq!(
        runs.iter()
            .map(|run| (run.outcome, run.event))
            .collect::<Vec<_>>(),
        [
            (RunOutcome::Manual, Some(first.event)),
            (RunOutcome::Manual, Some(second.event))
        ]
    );
    for run in &runs {
        node.wait_delivery(run, DeliveryState::Succeeded).await;
    }
    let missing = node.desk.find(None, "elsewhere");
    assert!(matches!(missing, Err(ScheduleError::NoSuch(_))));
    // The expression's own next moment is not touched.
    clock.set(at("2026-05-02T03:00:00Z"));
    assert_eq!(node.wait_runs("nightly", 3).await[2].outcome, RunOutcome::Made);
    node.stop().await;
}

/// Runs the binary in a directory; its exit code and standard output.
fn hookyard(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_hookyard"))
        .current_dir(dir)
        .env_clear()
        .args(args)
        .output()
        .expect("it runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    eprintln!("{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}

#[test]
fn the_command_line_lists_runs_and_tells() {
    let dir = tempfile::tempdir().expect("a directory");
    let schedules = [
        ("good", "@daily", "input = { do = \"ok\" }"),
        (
            "later",
            "0 3 * * *",
            "input = { do = \"retry\" }\ntimezone = \"Europe/Paris\"",
        ),
        ("never", "0 4 * * *", "input = { do = \"reject\" }"),
    ];
    write_plugins(dir.path(), &plugins("fail", &schedules));
    let (code, text) = hookyard(dir.path(), &["schedules", "list", "--json"]);
    let listed: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(code, Some(0));
    assert_eq!(
        (&listed[1]["name"], &listed[1]["timezone"], &listed[1]["last"]),
        (&json!("later"), &json!("Europe/Paris"), &Value::Null)
    );
    for (name, code) in [("good", 0), ("later", 75), ("never", 1), ("elsewhere", 1)] {
        assert_eq!(
            hookyard(dir.path(), &["schedules", "run", name]).0,
            Some(code),
            "{name}"
        );
    }
    let (_, text) = hookyard(dir.path(), &["schedules", "history", "never", "--json"]);
    let history: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        (
            &history["count"],
            &history["results"][0]["outcome"],
            &history["results"][0]["status"]
        ),
        (&json!(1), &json!("manual"), &json!("failed"))
    );
    let (_, text) = hookyard(dir.path(), &["schedules", "list"]);
    assert!(text.contains("OUTCOME") && text.contains("manual"), "{text}");
}
