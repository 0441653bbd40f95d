//! Three nodes on one PostgreSQL, under load through one trouble after another, and a table of what was reconciled.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::effects::Manner;
use crate::figures::Found;
use crate::fleet::Fleet;
use crate::load::Load;
use crate::postgres::Postgres;
use crate::reconcile::{reconcile, settle};
use crate::server::LOOK_AGAIN;
use crate::site::{PLUGIN, Section};
use crate::table::Yard;
use crate::ticks;
use crate::weather::SETTLE_WITHIN;

/// How many.
const NODES: usize = 3;

/// Connections of one node: what `docs/operating.md` says.
const CONNECTIONS_EACH: u32 = 16;

/// Connections of PostgreSQL: the nodes', and room for what we ask it ourselves.
const CONNECTIONS: u32 = 60;

/// How long the load runs before and after each trouble.
const CALM: Duration = Duration::from_secs(3);

/// Longer than a lease (20 s) and the sweep after it (5 s): what a node held then is another's.
const PAST_THE_LEASE: Duration = Duration::from_secs(32);

/// How long a killed node stays away, and the database when it is restarted: some answers give up by then (10 s).
const AWAY: Duration = Duration::from_secs(3);
const RESTARTS: Duration = Duration::from_secs(12);

/// How long each node may take to acknowledge again once the trouble is over.
const RECOVER_WITHIN: Duration = Duration::from_mins(1);

/// How long the vendor takes after the effect: there is always something in flight.
const VENDOR: Duration = Duration::from_millis(400);

/// The plugin of the schedule, its schedule, and how often that comes, in seconds.
const CLOCK: &str = "clock";
const TICK: &str = "tick";
const EVERY: u32 = 2;

/// What is told of each phase, in order.
const COLUMNS: [&str; 10] = [
    "acknowledged",
    "refused",
    "stored",
    "effects",
    "repeated-and-told",
    "lost",
    "stuck",
    "failed",
    "doubled",
    "unproved",
];

/// All of it.
pub fn run(yard: &mut Yard<'_>) -> anyhow::Result<Found> {
    let Some(primary) = Postgres::start_with(CONNECTIONS)? else {
        return Ok(Found::skipped("no PostgreSQL; apt-get install postgresql"));
    };
    let load = "limits = { concurrency = 32 }";
    let clock =
        format!("schedules = [{{ name = \"{TICK}\", cron = \"*/{EVERY} * * * * *\", overlap = \"queue\" }}]");
    let sections = [
        Section::of_load(load),
        Section {
            name: CLOCK,
            component: "echo",
            source: CLOCK,
            more: &clock,
        },
    ];
    let mut fleet = Fleet::start(yard.options, &sections, &primary, NODES)?;
    let slow = Manner {
        delay: VENDOR,
        ..Manner::default()
    };
    fleet.site.vendor.answer(PLUGIN, slow);
    let mut phases = Phases::default();
    phases.pass(&mut fleet, "kill", kill)?;
    phases.pass(&mut fleet, "pause", pause)?;
    phases.pass(&mut fleet, "cut", cut)?;
    phases.pass(&mut fleet, "silence", silence)?;
    phases.pass(&mut fleet, "restart", |_, found| {
        note_connections(&primary, found)?;
        primary.stop("fast")?;
        thread::sleep(RESTARTS);
        primary.start()
    })?;
    let standby = primary.standby()?;
    primary.wait_for_standby()?;
    phases.pass(&mut fleet, "fail-over", |fleet, _| {
        // As a crash: what it has told is on the standby's disk, the rest it takes with it.
        primary.stop("immediate")?;
        standby.promote()?;
        fleet.lead_to(&standby);
        Ok(())
    })?;
    let mut found = phases.told();
    stop_clock(&fleet)?;
    ticks::reckon(&fleet.site.api(), CLOCK, TICK, EVERY, &mut found)?;
    for node in &mut fleet.nodes {
        node.must_live()?;
    }
    Ok(found)
}

/// kill -9, one node after the other, each started again after a while.
fn kill(fleet: &mut Fleet, _: &mut Found) -> anyhow::Result<()> {
    for node in &mut fleet.nodes {
        node.kill()?;
        thread::sleep(AWAY);
        node.start()?;
    }
    Ok(())
}

/// SIGSTOP past the lease, then SIGCONT: what the node brings then is refused, since others have done it.
fn pause(fleet: &mut Fleet, found: &mut Found) -> anyhow::Result<()> {
    let node = fleet.nodes.get_mut(1).context("a second node")?;
    let before = node.fenced();
    node.server()?.pause()?;
    thread::sleep(PAST_THE_LEASE);
    node.server()?.resume()?;
    let resumed = Instant::now();
    while node.fenced() == before && resumed.elapsed() < RECOVER_WITHIN {
        thread::sleep(LOOK_AGAIN);
    }
    let fenced = node.fenced() - before;
    found.note("fenced-off", fenced);
    found.must(fenced > 0, || {
        "the node that was paused brought no late result, or it was taken".to_owned()
    });
    Ok(())
}

/// Every connection of one node breaks, and it gets no other.
fn cut(fleet: &mut Fleet, found: &mut Found) -> anyhow::Result<()> {
    let wire = &fleet.nodes.get(2).context("a third node")?.wire;
    wire.refuse(true);
    wire.cut();
    thread::sleep(PAST_THE_LEASE);
    let ready = fleet.readiness();
    found.must(ready == [200, 200, 503], || {
        format!("/readyz of the nodes while the third is cut off: {ready:?}")
    });
    wire.refuse(false);
    Ok(())
}

/// One node's bytes stay away, there and back, and nobody is told; then they come all at once.
fn silence(fleet: &mut Fleet, _: &mut Found) -> anyhow::Result<()> {
    let wire = &fleet.nodes.first().context("a first node")?.wire;
    wire.silence(true);
    thread::sleep(PAST_THE_LEASE);
    wire.silence(false);
    Ok(())
}

fn note_connections(postgres: &Postgres, found: &mut Found) -> anyhow::Result<()> {
    let text = postgres.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hookyard'")?;
    let connections: u32 = text.parse().with_context(|| format!("`{text}` is no count"))?;
    found.note("connections", connections);
    let most = CONNECTIONS_EACH * u32::try_from(NODES)?;
    found.must(connections <= most, || {
        format!("{connections} connections, more than {CONNECTIONS_EACH} of each node")
    });
    Ok(())
}

/// Disables the plugin of the schedule, and waits until no node makes more ticks and the last is done.
fn stop_clock(fleet: &Fleet) -> anyhow::Result<()> {
    let section = format!("[plugins.{CLOCK}]\n");
    fleet.edit_plugins(|text| text.replace(&section, &format!("{section}enabled = false\n")))?;
    let began = Instant::now();
    loop {
        let mut ticking = false;
        for node in &fleet.nodes {
            let schedules = Api::new(&node.url, &fleet.site.token).get("/api/schedules/")?;
            let schedules = schedules.success("the schedules")?;
            ticking |= schedules
                .as_array()
                .context("a list")?
                .iter()
                .any(|schedule| !schedule["next"].is_null());
        }
        if !ticking {
            break;
        }
        ensure!(began.elapsed() < RECOVER_WITHIN, "the schedule does not stop");
        thread::sleep(LOOK_AGAIN);
    }
    settle(&fleet.site.api(), "schedule", SETTLE_WITHIN)?;
    Ok(())
}

/// What was found, phase by phase.
#[derive(Default)]
struct Phases(Vec<(&'static str, Found)>);

impl Phases {
    /// Load on every node, trouble while it goes on, calm, and the reckoning. What is wrong stops nobody: the next trouble
    /// may show why.
    fn pass(
        &mut self,
        fleet: &mut Fleet,
        name: &'static str,
        trouble: impl FnOnce(&mut Fleet, &mut Found) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let (mut found, began) = (Found::default(), Instant::now());
        let source = format!("load-{name}");
        let loads: Vec<Load> = fleet.plans(&source).iter().map(Load::start).collect();
        thread::sleep(CALM);
        trouble(fleet, &mut found).with_context(|| format!("the trouble {name}"))?;
        recovered(fleet, &loads).with_context(|| format!("after the trouble {name}"))?;
        thread::sleep(CALM);
        let mut acknowledged = BTreeSet::new();
        for load in loads {
            let notes = load.stop();
            found.add("refused", notes.refused());
            found.add("broken", notes.broken);
            let foreign = notes.answers.keys().find(|status| ![200, 503].contains(*status));
            found.must(foreign.is_none(), || {
                format!("answers by status: {:?}", notes.answers)
            });
            acknowledged.extend(notes.acknowledged);
        }
        reconcile(&fleet.site, &source, &acknowledged, SETTLE_WITHIN, &mut found)?;
        println!("    {name}: {} ({} s)", found.line(), began.elapsed().as_secs());
        self.0.push((name, found));
        Ok(())
    }

    /// Prints the table; all phases as one.
    fn told(self) -> Found {
        let mut all = Found::default();
        let mut rows = Vec::new();
        println!("\n    {}", heading());
        for (name, found) in self.0 {
            println!("    {}", line(name, &found.figures));
            for (figure, value) in &found.figures {
                match value.as_u64() {
                    // The most there were at a time.
                    Some(count) if figure != "connections" => all.add(figure, count),
                    _ => all.note(figure, value.clone()),
                }
            }
            let wrong = found.wrong.iter().map(|wrong| format!("{name}: {wrong}"));
            all.wrong.extend(wrong);
            rows.push(json!({"phase": name, "figures": found.figures, "wrong": found.wrong}));
        }
        println!("    {}\n", line("all", &all.figures));
        all.note("phases", rows);
        all
    }
}

fn heading() -> String {
    COLUMNS.iter().fold(format!("{:<10}", "phase"), |text, name| {
        format!("{text} {name:>width$}", width = name.len().max(6))
    })
}

fn line(phase: &str, figures: &Map<String, Value>) -> String {
    COLUMNS.iter().fold(format!("{phase:<10}"), |text, name| {
        let value = figures
            .get(*name)
            .map_or_else(|| "-".to_owned(), Value::to_string);
        format!("{text} {value:>width$}", width = name.len().max(6))
    })
}

/// Waits until every node acknowledges again.
fn recovered(fleet: &mut Fleet, loads: &[Load]) -> anyhow::Result<()> {
    let calm_since = Instant::now();
    while loads
        .iter()
        .any(|load| load.last_acknowledged().is_none_or(|at| at < calm_since))
    {
        for node in &mut fleet.nodes {
            node.must_live()?;
        }
        if calm_since.elapsed() > RECOVER_WITHIN {
            bail!(
                "a node acknowledges nothing {} s later; /readyz of the nodes: {:?}",
                RECOVER_WITHIN.as_secs(),
                fleet.readiness()
            );
        }
        thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}
