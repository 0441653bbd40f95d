//! What a backlog costs: claims, lists and counts, with a million deliveries against a hundred. Among them are dead
//! letters, deliveries that wait for another try, and such as keep an order.
//!
//! On SQLite; and on the empty PostgreSQL database that `BENCH_DATABASE_URL` names. The plans of the statements are
//! printed beside the figures.

mod fill;
mod plans;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hookyard::domain::delivery::{Claim, DeliveryState, Take};
use hookyard::domain::event::{EventFilter, EventOrder};
use hookyard::domain::id::NodeId;
use hookyard::domain::page::{COUNT_BOUND, PageRequest, Total};
use hookyard::domain::plugin::PluginName;
use hookyard::domain::replay::DeliveryFilter;
use hookyard::domain::time::Timestamp;
use hookyard::store::{self, SharedStore};

use crate::Row;
use fill::{SOURCE, Stock, fill};

/// A database in calm times, and after an outage.
const FEW: Stock = Stock {
    dead: 20,
    again: 20,
    waiting: 60,
};
const MANY: Stock = Stock {
    dead: 1_000,
    again: 10_000,
    waiting: 989_000,
};

/// Measured claims, lists and counts, and how many deliveries each claim takes: what a plugin has slots for.
const ROUNDS: usize = 300;
const SLOTS: u32 = 4;

/// A lease that no round outlives.
const LEASE: Duration = Duration::from_mins(10);

/// What a person sees of a list.
const PAGE: PageRequest = PageRequest { page: 1, size: 20 };

/// Changes of counters that are folded at once: the server does so every few seconds.
const FOLDED: u32 = 10_000;

/// What is measured, and its median.
type Medians = Vec<(&'static str, Duration)>;

/// Rows per database; tells the plans.
pub async fn rows() -> anyhow::Result<Vec<Row>> {
    let dir = tempfile::tempdir()?;
    let url = format!("sqlite://{}", dir.path().join("bench.db").display());
    let mut rows = measured("SQLite", &url).await?;
    if let Some(url) = std::env::var_os("BENCH_DATABASE_URL") {
        let url = url.into_string().ok().context("BENCH_DATABASE_URL is UTF-8")?;
        rows.extend(measured("PostgreSQL", &url).await?);
    }
    Ok(rows)
}

async fn measured(database: &str, url: &str) -> anyhow::Result<Vec<Row>> {
    let store = store::open(url).await?;
    let plugin: PluginName = "bench".parse()?;
    fill(&store, &plugin, FEW).await?;
    let few = medians(&store, &plugin, FEW).await?;
    fill(&store, &plugin, MANY.without(FEW)).await?;
    let many = medians(&store, &plugin, MANY).await?;
    store.close().await;
    plans::tell(database, url).await?;
    let row = |((what, many), (_, few)): ((&str, Duration), (&str, Duration))| Row {
        what: format!("{what}, 1,000,000 stored"),
        baseline: "the same, 100 stored",
        ratio: many.as_secs_f64() / few.as_secs_f64(),
        detail: format!("{database}, medians of {ROUNDS}: {many:.0?} and {few:.0?}"),
    };
    Ok(many.into_iter().zip(few).map(row).collect())
}

/// Everything, with so much stored.
async fn medians(store: &SharedStore, plugin: &PluginName, stock: Stock) -> anyhow::Result<Medians> {
    let dead = DeliveryFilter {
        state: Some(DeliveryState::Dead),
        ..DeliveryFilter::default()
    };
    // What an order to replay them counts first.
    let in_window = DeliveryFilter {
        since: Some(Timestamp::from_millis(0)),
        ..dead.clone()
    };
    let of_source = DeliveryFilter {
        source: Some(SOURCE.to_owned()),
        ..DeliveryFilter::default()
    };
    let claims = claims(store, plugin).await?;
    store.fold_counts(FOLDED).await?;
    Ok(vec![
        ("a claim of 4, one a later try", claims),
        ("a page of events", events(store, stock.total()).await?),
        (
            "a page of deliveries",
            list(store, &DeliveryFilter::default(), stock.total()).await?,
        ),
        ("a page of dead letters", list(store, &dead, stock.dead).await?),
        (
            "a count of dead letters in a window",
            count(store, &in_window, stock.dead).await?,
        ),
        (
            "a count of a source, to 10,000",
            count(store, &of_source, stock.total()).await?,
        ),
    ])
}

/// The median time of a claim; what it took is given back.
async fn claims(store: &SharedStore, plugin: &PluginName) -> anyhow::Result<Duration> {
    let node = NodeId::generate();
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let claims = store
            .claim_deliveries(plugin, Take::shared(SLOTS, 0), node, LEASE)
            .await?;
        times.push(begun.elapsed());
        ensure!(claims.len() == SLOTS as usize, "{} claims", claims.len());
        let again = claims.iter().filter(|claim| claim.attempts > 0).count();
        ensure!(again == 1, "{again} later tries");
        let leases: Vec<_> = claims.iter().map(Claim::lease).collect();
        store.release_deliveries(&leases).await?;
    }
    median(times)
}

/// The median time of a page of events, of so many in all.
async fn events(store: &SharedStore, total: u32) -> anyhow::Result<Duration> {
    let filter = EventFilter::default();
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let found = store.events(&filter, EventOrder::default(), PAGE).await?;
        times.push(begun.elapsed());
        ensure!(found.total == u64::from(total), "{} events", found.total);
    }
    median(times)
}

/// The median time of a page of deliveries, of so many in all.
async fn list(store: &SharedStore, filter: &DeliveryFilter, total: u32) -> anyhow::Result<Duration> {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let found = store.delivery_list(filter, PAGE).await?;
        times.push(begun.elapsed());
        ensure!(found.total == u64::from(total), "{} deliveries", found.total);
        ensure!(found.items.len() == PAGE.size as usize, "a page that is not full");
    }
    median(times)
}

/// The median time of a count that no counter knows, of so many in all: exact up to a bound.
async fn count(store: &SharedStore, filter: &DeliveryFilter, total: u32) -> anyhow::Result<Duration> {
    let expected = Total::counted(total.into(), COUNT_BOUND.into());
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let found = store.count_deliveries(filter, COUNT_BOUND).await?;
        times.push(begun.elapsed());
        ensure!(found == expected, "{found:?} instead of {expected:?}");
    }
    median(times)
}

fn median(mut times: Vec<Duration>) -> anyhow::Result<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied().context("rounds")
}
