//! What a backlog costs: claims, and the list of dead letters, with a million deliveries waiting against a hundred.
//!
//! On SQLite; and on the empty PostgreSQL database that `BENCH_DATABASE_URL` names.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hookyard::domain::delivery::{Claim, DeliveryState, NewDelivery, Take};
use hookyard::domain::event::{EventKind, NewEvent};
use hookyard::domain::id::{DeliveryId, EventId, NodeId};
use hookyard::domain::page::PageRequest;
use hookyard::domain::plugin::PluginName;
use hookyard::domain::replay::DeliveryFilter;
use hookyard::domain::time::Timestamp;
use hookyard::store::{self, SharedStore};

use crate::Row;

/// Deliveries that wait.
const FEW: u32 = 100;
const MANY: u32 = 1_000_000;

/// Events of one transaction while the database is filled.
const BATCH: u32 = 5_000;

/// Measured claims, and how many deliveries each takes: what a plugin has slots for.
const ROUNDS: usize = 300;
const SLOTS: u32 = 4;

/// A lease that no round outlives.
const LEASE: Duration = Duration::from_mins(10);

/// Two rows per database.
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
    let few = (claims(&store, &plugin).await?, lists(&store).await?);
    fill(&store, &plugin, MANY - FEW).await?;
    let many = (claims(&store, &plugin).await?, lists(&store).await?);
    store.close().await;
    let row = |what: &str, baseline, many: Duration, few: Duration| Row {
        what: what.to_owned(),
        baseline,
        ratio: many.as_secs_f64() / few.as_secs_f64(),
        detail: format!("{database}, medians of {ROUNDS}: {many:.0?} and {few:.0?}"),
    };
    Ok(vec![
        row(
            "a claim of 4 with 1,000,000 waiting",
            "the same with 100 waiting",
            many.0,
            few.0,
        ),
        row(
            "a page of dead letters beside 1,000,000",
            "the same beside 100",
            many.1,
            few.1,
        ),
    ])
}

/// Stores so many events with a delivery each.
async fn fill(store: &SharedStore, plugin: &PluginName, count: u32) -> anyhow::Result<()> {
    let mut left = count;
    while left > 0 {
        let now = left.min(BATCH);
        let events: Vec<_> = (0..now).map(|_| event(plugin)).collect();
        store.accept_events(&events).await?;
        left -= now;
    }
    Ok(())
}

/// An event with one delivery.
pub fn event(plugin: &PluginName) -> NewEvent {
    NewEvent {
        id: EventId::generate(),
        kind: EventKind::Webhook,
        source: "bench".to_owned(),
        event_type: "push".to_owned(),
        headers: Vec::new(),
        content_type: "application/json".to_owned(),
        body: "{\"n\":1}".into(),
        payload: None,
        received_at: Timestamp::from_millis(0),
        owner: None,
        redacted: Vec::new(),
        trace: None,
        once: None,
        deliveries: vec![NewDelivery {
            id: DeliveryId::generate(),
            plugin: plugin.clone(),
            order_key: None,
        }],
    }
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
        let leases: Vec<_> = claims.iter().map(Claim::lease).collect();
        store.release_deliveries(&leases).await?;
    }
    median(times)
}

/// The median time of a page of dead letters; there are none.
async fn lists(store: &SharedStore) -> anyhow::Result<Duration> {
    let dead = DeliveryFilter {
        state: Some(DeliveryState::Dead),
        ..DeliveryFilter::default()
    };
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let page = PageRequest { page: 1, size: 20 };
        let found = store.delivery_list(&dead, page).await?;
        times.push(begun.elapsed());
        ensure!(found.total == 0, "{} dead letters", found.total);
    }
    median(times)
}

fn median(mut times: Vec<Duration>) -> anyhow::Result<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied().context("rounds")
}
