//! Webhooks taken in, beside what parses them only (b), what commits them only (c), and the replaced service (a).

use std::collections::BTreeMap;

use anyhow::Context as _;
use faults::postgres::Postgres;

use crate::baseline::{Baseline, Which};
use crate::load::{self, Outcome, Plan, Shot};
use crate::meter;
use crate::options::Options;
use crate::place::{self, Place, Section};
use crate::results::Results;
use crate::row::Row;
use crate::service::Service;

/// Bodies, in KiB.
const SIZES: [usize; 3] = [1, 20, 100];

/// Connections at the same time.
const CONNECTIONS: [usize; 4] = [1, 16, 64, 256];

/// Those of the targets.
const AIMED: usize = 64;

/// Both databases, and the replaced service where it can be had.
///
/// # Errors
/// When something does not serve, or refuses.
pub async fn measure(options: &Options, results: &mut Results) -> anyhow::Result<()> {
    let mut measured = sqlite(options, results).await?;
    match Postgres::start_new()? {
        Some(postgres) => on_postgres(options, results, &postgres).await?,
        None => results.push(Row::skipped(
            "intake-1k-64-postgres",
            "no PostgreSQL: apt-get install postgresql",
        )),
    }
    let ours = measured.remove(&(1, AIMED)).context("the row of the targets")?;
    against_service(options, results, ours).await
}

/// A load of the usual length.
async fn load(options: &Options, shot: Shot, connections: usize) -> anyhow::Result<Outcome> {
    let plan = Plan::closed(shot, connections, options.warm_up(), options.window());
    load::run(plan).await?.sound()
}

/// The same load on a baseline, which is ended with it.
async fn baseline(
    options: &Options,
    which: Which<'_>,
    body: &[u8],
    connections: usize,
) -> anyhow::Result<Outcome> {
    let baseline = Baseline::start(which)?;
    load(options, baseline.shot(body)?, connections).await
}

/// Webhooks per second by size in KiB and number of connections.
type ByCell = BTreeMap<(usize, usize), f64>;

/// Every size by every number of connections; ours by cell, per second.
async fn sqlite(options: &Options, results: &mut Results) -> anyhow::Result<ByCell> {
    let mut cells = ByCell::new();
    for size in SIZES {
        let body = place::body(size);
        for connections in CONNECTIONS {
            // One server at a time, each on a fresh database: none inherits what another left.
            let raw = baseline(options, Which::Raw, &body, connections).await?;
            let bare = baseline(options, Which::Sqlite, &body, connections).await?;
            let ours = ours(options, &body, connections, None).await?;
            let cell = format!("{size}k-{connections}");
            let what = format!("webhooks of {size} KiB per second, {connections} connections");
            results.push(
                Row::new(format!("intake-{cell}"), &what, ours.per_second(), "/s")
                    .against("(c) axum and bare SQLite", bare.per_second())
                    .how(format!("ours {}; (c) {}", ours.how(), bare.how())),
            );
            results.push(
                Row::new(format!("intake-{cell}-vs-raw"), &what, ours.per_second(), "/s")
                    .against("(b) axum that only parses", raw.per_second())
                    .how(format!("(b) {}", raw.how())),
            );
            if (size, connections) == (1, 1) {
                let median = |outcome: &Outcome| outcome.quantile(0.5).as_secs_f64() * 1e6;
                results.push(
                    Row::aimed("intake-1k-1-p50", median(&ours), "µs")
                        .against("", median(&bare))
                        .how("closed loop, one connection"),
                );
            }
            cells.insert((size, connections), ours.per_second());
        }
    }
    Ok(cells)
}

/// The real binary with one plugin that every event makes a delivery for. The plugin is paused: what runs would take
/// processors from intake, and is measured by `ends`.
async fn ours(
    options: &Options,
    body: &[u8],
    connections: usize,
    database: Option<&str>,
) -> anyhow::Result<Outcome> {
    let echo = options.fixture("echo")?;
    let section = Section {
        name: "echo",
        component: &echo,
        source: "bench",
        more: "paused = true",
    };
    let mut place = Place::new(options, &[section])?;
    if let Some(url) = database {
        place = place.on(url);
    }
    let server = place.start_compiled()?;
    let outcome = load(options, place.webhook(&server, body)?, connections).await;
    place::stop(server)?;
    outcome
}

async fn on_postgres(options: &Options, results: &mut Results, postgres: &Postgres) -> anyhow::Result<()> {
    let url = Postgres::url(postgres.port);
    let body = place::body(1);
    for connections in CONNECTIONS {
        let bare = baseline(options, Which::Postgres(&url), &body, connections).await?;
        let ours = ours(options, &body, connections, Some(&url)).await?;
        let name = format!("intake-1k-{connections}-postgres");
        let what = format!("webhooks of 1 KiB per second on PostgreSQL, {connections} connections");
        results.push(
            Row::new(name, what, ours.per_second(), "/s")
                .against("(c) axum and bare PostgreSQL", bare.per_second())
                .how(format!("ours {}; (c) {}", ours.how(), bare.how())),
        );
    }
    Ok(())
}

/// The replaced service at 16 and 64 connections; ours at 64 against it.
async fn against_service(options: &Options, results: &mut Results, ours: f64) -> anyhow::Result<()> {
    let service = match Service::start(options)? {
        Ok(service) => service,
        Err(why) => {
            results.push(Row::skipped("intake-vs-service", &why));
            return Ok(());
        }
    };
    for connections in [16, AIMED] {
        let theirs = load(options, service.webhook(&place::body(1))?, connections).await?;
        results.push(
            Row::new(
                format!("service-1k-{connections}"),
                format!("(a) webhooks of 1 KiB per second, {connections} connections"),
                theirs.per_second(),
                "/s",
            )
            .how(theirs.how()),
        );
        if connections == AIMED {
            results.push(
                Row::aimed("intake-vs-service", ours, "/s")
                    .against("", theirs.per_second())
                    .how("the row intake-1k-64 against service-1k-64"),
            );
        }
    }
    results.push(Row::new(
        "service-memory",
        "(a) resident memory of all its processes",
        meter::mib(service.resident_kib()?),
        "MiB",
    ));
    Ok(())
}
