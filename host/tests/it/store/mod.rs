//! What every store must do, run on SQLite and on PostgreSQL.

pub mod acts;
mod acts_in_order;
mod claims;
mod clock;
mod copying;
mod counts;
mod events;
mod finishes;
mod jobs;
mod leases;
mod lists;
mod nodes;
mod once;
mod partitions;
mod plans;
mod postgres;
mod processes;
mod rejected;
mod schedules;
mod schema;
mod sqlite;
mod state;
mod turns;
pub mod users;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use hookyard::domain::act::By;
use hookyard::domain::attempt::{AttemptOutcome, FinishedAttempt};
use hookyard::domain::delivery::{Claim, Finish, NewDelivery, Take, UnknownVerdict, Verdict};
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
/// When people act in tests: after that.
const ACTED: Timestamp = Timestamp::from_millis(1_750_000_100_000);

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
        trace: None,
        once: None,
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

/// Claims and ends what waits for `name`.
pub async fn end_all(store: &SharedStore, name: &str, verdict: &Verdict) -> Vec<DeliveryId> {
    let claims = claim(store, name, LONG).await;
    let finishes: Vec<_> = claims
        .iter()
        .map(|claim| finish(claim, verdict.clone()))
        .collect();
    store.finish_deliveries(&finishes).await.expect("finished");
    claims.iter().map(|claim| claim.delivery).collect()
}

/// Claims and starts what waits for `name`, and lets its lease end with an unknown outcome that is held.
pub async fn hold_all(store: &SharedStore, name: &str) -> Vec<DeliveryId> {
    let claims = held(&claim(store, name, LONG).await);
    store.mark_started(&claims).await.expect("marked");
    store.renew_leases(&claims, SHORT).await.expect("renewed");
    lease_ended(store, name).await;
    let hold = |_| UnknownVerdict::Hold;
    store
        .sweep_leases(&plugin(name), &hold, 1_000)
        .await
        .expect("swept");
    claims.into_iter().map(|(id, _)| id).collect()
}

/// What a person does, and when.
pub fn by(actor: &str, note: Option<&str>) -> By {
    By {
        actor: actor.to_owned(),
        at: ACTED,
        note: note.map(str::to_owned),
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
