//! What every store must do, run on SQLite and on PostgreSQL.

mod claims;
mod events;
mod finishes;
mod leases;
mod nodes;
mod postgres;
mod processes;
mod schedules;
mod schema;
mod sqlite;
mod state;
mod turns;
pub mod users;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use hookyard::domain::attempt::{AttemptOutcome, FinishedAttempt};
use hookyard::domain::delivery::{Claim, Finish, NewDelivery, Take, Verdict};
use hookyard::domain::event::{EventKind, NewEvent};
use hookyard::domain::id::{AttemptId, DeliveryId, EventId, LeaseToken, NodeId};
use hookyard::domain::plugin::PluginName;
use hookyard::domain::time::Timestamp;
use hookyard::store::SharedStore;

/// Makes each test function over `&Fixture` a SQLite and a PostgreSQL test.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let fixture = crate::support::stores::Fixture::sqlite().await;
                super::$test(&fixture).await;
                fixture.clean().await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let Some(fixture) = crate::support::stores::Fixture::postgres().await else {
                    return;
                };
                super::$test(&fixture).await;
                fixture.clean().await;
            })+
        }
    };
}
pub(crate) use on_both;

/// A lease that no test outlives.
pub const LONG: Duration = Duration::from_mins(10);
/// A lease that ends while the test looks on.
const SHORT: Duration = Duration::from_millis(5);
/// How long a test waits for a mark before it fails.
const PATIENCE: Duration = Duration::from_secs(20);
/// When the events of tests are received.
pub const BASE: Timestamp = Timestamp::from_millis(1_750_000_000_000);

fn plugin(name: &str) -> PluginName {
    name.parse().expect("a plugin name")
}

fn node() -> NodeId {
    NodeId::generate()
}

/// An event with one delivery for each of these plugins.
pub fn event(plugins: &[&str]) -> NewEvent {
    NewEvent {
        id: EventId::generate(),
        kind: EventKind::Webhook,
        source: "github".to_owned(),
        event_type: "push".to_owned(),
        headers: Vec::new(),
        content_type: "application/json".to_owned(),
        body: Bytes::from_static(b"{}"),
        payload: None,
        received_at: BASE,
        owner: None,
        redacted: Vec::new(),
        deliveries: plugins
            .iter()
            .map(|name| NewDelivery {
                id: DeliveryId::generate(),
                plugin: plugin(name),
                order_key: None,
            })
            .collect(),
    }
}

/// Stores one such event.
async fn accept(store: &SharedStore, plugins: &[&str]) -> NewEvent {
    let event = event(plugins);
    store
        .accept_events(std::slice::from_ref(&event))
        .await
        .expect("accepted");
    event
}

pub async fn claim(store: &SharedStore, name: &str, lease: Duration) -> Vec<Claim> {
    store
        .claim_deliveries(&plugin(name), Take::shared(10_000, 0), node(), lease)
        .await
        .expect("claimed")
}

fn held(claims: &[Claim]) -> Vec<(DeliveryId, LeaseToken)> {
    claims.iter().map(|claim| (claim.delivery, claim.token)).collect()
}

/// The end of a claim, at `BASE` plus one second, with the error that fits the verdict.
pub fn finish(claim: &Claim, verdict: Verdict) -> Finish {
    let (outcome, error) = match verdict {
        Verdict::Succeeded => (AttemptOutcome::Succeeded, None),
        Verdict::Retry { .. } => (AttemptOutcome::Retry, Some("try later")),
        Verdict::Defer { .. } => (AttemptOutcome::Deferred, Some("too many")),
        Verdict::Alone => (AttemptOutcome::Trapped, Some("one of us trapped")),
        Verdict::Dead => (AttemptOutcome::Rejected, Some("never")),
    };
    Finish {
        delivery: claim.delivery,
        token: claim.token,
        verdict,
        attempt: FinishedAttempt {
            id: AttemptId::generate(),
            started_at: BASE,
            duration_ms: 1_000,
            outcome,
            summary: None,
            output: None,
            error: error.map(|text| format!("{} {text}", claim.plugin)),
            logs: Vec::new(),
            calls: Vec::new(),
            generation: Some(1),
            digest: Some("abc".to_owned()),
            batch: None,
            mapped: false,
        },
    }
}

/// Waits until the store says that a lease of `name` has ended.
async fn lease_ended(store: &SharedStore, name: &str) {
    let wanted = plugin(name);
    let seen = tokio::time::timeout(PATIENCE, async {
        while !store
            .plugins_with_ended_leases()
            .await
            .expect("readable")
            .contains(&wanted)
        {
            tokio::task::yield_now().await;
        }
    });
    seen.await.expect("a short lease ends");
}

/// The states of an event's deliveries, by plugin.
async fn states(store: &SharedStore, event: EventId) -> BTreeMap<String, String> {
    let deliveries = store.deliveries(event).await.expect("readable");
    deliveries
        .into_iter()
        .map(|history| {
            (
                history.delivery.plugin.to_string(),
                format!("{:?}", history.delivery.state),
            )
        })
        .collect()
}
