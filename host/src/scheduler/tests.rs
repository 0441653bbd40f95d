//! Looks of the scheduler one by one, by a clock that jumps.

use serde_json::json;

use super::*;
use crate::clock::FakeClock;
use crate::domain::page::PageRequest;
use crate::domain::schedule::{CatchUp, Overlap, RunOutcome, ScheduleKey, SchedulePause, ScheduleSpec};

struct Bench {
    scheduler: Scheduler,
    clock: Arc<FakeClock>,
    dir: tempfile::TempDir,
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(&format!("2026-05-01T{text}Z")).expect("a moment")
}

fn schedule(cron: &str, catch_up: CatchUp) -> ScheduleSpec {
    ScheduleSpec {
        name: cron.parse().expect("a name"),
        cron: cron.parse().expect("an expression"),
        zone: "UTC".parse().expect("a zone"),
        input: json!({}),
        overlap: Overlap::Queue,
        catch_up,
    }
}

fn specs(schedules: Vec<ScheduleSpec>) -> Arc<Specs> {
    let name: PluginName = "p".parse().expect("a name");
    let component = std::path::PathBuf::from("p.wasm");
    let spec = PluginSpec {
        schedules,
        ..PluginSpec::named(name.clone(), component)
    };
    Arc::new([(name, Arc::new(spec))].into())
}

impl Bench {
    /// A scheduler that has looked once, at this time of the day.
    async fn new(time: &str, wanted: Vec<ScheduleSpec>) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let url = format!("sqlite://{}", dir.path().join("test.db").display());
        let clock = Arc::new(FakeClock::new(at(time)));
        let parts = Parts {
            store: crate::store::open(&url).await.expect("a store"),
            specs: SharedSpecs::default(),
            clock: clock.clone(),
            wake: Arc::default(),
            lifecycle: Lifecycle::default(),
        };
        parts.specs.store(specs(wanted));
        let scheduler = Scheduler {
            parts,
            specs: None,
            entries: Vec::new(),
        };
        let mut bench = Self {
            scheduler,
            clock,
            dir,
        };
        bench.look(time).await;
        bench
    }

    /// Looks at this time of the day; how long the scheduler would sleep then.
    async fn look(&mut self, time: &str) -> Duration {
        self.clock.set(at(time));
        self.scheduler.pass().await.expect("looked")
    }

    /// What is recorded of a schedule, oldest first.
    async fn runs(&self, cron: &str) -> Vec<(RunOutcome, Timestamp)> {
        let key = ScheduleKey {
            plugin: "p".parse().expect("a name"),
            schedule: cron.parse().expect("a name"),
        };
        let page = PageRequest { page: 1, size: 100 };
        let runs = self
            .scheduler
            .parts
            .store
            .schedule_runs(&key, page)
            .await
            .expect("listed");
        let runs = runs.items.into_iter().rev();
        runs.map(|run| (run.outcome, run.planned_at)).collect()
    }
}

use RunOutcome::{Made, Missed};

#[tokio::test]
async fn a_clock_that_goes_back_doubles_no_tick() {
    let mut bench = Bench::new("00:30:00", vec![schedule("@hourly", CatchUp::Once)]).await;
    assert_eq!(bench.runs("@hourly").await, []);
    bench.look("01:00:00").await;
    for time in [
        "00:59:59.999",
        "01:00:00",
        "01:00:01",
        "00:10:00",
        "00:59:00",
        "01:30:00",
        "01:00:00.5",
    ] {
        bench.look(time).await;
        assert_eq!(bench.runs("@hourly").await, [(Made, at("01:00:00"))], "{time}");
    }
    // What had not come before still comes.
    bench.look("00:00:00").await;
    bench.look("02:00:00").await;
    assert_eq!(
        bench.runs("@hourly").await,
        [(Made, at("01:00:00")), (Made, at("02:00:00"))]
    );
}

#[tokio::test]
async fn a_clock_that_goes_forward_makes_one_run_or_none() {
    let schedules = || {
        vec![
            schedule("@hourly", CatchUp::Once),
            schedule("5 * * * *", CatchUp::None),
        ]
    };
    let mut bench = Bench::new("00:30:00", schedules()).await;
    bench.look("20:30:00").await;
    assert_eq!(bench.runs("@hourly").await, [(Made, at("20:00:00"))]);
    assert_eq!(bench.runs("5 * * * *").await, [(Missed, at("20:05:00"))]);
    // And back again: the hours that were jumped over come when the clock shows them.
    bench.look("00:30:00").await;
    bench.look("01:00:00").await;
    assert_eq!(bench.runs("@hourly").await[0], (Made, at("01:00:00")));
}

#[tokio::test]
async fn a_tick_that_is_a_little_late_is_not_missed() {
    let mut bench = Bench::new("00:30:00", vec![schedule("* * * * * *", CatchUp::None)]).await;
    bench.look("00:30:03.2").await;
    bench.look("00:30:04").await;
    let runs = bench.runs("* * * * * *").await;
    assert_eq!(
        runs,
        [1, 2, 3, 4].map(|second| (Made, at(&format!("00:30:0{second}"))))
    );
}

#[tokio::test]
async fn the_sleep_ends_at_the_next_moment_and_is_bounded() {
    let mut bench = Bench::new("00:30:00", vec![schedule("@hourly", CatchUp::Once)]).await;
    assert_eq!(bench.look("00:31:00").await, MAX_SLEEP);
    assert_eq!(bench.look("00:59:59.7").await, Duration::from_millis(300));
    assert_eq!(bench.look("00:59:59.999").await, MIN_SLEEP);
    assert_eq!(bench.look("01:00:00").await, MAX_SLEEP);
}

#[tokio::test]
async fn a_changed_expression_begins_anew_and_a_kept_one_goes_on() {
    let mut bench = Bench::new("00:30:00", vec![schedule("@hourly", CatchUp::Once)]).await;
    let mut changed = schedule("@hourly", CatchUp::Once);
    changed.cron = "15 * * * *".parse().expect("an expression");
    bench.scheduler.parts.specs.store(specs(vec![changed]));
    bench.look("03:20:00").await;
    assert_eq!(bench.runs("@hourly").await, []);
    bench.look("04:15:00").await;
    assert_eq!(bench.runs("@hourly").await, [(Made, at("04:15:00"))]);
    // Only its way of catching up changes: nothing is lost.
    let mut kept = schedule("@hourly", CatchUp::None);
    kept.cron = "15 * * * *".parse().expect("an expression");
    bench.scheduler.parts.specs.store(specs(vec![kept]));
    bench.look("05:15:30").await;
    assert_eq!(bench.runs("@hourly").await[1], (Made, at("05:15:00")));
    // Out of force and in force again: what passed meanwhile is not caught up.
    bench.scheduler.parts.specs.store(specs(Vec::new()));
    bench.look("05:30:00").await;
    bench
        .scheduler
        .parts
        .specs
        .store(specs(vec![schedule("@hourly", CatchUp::Once)]));
    bench.look("09:30:00").await;
    assert_eq!(bench.runs("@hourly").await.len(), 2);
}

#[tokio::test]
async fn without_the_database_a_tick_waits() {
    let mut bench = Bench::new("00:30:00", vec![schedule("@hourly", CatchUp::None)]).await;
    let working = bench.scheduler.parts.store.clone();
    let url = format!("sqlite://{}", bench.dir.path().join("other.db").display());
    let closed = crate::store::open(&url).await.expect("a store");
    closed.close().await;
    bench.scheduler.parts.store = closed;
    bench.clock.set(at("01:00:00"));
    assert!(bench.scheduler.pass().await.is_err());
    bench.scheduler.parts.store = working;
    bench.look("01:00:40").await;
    assert_eq!(bench.runs("@hourly").await, [(Made, at("01:00:00"))]);
}

#[tokio::test]
async fn a_pause_is_like_a_stop_of_one_schedule() {
    let schedules = vec![
        schedule("@hourly", CatchUp::Once),
        schedule("5 * * * *", CatchUp::None),
        schedule("10 * * * *", CatchUp::Once),
    ];
    let mut bench = Bench::new("00:30:00", schedules).await;
    let paused = ["@hourly", "5 * * * *"].map(|cron| ScheduleKey {
        plugin: "p".parse().expect("a name"),
        schedule: cron.parse().expect("a name"),
    });
    let store = bench.scheduler.parts.store.clone();
    for key in &paused {
        let pause = SchedulePause {
            at: at("00:31:00"),
            by: "ada".to_owned(),
        };
        assert!(store.pause_schedule(key, &pause).await.expect("paused"));
    }
    bench.look("01:06:00").await;
    bench.look("03:10:00").await;
    assert_eq!(bench.look("03:10:01").await, MAX_SLEEP, "it does not spin");
    assert_eq!(bench.runs("@hourly").await, []);
    assert_eq!(bench.runs("5 * * * *").await, []);
    let others = bench.runs("10 * * * *").await;
    let both = [(Missed, at("02:10:00")), (Made, at("03:10:00"))];
    assert_eq!(others, both, "others go on");
    // As after a restart, with the schedules of the database.
    bench.scheduler.specs = None;
    bench.look("03:20:00").await;
    assert_eq!(bench.runs("@hourly").await, []);
    for key in &paused {
        assert!(store.resume_schedule(key).await.expect("resumed"));
    }
    bench.look("03:20:01").await;
    assert_eq!(bench.runs("@hourly").await, [(Made, at("03:00:00"))]);
    assert_eq!(bench.runs("5 * * * *").await, [(Missed, at("03:05:00"))]);
    bench.look("04:05:00").await;
    assert_eq!(bench.runs("@hourly").await[1], (Made, at("04:00:00")));
    assert_eq!(bench.runs("5 * * * *").await[1], (Made, at("04:05:00")));
}

#[tokio::test]
async fn a_moment_that_passed_just_before_the_end_of_a_pause_was_missed() {
    let schedules = vec![
        schedule("0 * * * *", CatchUp::None),
        schedule("* * * * * *", CatchUp::Once),
    ];
    let mut bench = Bench::new("00:59:58", schedules).await;
    let store = bench.scheduler.parts.store.clone();
    let names = ["0 * * * *", "* * * * * *"];
    let key = |cron: &str| ScheduleKey {
        plugin: "p".parse().expect("a name"),
        schedule: cron.parse().expect("a name"),
    };
    for name in names {
        let pause = SchedulePause {
            at: at("00:59:58"),
            by: "ada".to_owned(),
        };
        store.pause_schedule(&key(name), &pause).await.expect("paused");
    }
    bench.look("01:00:05").await;
    for name in names {
        store.resume_schedule(&key(name)).await.expect("resumed");
    }
    bench.look("01:00:20").await;
    assert_eq!(bench.runs(names[0]).await, [(Missed, at("01:00:00"))]);
    assert_eq!(bench.runs(names[1]).await, [(Made, at("01:00:20"))]);
    // From then on it goes as ever.
    bench.look("01:00:22").await;
    let made = ["01:00:20", "01:00:21", "01:00:22"].map(|time| (Made, at(time)));
    assert_eq!(bench.runs(names[1]).await, made);
    bench.look("02:00:10").await;
    assert_eq!(bench.runs(names[0]).await[1], (Made, at("02:00:00")));
}
