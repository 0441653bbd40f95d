//! That a backlog costs nothing: what the databases read for a claim and for the lists of what is in trouble.

use hookyard::domain::delivery::{DeliveryState, Take};
use hookyard::domain::page::PageRequest;
use hookyard::domain::replay::DeliveryFilter;
use hookyard::store::{self, SqlStore};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Sqlite};

use super::schema::run;
use super::{LONG, node, plugin};
use crate::support::stores::Fixture;

/// Deliveries that wait, and as many that are over.
const BACKLOG: u32 = 20_000;

/// How often a claim is made, and of how many.
const CLAIMS: u32 = 20;
const EACH: u32 = 4;

/// Fills PostgreSQL with deliveries for `a` that wait, and for `b` that succeeded; one in a thousand is a
/// dead letter.
fn filled() -> String {
    let event = "lpad(n::text, 12, '0')";
    format!(
        "INSERT INTO sources (name, first_seen_at) VALUES ('s', 0);
         INSERT INTO events (id, kind, source, event_type, headers, content_type, body, received_at, status,
                             open_deliveries, failed_deliveries)
         SELECT '018f0000-0000-7000-8000-' || {event}, 'webhook', 's', 't', '[]', 'application/json', '{{}}', n,
                'pending', 1, 0 FROM generate_series(1, {BACKLOG}) n;
         INSERT INTO deliveries (id, event_id, plugin, state, attempts, due_at, created_at)
         SELECT '018f0000-0000-7000-9000-' || {event}, '018f0000-0000-7000-8000-' || {event}, 'a', 'pending', 0, n, n
         FROM generate_series(1, {BACKLOG}) n;
         INSERT INTO deliveries (id, event_id, plugin, state, attempts, due_at, created_at, finished_at)
         SELECT '018f0000-0000-7000-a000-' || {event}, '018f0000-0000-7000-8000-' || {event}, 'b',
                CASE n % 1000 WHEN 0 THEN 'dead' ELSE 'succeeded' END, 1, n, n, n
         FROM generate_series(1, {BACKLOG}) n;
         ANALYZE;"
    )
}

/// Rows of `deliveries` that were read so far: by going through the table, and through indexes.
async fn rows_read(url: &str) -> (i64, i64) {
    let mut db = PgConnection::connect(url).await.expect("opened");
    sqlx::query_as(
        "SELECT (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'deliveries'), \
         (SELECT CAST(SUM(idx_tup_read) AS BIGINT) FROM pg_stat_user_indexes WHERE relname = 'deliveries')",
    )
    .fetch_one(&mut db)
    .await
    .expect("counted")
}

/// The server's own count of what the store's own statements read: with 20,000 waiting, a claim of four
/// reads a handful.
#[tokio::test]
async fn a_claim_from_a_backlog_reads_no_more_than_it_takes_on_postgres() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    run(&fixture.url, &filled()).await;
    let before = rows_read(&fixture.url).await;
    let store = store::open(&fixture.url).await.expect("opened");
    for _ in 0..CLAIMS {
        let take = Take::shared(EACH, 0);
        let claims = store.claim_deliveries(&plugin("a"), take, node(), LONG).await;
        assert_eq!(claims.expect("claimed").len(), EACH as usize);
        store.next_due(&plugin("a")).await.expect("answered");
    }
    let dead = DeliveryFilter {
        state: Some(DeliveryState::Dead),
        ..DeliveryFilter::default()
    };
    let page = PageRequest { page: 1, size: 10 };
    let listed = store.delivery_list(&dead, page).await.expect("listed");
    assert_eq!(
        (listed.total, listed.items.len()),
        (u64::from(BACKLOG / 1000), 10)
    );
    // The server counts what a session read when it ends.
    store.close().await;
    let (mut seen, taken) = (before, i64::from(CLAIMS * EACH));
    let began = std::time::Instant::now();
    while seen.1 - before.1 < taken {
        assert!(
            began.elapsed() < super::PATIENCE,
            "the server counts nothing: {seen:?}"
        );
        tokio::task::yield_now().await;
        seen = rows_read(&fixture.url).await;
    }
    let (scanned, looked_up) = (seen.0 - before.0, seen.1 - before.1);
    assert_eq!(scanned, 0, "no walk through the table");
    let most = i64::from(BACKLOG) / 10;
    assert!(looked_up < most, "{looked_up} rows through indexes");
    fixture.clean().await;
}

/// The same for SQLite, with later tries among what waits.
fn filled_sqlite() -> String {
    let numbers = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {BACKLOG})"
    );
    let id = |group: &str| format!("printf('018f0000-0000-7000-{group}-%012d', n)");
    let (event, waits, over) = (id("8000"), id("9000"), id("a000"));
    format!(
        "INSERT INTO sources (name, first_seen_at) VALUES ('s', 0);
         {numbers} INSERT INTO events (id, kind, source, event_type, headers, content_type, body, received_at, status,
                                       open_deliveries, failed_deliveries)
         SELECT {event}, 'webhook', 's', 't', '[]', 'application/json', '{{}}', n, 'pending', 1, 0 FROM numbers;
         {numbers} INSERT INTO deliveries (id, event_id, plugin, state, attempts, due_at, created_at)
         SELECT {waits}, {event}, 'a', CASE n % 10 WHEN 0 THEN 'retrying' ELSE 'pending' END, n % 10 = 0, n, n
         FROM numbers;
         {numbers} INSERT INTO deliveries (id, event_id, plugin, state, attempts, due_at, created_at, finished_at)
         SELECT {over}, {event}, 'b', CASE n % 1000 WHEN 0 THEN 'dead' ELSE 'succeeded' END, 1, n, n, n FROM numbers;
         ANALYZE;"
    )
}

async fn plan(store: &SqlStore<Sqlite>, query: &str) -> String {
    let rows: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}")))
            .fetch_all(store.writer())
            .await
            .expect("planned");
    rows.into_iter().map(|row| row.3).collect::<Vec<_>>().join("\n")
}

/// Whether a step of a plan walks through all of a table.
fn walks(step: &str) -> bool {
    let table = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
    table.is_some_and(|table| ["d", "e", "deliveries", "events"].contains(&table))
}

/// A claim looks up what is due, in order, whatever the database knows of how much there is. The texts are the store's own,
/// short of their columns.
#[tokio::test]
async fn a_claim_from_a_backlog_uses_its_indexes_on_sqlite() {
    const NOW: &str = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)";
    const KINDS: [(&str, &str); 2] = [
        ("d.state = 'pending' AND NOT d.waits_turn", "deliveries_first"),
        ("d.state IN ('retrying', 'deferred')", "deliveries_again"),
    ];
    let dir = tempfile::tempdir().expect("a directory");
    let store = SqlStore::<Sqlite>::open(&dir.path().join("test.db"))
        .await
        .expect("opened");
    store.migrate().await.expect("migrated");
    for with_backlog in [false, true] {
        if with_backlog {
            sqlx::raw_sql(AssertSqlSafe(filled_sqlite()))
                .execute(store.writer())
                .await
                .expect("filled");
        }
        for (kind, index) in KINDS {
            let claim = format!(
                "SELECT d.id, e.body FROM deliveries d JOIN events e ON e.id = d.event_id WHERE {kind} \
                 AND d.plugin = 'a' AND d.due_at <= {NOW} ORDER BY d.due_at, d.id LIMIT {EACH}"
            );
            let next_due = format!(
                "SELECT d.due_at FROM deliveries d WHERE {kind} AND d.plugin = 'a' ORDER BY d.due_at, d.id LIMIT 1"
            );
            for (query, looked_up) in [(claim, "(plugin=? AND due_at<?)"), (next_due, "(plugin=?)")] {
                let plan = plan(&store, &query).await;
                assert!(plan.contains(&format!("{index} {looked_up}")), "{query}\n{plan}");
                assert!(!plan.lines().any(walks), "{query}\n{plan}");
                assert!(!plan.contains("TEMP B-TREE"), "{query}\n{plan}");
            }
        }
    }
}

/// The texts are the store's own, short of their columns.
#[tokio::test]
async fn lists_of_what_is_in_trouble_use_their_indexes_on_sqlite() {
    const TROUBLE: &str = "state IN ('retrying', 'deferred', 'dead', 'cancelled', 'unknown')";
    let dir = tempfile::tempdir().expect("a directory");
    let store = SqlStore::<Sqlite>::open(&dir.path().join("test.db"))
        .await
        .expect("opened");
    store.migrate().await.expect("migrated");
    let list = |place: &str| {
        format!(
            "SELECT d.id FROM deliveries d JOIN events e ON e.id = d.event_id WHERE 1 = 1{place} \
             ORDER BY d.id DESC LIMIT 20"
        )
    };
    let window = |place: &str| {
        format!(
            "SELECT d.id FROM (SELECT w.id FROM deliveries w WHERE 1 = 1{place} AND w.id > 'x' ORDER BY w.id LIMIT 500) \
             AS w JOIN deliveries d ON d.id = w.id JOIN events e ON e.id = d.event_id ORDER BY d.id"
        )
    };
    for (query, index) in [
        (
            list(&format!(" AND d.{TROUBLE} AND d.state = 'dead'")),
            "deliveries_trouble (state=?)",
        ),
        (
            list(&format!(
                " AND d.plugin = 'a' AND d.{TROUBLE} AND d.state = 'dead'"
            )),
            "deliveries_plugin_trouble (plugin=? AND state=?)",
        ),
        (
            window(&format!(" AND w.{TROUBLE} AND w.state = 'dead'")),
            "deliveries_trouble (state=? AND id>?)",
        ),
        (
            window(&format!(
                " AND w.plugin = 'a' AND w.{TROUBLE} AND w.state = 'dead'"
            )),
            "deliveries_plugin_trouble (plugin=? AND state=? AND id>?)",
        ),
        (
            "SELECT id FROM replays WHERE state = 'running' AND next_at <= 5 ORDER BY next_at, id LIMIT 1"
                .to_owned(),
            "replays_running (next_at<?)",
        ),
        (
            "SELECT id FROM deliveries WHERE replay_of = 'x' ORDER BY id".to_owned(),
            "deliveries_replays (replay_of=?)",
        ),
        (
            "SELECT id FROM deliveries WHERE replay_job IS NOT NULL AND replay_job IN ('x', 'y') LIMIT 5"
                .to_owned(),
            "deliveries_replay_job (replay_job=?)",
        ),
        (
            "SELECT id FROM delivery_acts WHERE delivery_id = 'x' ORDER BY id".to_owned(),
            "delivery_acts_delivery (delivery_id=?)",
        ),
    ] {
        let plan = plan(&store, &query).await;
        assert!(plan.contains(index), "{query}\n{plan}");
    }
    // The lists come out of the index in order.
    let plan = plan(&store, &list(&format!(" AND d.{TROUBLE} AND d.state = 'dead'"))).await;
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}
