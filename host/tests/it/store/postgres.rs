//! What holds for PostgreSQL alone.

use hookyard::domain::delivery::{UnknownVerdict, Verdict};
use hookyard::domain::event::NewEvent;
use hookyard::domain::id::{DeliveryId, EventId};
use hookyard::domain::retention::Scope;
use hookyard::store::{self, Place, Purge, RedactedEvent, SharedStore, StoreResult};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::counts::counted;
use super::schema::migrations;
use super::turns::{key, keyed};
use super::{BASE, LONG, PATIENCE, SHORT, accept, claim, end_all, held, lease_ended, plugin};
use crate::support::postgres::{drop_database, fresh_database};
use crate::support::stores::Fixture;

#[tokio::test]
async fn a_server_that_answers_before_the_disk_is_refused() {
    let Some(url) = fresh_database().await else { return };
    let separator = if url.contains('?') { '&' } else { '?' };
    let careless = format!("{url}{separator}options=-c%20synchronous_commit%3Doff");
    let error = store::open(&careless).await.err().expect("refused").to_string();
    assert!(error.contains("synchronous_commit is off"), "{error}");
    drop_database(&url).await;
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("connected")
}

async fn run(db: &mut PgConnection, text: String) {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(db).await.expect("run");
}

/// Waits until this query counts something.
async fn until(url: &str, count: &'static str) {
    // A connection of its own: a transaction goes on seeing the activity that it saw first.
    let mut db = connect(url).await;
    let seen = tokio::time::timeout(PATIENCE, async {
        while sqlx::query_scalar::<_, i64>(count)
            .fetch_one(&mut db)
            .await
            .expect("readable")
            == 0
        {
            tokio::task::yield_now().await;
        }
    });
    seen.await.expect("it comes to that");
}

/// Waits until somebody waits for a lock in this database.
async fn somebody_waits(url: &str) {
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until(url, waiting).await;
}

/// What `other` comes to, which waits for an event while a replay of its dead letter is made.
async fn while_it_is_replayed<F>(url: &str, sent: &NewEvent, other: F) -> u64
where
    F: Future<Output = StoreResult<u64>> + Send + 'static,
{
    let mut replaying = connect(url).await;
    let event = sent.id;
    let hold = format!("BEGIN; SELECT id FROM events WHERE id = '{event}' FOR UPDATE");
    run(&mut replaying, hold).await;
    let waiting = tokio::spawn(other);
    somebody_waits(url).await;
    let made = format!(
        "INSERT INTO deliveries (id, event_id, plugin, replay_of, state, attempts, due_at, created_at) \
         VALUES ('{}', '{event}', 'a', '{}', 'pending', 0, 0, 0); \
         UPDATE events SET status = 'processing', open_deliveries = 1, failed_deliveries = 0, processed_at = NULL \
         WHERE id = '{event}'; COMMIT",
        DeliveryId::generate(),
        sent.deliveries[0].id
    );
    run(&mut replaying, made).await;
    waiting.await.expect("no panic").expect("answered")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_with_age_sees_the_replay_it_waited_for() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let all = Purge {
        scope: Scope::Others(Vec::new()),
        processed: None,
        failed: Some(Place::before(BASE.plus(LONG))),
    };
    for purges in [true, false] {
        let sent = accept(&fixture.store, &["a"]).await;
        end_all(&fixture.store, "a", &Verdict::Dead).await;
        let (store, id, all) = (fixture.store.clone(), sent.id, all.clone());
        let done = while_it_is_replayed(&fixture.url, &sent, async move {
            if purges {
                return store.purge_events(&all, &[id]).await;
            }
            store
                .redact_events("rule", &[RedactedEvent { id, content: None }])
                .await
        });
        assert_eq!(done.await, 0, "purges: {purges}");
        let history = fixture.store.deliveries(sent.id).await.expect("readable");
        assert_eq!(history.len(), 2);
        assert_eq!(end_all(&fixture.store, "a", &Verdict::Succeeded).await.len(), 1);
    }
    fixture.clean().await;
}

/// What is swept without its turn being held could miss who is stored behind it, which would then wait for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_ends_while_a_sweep_waits_is_for_the_next_one() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let store = &fixture.store;
    let events = [keyed("a", "x"), keyed("a", "y")];
    store.accept_events(&events).await.expect("accepted");
    let claims = held(&claim(store, "a", LONG).await);
    store.mark_started(&claims).await.expect("marked");
    let (first, second): (Vec<_>, Vec<_>) = claims
        .into_iter()
        .partition(|(id, _)| *id == events[0].deliveries[0].id);
    store.renew_leases(&first, SHORT).await.expect("renewed");
    lease_ended(store, "a").await;

    let mut storing = connect(&fixture.url).await;
    let key = key("x");
    let hold = format!(
        "BEGIN; SELECT last_seq FROM order_keys WHERE order_key = '{}' FOR UPDATE",
        key.as_str()
    );
    run(&mut storing, hold).await;
    let sweep = |store: SharedStore| async move {
        let swept = store
            .sweep_leases(&plugin("a"), &|_| UnknownVerdict::Hold, 9)
            .await;
        swept.expect("swept").unknown
    };
    let sweeping = tokio::spawn(sweep(store.clone()));
    somebody_waits(&fixture.url).await;
    store.renew_leases(&second, SHORT).await.expect("renewed");
    let both = "SELECT COUNT(*) / 2 FROM deliveries WHERE state = 'running' \
                AND lease_until <= floor(extract(epoch FROM clock_timestamp()) * 1000)";
    until(&fixture.url, both).await;
    run(&mut storing, "COMMIT".to_owned()).await;
    assert_eq!(sweeping.await.expect("no panic"), 1);
    assert_eq!(sweep(store.clone()).await, 1);
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stored_while_the_counters_are_made_is_counted() {
    let Some(url) = fresh_database().await else { return };
    let migrator = sqlx::migrate::Migrator::new(migrations().join("postgres"))
        .await
        .expect("the folder resolves");
    let mut db = connect(&url).await;
    migrator.run_to(4, &mut db).await.expect("the steps apply");
    let (event, delivery) = (EventId::generate(), DeliveryId::generate());
    let store = format!(
        "BEGIN; INSERT INTO sources (name, first_seen_at) VALUES ('github', 0); INSERT INTO events (id, kind, source, event_type, headers, content_type, body, received_at, status, \
         open_deliveries, failed_deliveries) \
         VALUES ('{event}', 'webhook', 'github', 'push', '[]', 'application/json', '{{}}', 0, 'pending', 1, 0); \
         INSERT INTO deliveries (id, event_id, plugin, state, attempts, due_at, created_at) \
         VALUES ('{delivery}', '{event}', 'a', 'pending', 0, 0, 0)"
    );
    let mut storing = connect(&url).await;
    run(&mut storing, store).await;
    let committing = async {
        somebody_waits(&url).await;
        run(&mut storing, "COMMIT".to_owned()).await;
    };
    let (stepped, ()) = tokio::join!(migrator.run_to(5, &mut db), committing);
    stepped.expect("the step applies");
    for text in [
        "SELECT plugin, state, count FROM delivery_counts",
        "SELECT source, status, count FROM event_counts",
    ] {
        assert_eq!(
            counted(&url, text).await.values().copied().collect::<Vec<_>>(),
            [1]
        );
    }
    drop_database(&url).await;
}
