//! From the request to the recorded outcome, beside the replaced service (a), and from the answer to the start of the
//! run.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use faults::postgres::Postgres;

use crate::load::{self, Plan};
use crate::meter;
use crate::options::Options;
use crate::place::{self, Place, Section};
use crate::results::Results;
use crate::row::{Row, figure};
use crate::service::Service;

/// Senders at the same time.
const SENDERS: usize = 64;

/// How long all of them may take to be delivered.
const WITHIN: Duration = Duration::from_mins(30);

/// A plugin of the load.
struct Case {
    name: &'static str,
    component: &'static str,
    what: &'static str,
    more: &'static str,
}

/// The first is that of the targets: a call for each event, and no more of them at a time than processors can use.
const CASES: [Case; 3] = [
    Case {
        name: "ends-rate",
        component: "version-one",
        what: "",
        more: "limits = { concurrency = 64 }",
    },
    Case {
        name: "ends-usual-rate",
        component: "version-one",
        what: "events per second to the recorded outcome, usual limits (4 at a time)",
        more: "",
    },
    Case {
        name: "ends-batches-rate",
        component: "echo",
        what: "events per second to the recorded outcome, a plugin that takes up to 64 in a call",
        more: "",
    },
];

/// Rates, the bytes that events take, and the wait before runs.
///
/// # Errors
/// When something does not serve, or does not deliver in time.
pub async fn measure(options: &Options, results: &mut Results) -> anyhow::Result<()> {
    let events = options.either(5_000, 100_000);
    let mut first = None;
    for case in &CASES {
        let rate = rate(options, results, case, events, None).await?;
        first.get_or_insert(rate);
    }
    let rate_of_all = first.context("a case")?;
    if let Some(postgres) = Postgres::start_new()? {
        let case = Case {
            name: "ends-postgres-rate",
            what: "events per second to the recorded outcome, on PostgreSQL",
            ..CASES[0]
        };
        rate(
            options,
            results,
            &case,
            events,
            Some(&Postgres::url(postgres.port)),
        )
        .await?;
    }
    starts(options, results, rate_of_all / 2.0).await?;
    against_service(options, results, rate_of_all).await
}

fn section<'a>(case: &Case, component: &'a Path) -> Section<'a> {
    Section {
        name: "load",
        component,
        source: "bench",
        more: case.more,
    }
}

/// Sends as fast as it is answered, and waits until the last is recorded; events per second.
async fn rate(
    options: &Options,
    results: &mut Results,
    case: &Case,
    events: u64,
    database: Option<&str>,
) -> anyhow::Result<f64> {
    let component = options.fixture(case.component)?;
    let mut place = Place::new(options, &[section(case, &component)])?;
    if let Some(url) = database {
        place = place.on(url);
    }
    let server = place.start_compiled()?;
    let body = place::body(1);
    let shot = place.webhook(&server, &body)?;
    // Connections, pools and caches settle.
    let warm_up = events / 20;
    load::run(Plan::count(shot.clone(), SENDERS, warm_up))
        .await?
        .sound()?;
    place.wait_for(warm_up, WITHIN).await?;
    let (began, before) = (Instant::now(), meter::usage(server.id())?);
    let sent = load::run(Plan::count(shot, SENDERS, events)).await?.sound()?;
    place.wait_for(warm_up + sent.answered, WITHIN).await?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = meter::usage(server.id())?.cpu.saturating_sub(before.cpu);
    let per_second = figure(sent.answered) / seconds;
    place::stop(server)?;
    let how = format!(
        "{} events of 1 KiB by {SENDERS} connections, {:.0} taken in per second, {:.0} µs of processor time each",
        sent.answered,
        sent.per_second(),
        cpu.as_secs_f64() * 1e6 / figure(sent.answered)
    );
    let row = if case.what.is_empty() {
        Row::aimed(case.name, per_second, "/s")
    } else {
        Row::new(case.name, case.what, per_second, "/s")
    };
    results.push(row.how(how));
    if case.name == CASES[0].name {
        let file = place.file();
        // The log is folded in when the last connection closes; whatever is left of it counts.
        let all = meter::bytes(&file) + meter::bytes(&file.with_extension("db-wal"));
        let each = figure(all) / figure(warm_up + sent.answered) - figure(body.len() as u64);
        let how =
            "the whole file after the run over all its events, less the body; delivery and attempt included";
        results.push(Row::aimed("size-bytes", each, "bytes").how(how));
    }
    Ok(per_second)
}

/// Half of that load, and how long after each answer its run began.
async fn starts(options: &Options, results: &mut Results, per_second: f64) -> anyhow::Result<()> {
    let case = &CASES[0];
    let component = options.fixture(case.component)?;
    let mut place = Place::new(options, &[section(case, &component)])?;
    let server = place.start_compiled()?;
    let shot = place.webhook(&server, &place::body(1))?;
    let window = options.either(Duration::from_secs(3), Duration::from_secs(30));
    let mut plan = Plan::open(shot, SENDERS, per_second, window);
    plan.notes_ids = true;
    let sent = load::run(plan).await?.sound()?;
    place.wait_for(sent.answered, WITHIN).await?;
    place::stop(server)?;
    let began = beginnings(&place.file())?;
    let mut waits = Vec::with_capacity(sent.ids.len());
    for (id, answered) in &sent.ids {
        let began = began
            .get(id)
            .with_context(|| format!("{id} was answered and never run"))?;
        // Both clocks are whole milliseconds of one machine: one more at most.
        waits.push((began - answered).max(0) + 1);
    }
    waits.sort_unstable();
    let at = |hundredths: usize| {
        waits
            .get(waits.len() * hundredths / 100)
            .copied()
            .unwrap_or_default()
    };
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of seconds")]
    let p99 = at(99) as f64;
    results.push(Row::aimed("ends-start-p99", p99, "ms").how(format!(
        "{per_second:.0} per second, {} events, median {} ms, answers {}; clocks of whole milliseconds, rounded up",
        waits.len(),
        at(50),
        sent.how()
    )));
    Ok(())
}

/// When the first run of each event began, in milliseconds since the epoch.
fn beginnings(file: &Path) -> anyhow::Result<HashMap<String, i64>> {
    let connection = place::open_to_read(file)?;
    let mut query = connection.prepare(
        "SELECT d.event_id, MIN(a.started_at) FROM attempts a JOIN deliveries d ON d.id = a.delivery_id \
         GROUP BY d.event_id",
    )?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The replaced service with the same events, fewer of them.
async fn against_service(options: &Options, results: &mut Results, ours: f64) -> anyhow::Result<()> {
    let service = match Service::start(options)? {
        Ok(service) => service,
        Err(why) => {
            results.push(Row::skipped("ends-vs-service", &why));
            return Ok(());
        }
    };
    let events = options.either(300, 3_000);
    let shot = service.webhook(&place::body(1))?;
    let warm_up = events / 10;
    load::run(Plan::count(shot.clone(), SENDERS, warm_up))
        .await?
        .sound()?;
    service.wait_for(warm_up, WITHIN).await?;
    let began = Instant::now();
    let sent = load::run(Plan::count(shot, SENDERS, events)).await?.sound()?;
    service.wait_for(warm_up + sent.answered, WITHIN).await?;
    let theirs = figure(sent.answered) / began.elapsed().as_secs_f64();
    results.push(
        Row::aimed("ends-vs-service", ours, "/s")
            .against("", theirs)
            .how(format!(
                "ends-rate against {} events by {SENDERS} connections",
                sent.answered
            )),
    );
    Ok(())
}
