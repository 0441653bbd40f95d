//! Fills a database as it is after an outage.

use anyhow::ensure;
use hookyard::domain::attempt::{AttemptOutcome, FinishedAttempt};
use hookyard::domain::delivery::{Claim, Finish, NewDelivery, Take, Verdict};
use hookyard::domain::event::{EventKind, NewEvent};
use hookyard::domain::id::{AttemptId, DeliveryId, EventId, NodeId};
use hookyard::domain::order::OrderKey;
use hookyard::domain::plugin::PluginName;
use hookyard::domain::time::Timestamp;
use hookyard::store::SharedStore;

use super::LEASE;

/// Who sent all of it.
pub(super) const SOURCE: &str = "bench";

/// Events of one transaction.
const BATCH: u32 = 5_000;

/// Deliveries that are claimed and finished at once.
const CLAIMS: u32 = 250;

/// One in so many of those that wait has an order key, and how many keys there are.
const ORDERED: u32 = 10;
const KEYS: u32 = 1_000;

/// Deliveries, each of an event of its own.
#[derive(Clone, Copy)]
pub(super) struct Stock {
    /// Dead letters.
    pub dead: u32,
    /// Tried once, and due again.
    pub again: u32,
    /// Never tried.
    pub waiting: u32,
}

impl Stock {
    /// All of them.
    pub(super) const fn total(self) -> u32 {
        self.dead + self.again + self.waiting
    }

    /// What this has more than the other.
    pub(super) const fn without(self, other: Self) -> Self {
        Self {
            dead: self.dead - other.dead,
            again: self.again - other.again,
            waiting: self.waiting - other.waiting,
        }
    }
}

/// Stores so much more.
pub(super) async fn fill(store: &SharedStore, plugin: &PluginName, stock: Stock) -> anyhow::Result<()> {
    for (count, verdict) in [
        (stock.dead, Verdict::Dead),
        (stock.again, Verdict::Retry { delay_ms: 0 }),
    ] {
        add(store, plugin, count, |_| None).await?;
        try_once(store, plugin, count, &verdict).await?;
    }
    add(store, plugin, stock.waiting, |number| {
        let key = format!("{:064x}", number / ORDERED % KEYS);
        number.is_multiple_of(ORDERED).then(|| key.parse().ok()).flatten()
    })
    .await
}

/// Stores so many events with a delivery each.
async fn add(
    store: &SharedStore,
    plugin: &PluginName,
    count: u32,
    key: impl Fn(u32) -> Option<OrderKey>,
) -> anyhow::Result<()> {
    let mut from = 0;
    while from < count {
        let to = count.min(from + BATCH);
        let events: Vec<_> = (from..to).map(|number| event(plugin, key(number))).collect();
        store.accept_events(&events).await?;
        from = to;
    }
    Ok(())
}

/// Tries so many of those that were never tried, all with this end.
async fn try_once(
    store: &SharedStore,
    plugin: &PluginName,
    count: u32,
    verdict: &Verdict,
) -> anyhow::Result<()> {
    let node = NodeId::generate();
    let mut left = count;
    while left > 0 {
        let take = Take {
            most: left.min(CLAIMS),
            again: 0,
        };
        let claims = store.claim_deliveries(plugin, take, node, LEASE).await?;
        ensure!(
            !claims.is_empty() && claims.iter().all(|claim| claim.attempts == 0),
            "too few were never tried"
        );
        let leases: Vec<_> = claims.iter().map(Claim::lease).collect();
        store.mark_started(&leases).await?;
        let finishes: Vec<_> = claims.iter().map(|claim| finish(claim, verdict)).collect();
        store.finish_deliveries(&finishes).await?;
        left -= u32::try_from(claims.len())?;
    }
    Ok(())
}

fn finish(claim: &Claim, verdict: &Verdict) -> Finish {
    Finish {
        delivery: claim.delivery,
        token: claim.token,
        verdict: verdict.clone(),
        attempt: FinishedAttempt {
            id: AttemptId::generate(),
            started_at: claim.created_at,
            duration_ms: 10,
            outcome: AttemptOutcome::Retry,
            summary: None,
            output: None,
            error: Some("the vendor answered 503".to_owned()),
            logs: Vec::new(),
            calls: Vec::new(),
            generation: None,
            digest: None,
            batch: None,
            mapped: false,
        },
    }
}

fn event(plugin: &PluginName, order_key: Option<OrderKey>) -> NewEvent {
    NewEvent {
        id: EventId::generate(),
        kind: EventKind::Webhook,
        source: SOURCE.to_owned(),
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
            order_key,
        }],
    }
}
