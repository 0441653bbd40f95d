//! Do claims stay as fast when a million deliveries wait as when a hundred do?

use std::time::{Duration, Instant};

use anyhow::Context as _;
use hookyard::domain::delivery::{NewDelivery, Take};
use hookyard::domain::event::{EventKind, NewEvent};
use hookyard::domain::id::{DeliveryId, EventId, NodeId};
use hookyard::domain::order::OrderKey;
use hookyard::domain::plugin::PluginName;
use hookyard::domain::time::Timestamp;
use hookyard::store::{self, SharedStore};

use crate::Row;

/// What waits before the measurement with a short queue, and before that with a long one.
const FEW: usize = 100;
const MANY: usize = 1_000_000;

/// Events stored in one transaction while the queue is filled.
const FILL: usize = 2_000;

/// Claims of each kind; their medians are compared.
const ROUNDS: u32 = 400;

/// Longer than the measurement, so that no lease ends in it.
const LEASE: Duration = Duration::from_mins(10);

/// A claim among many over a claim among few: on SQLite, and on PostgreSQL where
/// `HOOKYARD_BENCH_DATABASE_URL` names an empty database.
pub async fn rows() -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (what, key) in [
        ("deliveries", None),
        ("deliveries that wait for their turn", Some(some_key()?)),
    ] {
        let dir = tempfile::tempdir()?;
        let url = format!("sqlite://{}", dir.path().join("bench.db").display());
        rows.push(compared("SQLite", &url, what, key.as_ref()).await?);
    }
    if let Some(url) = std::env::var_os("HOOKYARD_BENCH_DATABASE_URL") {
        let url = url.to_str().context("the URL is no text")?;
        rows.push(compared("PostgreSQL", url, "deliveries", None).await?);
    }
    Ok(rows)
}

async fn compared(database: &str, url: &str, what: &str, key: Option<&OrderKey>) -> anyhow::Result<Row> {
    let store = store::open(url).await?;
    let plugin: PluginName = "bench".parse()?;
    fill(&store, &plugin, None, FEW).await?;
    let few = claim(&store, &plugin).await?;
    let began = Instant::now();
    fill(&store, &plugin, key, MANY).await?;
    let filled = began.elapsed();
    let many = claim(&store, &plugin).await?;
    Ok(Row {
        what: format!("a claim, {MANY} more {what}, {database}"),
        baseline: "100 waiting",
        ratio: many.as_secs_f64() / few.as_secs_f64(),
        detail: format!("medians of {ROUNDS}: {many:.1?} and {few:.1?}; stored in {filled:.0?}"),
    })
}

/// The median time of a claim of one delivery; each is given back.
async fn claim(store: &SharedStore, plugin: &PluginName) -> anyhow::Result<Duration> {
    let node = NodeId::generate();
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let began = Instant::now();
        let claims = store
            .claim_deliveries(plugin, Take::shared(1, round), node, LEASE)
            .await?;
        times.push(began.elapsed());
        anyhow::ensure!(claims.len() == 1, "{} claims", claims.len());
        let leases: Vec<_> = claims
            .iter()
            .map(hookyard::domain::delivery::Claim::lease)
            .collect();
        store.release_deliveries(&leases).await?;
    }
    times.sort_unstable();
    times.get(times.len() / 2).copied().context("rounds")
}

async fn fill(
    store: &SharedStore,
    plugin: &PluginName,
    key: Option<&OrderKey>,
    events: usize,
) -> anyhow::Result<()> {
    let mut left = events;
    while left > 0 {
        let now = left.min(FILL);
        let batch: Vec<_> = (0..now).map(|_| event(plugin, key)).collect();
        store.accept_events(&batch).await?;
        left -= now;
    }
    Ok(())
}

fn event(plugin: &PluginName, key: Option<&OrderKey>) -> NewEvent {
    NewEvent {
        id: EventId::generate(),
        kind: EventKind::Webhook,
        source: "bench".to_owned(),
        event_type: "push".to_owned(),
        headers: Vec::new(),
        content_type: "application/json".to_owned(),
        body: r#"{"ref":"refs/heads/main"}"#.into(),
        payload: None,
        received_at: Timestamp::from_millis(0),
        owner: None,
        redacted: Vec::new(),
        deliveries: vec![NewDelivery {
            id: DeliveryId::generate(),
            plugin: plugin.clone(),
            order_key: key.cloned(),
        }],
    }
}

fn some_key() -> anyhow::Result<OrderKey> {
    Ok("ab".repeat(32).parse()?)
}
