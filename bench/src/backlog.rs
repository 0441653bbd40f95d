//! What a backlog costs: claims, and the list of dead letters, with a million deliveries waiting against a hundred.
//!
//! On SQLite, and on a private PostgreSQL where there is one.

use std::time::{Duration, Instant};

use anyhow::ensure;
use faults::postgres::Postgres;
use hookyard::domain::delivery::{Claim, DeliveryState, NewDelivery, Take};
use hookyard::domain::event::{EventKind, NewEvent};
use hookyard::domain::id::{DeliveryId, EventId, NodeId};
use hookyard::domain::page::PageRequest;
use hookyard::domain::plugin::PluginName;
use hookyard::domain::replay::DeliveryFilter;
use hookyard::domain::time::Timestamp;
use hookyard::store::{self, SharedStore};

use crate::options::Options;
use crate::results::Results;
use crate::row::{Row, median};

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
///
/// # Errors
/// When a database does not answer.
pub async fn measure(options: &Options, results: &mut Results) -> anyhow::Result<()> {
    let many = options.either(MANY / 20, MANY);
    let dir = tempfile::tempdir()?;
    let url = format!("sqlite://{}", dir.path().join("bench.db").display());
    results.extend(measured("sqlite", &url, many).await?);
    if let Some(postgres) = Postgres::start_new()? {
        results.extend(measured("postgres", &Postgres::url(postgres.port), many).await?);
    }
    Ok(())
}

async fn measured(database: &str, url: &str, count: u32) -> anyhow::Result<Vec<Row>> {
    let store = store::open(url).await?;
    let plugin: PluginName = "bench".parse()?;
    fill(&store, &plugin, FEW).await?;
    let few = (claims(&store, &plugin).await?, lists(&store).await?);
    fill(&store, &plugin, count - FEW).await?;
    let many = (claims(&store, &plugin).await?, lists(&store).await?);
    store.close().await;
    let row = |name: &str, what: &str, baseline, many: Duration, few: Duration| {
        Row::times(format!("backlog-{name}-{database}"), what, many, baseline, few).how(format!(
            "{database}, {count} deliveries wait, medians of {ROUNDS}: {many:.0?} and {few:.0?}"
        ))
    };
    Ok(vec![
        row(
            "claim",
            "a claim of 4 beside many that wait",
            "the same with 100 waiting",
            many.0,
            few.0,
        ),
        row(
            "dead",
            "a page of dead letters beside them",
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

fn event(plugin: &PluginName) -> NewEvent {
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
    Ok(median(times))
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
    Ok(median(times))
}
