//! What holds for PostgreSQL alone.

use hookyard::domain::delivery::Verdict;
use hookyard::domain::event::NewEvent;
use hookyard::domain::id::DeliveryId;
use hookyard::domain::retention::Scope;
use hookyard::store::{self, Place, Purge, RedactedEvent, StoreResult};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::{BASE, LONG, PATIENCE, accept, end_all};
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

async fn connect(fixture: &Fixture) -> PgConnection {
    PgConnection::connect(&fixture.url).await.expect("connected")
}

async fn run(db: &mut PgConnection, text: String) {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(db).await.expect("run");
}

/// Waits until somebody waits for a lock in this database.
async fn somebody_waits(fixture: &Fixture) {
    // Not the connection that holds the lock: a transaction goes on seeing what it saw first.
    let mut db = connect(fixture).await;
    let seen = tokio::time::timeout(PATIENCE, async {
        let waiting = "SELECT COUNT(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waiting)
            .fetch_one(&mut db)
            .await
            .expect("readable")
            == 0
        {
            tokio::task::yield_now().await;
        }
    });
    seen.await.expect("it waits");
}

/// What `other` comes to, which waits for an event while a replay of its dead letter is made.
async fn while_it_is_replayed<F>(fixture: &Fixture, sent: &NewEvent, other: F) -> u64
where
    F: Future<Output = StoreResult<u64>> + Send + 'static,
{
    let mut replaying = connect(fixture).await;
    let event = sent.id;
    let hold = format!("BEGIN; SELECT id FROM events WHERE id = '{event}' FOR UPDATE");
    run(&mut replaying, hold).await;
    let waiting = tokio::spawn(other);
    somebody_waits(fixture).await;
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
        let done = while_it_is_replayed(&fixture, &sent, async move {
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
