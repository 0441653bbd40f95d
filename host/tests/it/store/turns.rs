//! Deliveries with an order key run one at a time and in the order in which they were stored.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use hookyard::domain::delivery::{Claim, NewDelivery, Take, UnknownVerdict, Verdict};
use hookyard::domain::event::NewEvent;
use hookyard::domain::id::{DeliveryId, EventId};
use hookyard::domain::order::{OrderBy, OrderKey};
use hookyard::domain::retention::Scope;
use hookyard::store::{Place, Purge, SharedStore};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use super::{LONG, PATIENCE, SHORT, claim, event, finish, lease_ended, node, on_both, plugin};
use crate::support::stores::Fixture;

on_both!(
    one_at_a_time_and_in_order,
    a_key_is_of_one_plugin_and_holds_nobody_else,
    a_held_delivery_keeps_its_key_and_a_dead_one_does_not,
    a_held_delivery_that_is_purged_passes_its_turn_on,
    a_delivery_is_not_run_by_hand_before_its_turn,
    many_claimers_keep_every_order,
    what_is_stored_while_the_last_one_finishes_has_its_turn,
    a_claim_looks_at_nothing_but_what_may_run,
);

pub fn key(text: &str) -> OrderKey {
    let by: OrderBy = "/k".parse().expect("a pointer");
    by.key_of(&json!({ "k": text })).expect("a key")
}

/// An event with one delivery to plugin `name` under a key.
pub fn keyed(name: &str, text: &str) -> NewEvent {
    let mut event = event(&[]);
    event.deliveries = vec![NewDelivery {
        id: DeliveryId::generate(),
        plugin: plugin(name),
        order_key: Some(key(text)),
    }];
    event
}

async fn accept(store: &SharedStore, events: &[NewEvent]) {
    store.accept_events(events).await.expect("accepted");
}

async fn end(store: &SharedStore, claim: &Claim, verdict: Verdict) {
    store
        .finish_deliveries(&[finish(claim, verdict)])
        .await
        .expect("finished");
}

async fn waits(store: &SharedStore, event: &NewEvent) -> bool {
    let delivery = store.delivery(event.deliveries[0].id).await.expect("readable");
    delivery.expect("there").waits_turn
}

/// The events of what plugin `a` may run now.
async fn claimed(store: &SharedStore) -> Vec<Claim> {
    claim(store, "a", LONG).await
}

fn events_of(claims: &[Claim]) -> Vec<EventId> {
    claims.iter().map(|claim| claim.event.id).collect()
}

async fn one_at_a_time_and_in_order(fixture: &Fixture) {
    let store = &fixture.store;
    // Two in one commit, one later: all in order.
    let events = [keyed("a", "x"), keyed("a", "x"), keyed("a", "x")];
    accept(store, &events[..2]).await;
    accept(store, &events[2..]).await;
    assert_eq!(
        [
            waits(store, &events[0]).await,
            waits(store, &events[1]).await,
            waits(store, &events[2]).await
        ],
        [false, true, true]
    );
    let first = claimed(store).await;
    assert_eq!(events_of(&first), [events[0].id]);
    assert_eq!(store.next_due(&plugin("a")).await.expect("readable"), None);
    // A retry is still the first.
    end(store, &first[0], Verdict::Retry { delay_ms: 0 }).await;
    let again = claimed(store).await;
    assert_eq!(events_of(&again), [events[0].id]);
    end(store, &again[0], Verdict::Succeeded).await;
    let second = claimed(store).await;
    assert_eq!(events_of(&second), [events[1].id]);
    end(store, &second[0], Verdict::Succeeded).await;
    let third = claimed(store).await;
    assert_eq!(events_of(&third), [events[2].id]);
    end(store, &third[0], Verdict::Succeeded).await;
    // Nothing is left of the key; the next one with it does not wait.
    let late = keyed("a", "x");
    accept(store, std::slice::from_ref(&late)).await;
    assert_eq!(events_of(&claimed(store).await), [late.id]);
}

async fn a_key_is_of_one_plugin_and_holds_nobody_else(fixture: &Fixture) {
    let store = &fixture.store;
    let events = [
        keyed("a", "x"),
        keyed("a", "y"),
        keyed("b", "x"),
        event(&["a"]),
        keyed("a", "x"),
    ];
    accept(store, &events).await;
    let mine = events_of(&claimed(store).await);
    assert_eq!(mine, [events[0].id, events[1].id, events[3].id]);
    assert_eq!(events_of(&claim(store, "b", LONG).await), [events[2].id]);
}

async fn a_held_delivery_keeps_its_key_and_a_dead_one_does_not(fixture: &Fixture) {
    let store = &fixture.store;
    let events = [keyed("a", "x"), keyed("a", "x"), keyed("a", "x"), keyed("a", "x")];
    accept(store, &events).await;
    let first = claimed(store).await;
    end(store, &first[0], Verdict::Dead).await;
    // Given up after its lease ended: dead as well.
    for verdict in [UnknownVerdict::Dead, UnknownVerdict::Hold] {
        let claims = super::held(&claimed(store).await);
        store.mark_started(&claims).await.expect("marked");
        store.renew_leases(&claims, SHORT).await.expect("renewed");
        lease_ended(store, "a").await;
        let swept = store
            .sweep_leases(&plugin("a"), &|_| verdict, 9)
            .await
            .expect("swept");
        assert_eq!(swept.unknown, 1);
    }
    // The third is held for a person, so the fourth waits.
    assert!(claimed(store).await.is_empty());
    assert!(waits(store, &events[3]).await);
}

async fn a_held_delivery_that_is_purged_passes_its_turn_on(fixture: &Fixture) {
    let store = &fixture.store;
    let events = [keyed("a", "x"), keyed("a", "x")];
    accept(store, &events).await;
    let claims = super::held(&claimed(store).await);
    store.mark_started(&claims).await.expect("marked");
    store.renew_leases(&claims, SHORT).await.expect("renewed");
    lease_ended(store, "a").await;
    let swept = store
        .sweep_leases(&plugin("a"), &|_| UnknownVerdict::Hold, 9)
        .await
        .expect("swept");
    assert_eq!(swept.unknown, 1);
    let ids = [events[0].id, events[1].id];
    let purge = |processed, failed| Purge {
        scope: Scope::Others(Vec::new()),
        processed,
        failed,
    };
    let later = Place::before(super::BASE.plus(LONG));
    // Held ones do not go with the processed; the key stays where it is.
    let none = store.purge_events(&purge(Some(later), None), &ids).await;
    assert_eq!(none.expect("purged"), 0);
    assert!(waits(store, &events[1]).await);
    let one = store.purge_events(&purge(None, Some(later)), &ids).await;
    assert_eq!(one.expect("purged"), 1);
    let next = claimed(store).await;
    assert_eq!(events_of(&next), [events[1].id]);
    // Nothing holds the key now: it is forgotten, and who comes next begins anew.
    end(store, &next[0], Verdict::Succeeded).await;
    let fresh = keyed("a", "x");
    accept(store, std::slice::from_ref(&fresh)).await;
    assert_eq!(events_of(&claimed(store).await), [fresh.id]);
}

async fn a_delivery_is_not_run_by_hand_before_its_turn(fixture: &Fixture) {
    let store = &fixture.store;
    let events = [keyed("a", "x"), keyed("a", "x")];
    accept(store, &events).await;
    let take = |event: &NewEvent| store.claim_delivery(event.deliveries[0].id, node(), LONG);
    assert!(take(&events[1]).await.expect("answered").is_none());
    assert!(take(&events[0]).await.expect("answered").is_some());
}

/// What each key has under way, and what it has had.
#[derive(Default)]
struct Seen {
    running: HashSet<OrderKey>,
    order: BTreeMap<OrderKey, Vec<EventId>>,
}

async fn many_claimers_keep_every_order(fixture: &Fixture) {
    const CLAIMERS: usize = 6;
    const KEYS: usize = 5;
    const EVENTS: usize = 200;
    let events: Vec<_> = (0..EVENTS)
        .map(|at| keyed("a", &(at % KEYS).to_string()))
        .collect();
    let keys: Arc<HashMap<_, _>> = Arc::new(
        events
            .iter()
            .map(|event| (event.id, event.deliveries[0].order_key.clone().expect("a key")))
            .collect(),
    );
    let seen = Arc::new(Mutex::new(Seen::default()));
    let claimers: Vec<_> = (0..CLAIMERS)
        .map(|at| {
            let (store, keys, seen) = (fixture.store.clone(), keys.clone(), seen.clone());
            tokio::spawn(async move {
                let node = node();
                let begun = std::time::Instant::now();
                while seen
                    .lock()
                    .expect("no panic")
                    .order
                    .values()
                    .map(Vec::len)
                    .sum::<usize>()
                    < EVENTS
                {
                    assert!(begun.elapsed() < PATIENCE, "some were never claimed");
                    let take = Take::shared(3, u32::try_from(at).expect("small"));
                    let claims = store
                        .claim_deliveries(&plugin("a"), take, node, LONG)
                        .await
                        .expect("claimed");
                    for claim in &claims {
                        let mut seen = seen.lock().expect("no panic");
                        let key = keys[&claim.event.id].clone();
                        assert!(seen.running.insert(key.clone()), "two of one key at a time");
                        // The first attempt fails now and then: it is tried again before the next one.
                        if claim.attempts > 0 || claim.event.id.as_uuid().as_u128() % 3 != 0 {
                            seen.order.entry(key).or_default().push(claim.event.id);
                        }
                    }
                    tokio::task::yield_now().await;
                    for claim in &claims {
                        let succeeds = claim.attempts > 0 || claim.event.id.as_uuid().as_u128() % 3 != 0;
                        seen.lock()
                            .expect("no panic")
                            .running
                            .remove(&keys[&claim.event.id]);
                        let verdict = if succeeds {
                            Verdict::Succeeded
                        } else {
                            Verdict::Retry { delay_ms: 0 }
                        };
                        end(&store, claim, verdict).await;
                    }
                }
            })
        })
        .collect();
    // Stored while they are claimed, in several commits.
    for batch in events.chunks(17) {
        accept(&fixture.store, batch).await;
    }
    for claimer in claimers {
        claimer.await.expect("a claimer ends");
    }
    let mut wanted: BTreeMap<OrderKey, Vec<EventId>> = BTreeMap::new();
    for event in &events {
        wanted.entry(keys[&event.id].clone()).or_default().push(event.id);
    }
    assert_eq!(seen.lock().expect("no panic").order, wanted);
}

async fn what_is_stored_while_the_last_one_finishes_has_its_turn(fixture: &Fixture) {
    let store = &fixture.store;
    for _ in 0..40 {
        let events = [keyed("a", "x"), keyed("a", "x")];
        accept(store, &events[..1]).await;
        let first = claimed(store).await;
        let (storing, ending) = (
            accept(store, &events[1..]),
            end(store, &first[0], Verdict::Succeeded),
        );
        tokio::join!(storing, ending);
        let second = claimed(store).await;
        assert_eq!(events_of(&second), [events[1].id], "the turn was lost");
        end(store, &second[0], Verdict::Succeeded).await;
    }
}

/// Deliveries that wait in the test of the plans: enough that a scan or a sort would be chosen only where
/// no index fits.
const BACKLOG: usize = 50_000;

/// Runs a text on the fixture's database; the rows' only column.
async fn ask(fixture: &Fixture, text: &str) -> Vec<String> {
    let text = AssertSqlSafe(text.to_owned());
    if let Some(path) = fixture.url.strip_prefix("sqlite://") {
        let mut db = SqliteConnection::connect(path).await.expect("opened");
        if text.0.starts_with("EXPLAIN") {
            let rows: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(text).fetch_all(&mut db).await.expect("planned");
            return rows.into_iter().map(|row| row.3).collect();
        }
        sqlx::raw_sql(text).execute(&mut db).await.expect("run");
        return Vec::new();
    }
    let mut db = PgConnection::connect(&fixture.url).await.expect("opened");
    if text.0.starts_with("EXPLAIN") {
        return sqlx::query_scalar(text)
            .fetch_all(&mut db)
            .await
            .expect("planned");
    }
    sqlx::raw_sql(text).execute(&mut db).await.expect("run");
    Vec::new()
}

/// A backlog of every kind for plugin `a`: first tries, later ones, and a queue behind one key.
async fn fill(fixture: &Fixture) {
    let first = keyed("a", "x");
    accept(&fixture.store, std::slice::from_ref(&first)).await;
    let (event, base) = (first.id, first.deliveries[0].id);
    let held = format!("'{}'", key("x").as_str());
    for (at, state, key, seq, waits) in [
        (1, "pending", "NULL", "NULL", "FALSE"),
        (2, "retrying", "NULL", "NULL", "FALSE"),
        (3, "pending", held.as_str(), "i + 1", "TRUE"),
    ] {
        let attempts = u8::from(state == "retrying");
        ask(
            fixture,
            &format!(
                "INSERT INTO deliveries (id, event_id, plugin, state, attempts, due_at, created_at, order_key, \
                 order_seq, waits_turn, replay_of) \
                 WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {BACKLOG}) \
                 SELECT '018f000{at}-0000-7000-8000-' || substr(CAST(1000000000000 + i AS TEXT), 2), '{event}', 'a', \
                 '{state}', {attempts}, i, 0, {key}, {seq}, {waits}, '{base}' FROM n"
            ),
        )
        .await;
    }
    // SQLite plans without statistics, as it does for everybody: nothing of ours collects them.
    if !fixture.url.starts_with("sqlite") {
        ask(fixture, "ANALYZE").await;
    }
}

/// The texts are the store's own, short of their columns: the index, not the wording, is the point.
async fn a_claim_looks_at_nothing_but_what_may_run(fixture: &Fixture) {
    fill(fixture).await;
    let sqlite = fixture.url.starts_with("sqlite");
    let explain = if sqlite { "EXPLAIN QUERY PLAN" } else { "EXPLAIN" };
    let lock = if sqlite {
        ""
    } else {
        " FOR UPDATE OF d SKIP LOCKED"
    };
    for (condition, index) in [
        ("d.state = 'pending' AND NOT d.waits_turn", "deliveries_first"),
        ("d.state IN ('retrying', 'deferred')", "deliveries_again"),
    ] {
        let claim = format!(
            "{explain} SELECT d.id, e.body FROM deliveries d JOIN events e ON e.id = d.event_id WHERE {condition} \
             AND d.plugin = 'a' AND d.due_at <= 5000 ORDER BY d.due_at, d.id LIMIT 4{lock}"
        );
        let next = format!(
            "{explain} SELECT d.due_at FROM deliveries d WHERE {condition} AND d.plugin = 'a' \
             ORDER BY d.due_at, d.id LIMIT 1"
        );
        for query in [claim, next] {
            walks_only(&ask(fixture, &query).await.join("\n"), index);
        }
    }
    let turn = format!(
        "{explain} SELECT n.id FROM deliveries n WHERE n.plugin = 'a' AND n.order_key = '{}' AND n.state IN \
         ('pending', 'claimed', 'running', 'retrying', 'deferred', 'unknown') ORDER BY n.order_seq LIMIT 1",
        key("x").as_str()
    );
    walks_only(&ask(fixture, &turn).await.join("\n"), "deliveries_turn");

    // And for real: the queue behind one key is passed over, and moves on by one.
    let store = &fixture.store;
    let begun = std::time::Instant::now();
    let take = Take::shared(8, 0);
    let claims = store
        .claim_deliveries(&plugin("a"), take, node(), LONG)
        .await
        .expect("claimed");
    assert_eq!(claims.iter().filter(|claim| claim.attempts > 0).count(), 2);
    let a = plugin("a");
    let first = store.claim_deliveries(
        &a,
        Take {
            most: 60_000,
            again: 0,
        },
        node(),
        LONG,
    );
    let first = first.await.expect("claimed");
    let keyed: Vec<_> = first
        .iter()
        .filter(|claim| claim.delivery.to_string().starts_with("018f0003"))
        .collect();
    assert!(keyed.is_empty(), "nobody passes the head of the queue");
    eprintln!("{BACKLOG} of each kind: claims took {:?}", begun.elapsed());
}

/// Fails when a plan walks anything but this index, or sorts.
fn walks_only(plan: &str, index: &str) {
    assert!(plan.contains(index), "{plan}");
    for wrong in [
        "TEMP B-TREE",
        "SCAN deliveries",
        "SCAN d",
        "SCAN n",
        "Sort",
        "Seq Scan on deliveries",
        "Bitmap",
    ] {
        assert!(!plan.contains(wrong), "{wrong}: {plan}");
    }
}
