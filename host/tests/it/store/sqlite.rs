//! What holds for the SQLite file alone: durability settings, its name and rights, query plans.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use hookyard::store::{self, HealthStore as _, SqlStore, StoreError};
use sqlx::{AssertSqlSafe, Connection as _, Sqlite};
use tempfile::TempDir;

async fn opened() -> (TempDir, SqlStore<Sqlite>) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = SqlStore::<Sqlite>::open(&dir.path().join("test.db"))
        .await
        .expect("opened");
    store.migrate().await.expect("migrated");
    (dir, store)
}

/// On a full disk, or when a sync fails, SQLite rolls back by itself; here the test does it behind sqlx's back.
#[tokio::test]
async fn a_connection_whose_transaction_ended_by_itself_is_replaced() {
    let (_dir, store) = opened().await;
    let mut tx = store.writer().begin_with("BEGIN IMMEDIATE").await.expect("begun");
    sqlx::raw_sql("ROLLBACK").execute(&mut *tx).await.expect("ended");
    drop(tx);
    store.ping().await.expect("a transaction begins and ends");
}

/// Without these a power cut could lose what was acknowledged.
#[tokio::test]
async fn the_writer_syncs_every_commit() {
    let (_dir, store) = opened().await;
    let mut writer = store.writer().acquire().await.expect("a connection");
    for (pragma, column, want) in [
        ("journal_mode", "journal_mode", "wal"),
        ("synchronous", "synchronous", "2"),
        ("foreign_keys", "foreign_keys", "1"),
        ("busy_timeout", "timeout", "5000"),
    ] {
        let got: String = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT CAST({column} AS TEXT) FROM pragma_{pragma}"
        )))
        .fetch_one(&mut *writer)
        .await
        .unwrap_or_else(|e| panic!("{pragma}: {e}"));
        assert_eq!(got, want, "{pragma}");
    }
    assert_eq!(store.writer().options().get_max_connections(), 1);
}

#[tokio::test]
async fn a_fresh_file_is_its_owners_alone() {
    let (dir, _store) = opened().await;
    for name in ["test.db", "test.db-wal", "test.db-shm"] {
        let mode = std::fs::metadata(dir.path().join(name))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

async fn refused(path: &Path) -> String {
    match store::open(&format!("sqlite://{}", path.display())).await {
        Err(error @ StoreError::File { .. }) => error.to_string(),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("opened"),
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in [("short", "hello"), ("long", &"not a database ".repeat(1_000))] {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        let error = refused(&path).await;
        assert!(
            error.contains(name) && error.contains("not a SQLite database"),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&path).expect("readable"), *text);
    }
}

#[tokio::test]
async fn a_torn_database_is_named_and_left_alone() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("torn.db");
    let mut bytes = b"SQLite format 3\0".to_vec();
    bytes.extend([0xA5; 8_000]);
    std::fs::write(&path, &bytes).expect("written");
    let error = refused(&path).await;
    assert!(error.contains("torn.db"), "{error}");
    assert_eq!(std::fs::read(&path).expect("readable"), bytes);
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let error = refused(Path::new("/nonexistent-dir/x.db")).await;
    assert!(error.contains("/nonexistent-dir/x.db"), "{error}");
}

#[tokio::test]
async fn other_urls_are_refused_without_repeating_them() {
    for url in [
        "mysql://root:hunter2@h/x",
        "",
        "sqlite:",
        "sqlite://",
        "sqlite://x?mode=rw",
        "postgres://u:hunter2@h:port/x",
    ] {
        let Err(error) = store::open(url).await else {
            panic!("opened {url}")
        };
        let text = format!("{error} {error:?}");
        assert!(matches!(error, StoreError::Address(_)), "{url}: {text}");
        assert!(
            text.contains("sqlite://path") && !text.contains("hunter2"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_file_serves_one_process_at_a_time() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("test.db");
    let store = store::open(&format!("sqlite://{}", path.display()))
        .await
        .expect("opened");
    // By another name it is the same file.
    let link = dir.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).expect("linked");
    for name in [&path, &link] {
        let error = refused(name).await;
        for part in [
            name.to_str().expect("UTF-8"),
            "test.db.lock",
            "stop that process",
            "DATABASE_URL",
            &format!("process {}", std::process::id()),
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        // Looking takes no lock.
        let told = store::inspect(&format!("sqlite://{}", name.display())).await;
        assert!(told.expect("looked at").ends_with("schema up to date"));
    }
    store.close().await;
    let again = store::open(&format!("sqlite://{}", path.display())).await;
    again.expect("free again").close().await;
}

/// Names and bytes of all files.
fn snapshot(dir: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(dir)
        .expect("readable")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("readable"))
        })
        .collect()
}

#[tokio::test]
async fn looking_changes_nothing() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    // Not yet ours: without tables, and not in WAL mode.
    let path = dir.path().join("other.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Delete);
    let mut other = sqlx::SqliteConnection::connect_with(&options)
        .await
        .expect("opened");
    sqlx::raw_sql("CREATE TABLE notes (text TEXT)")
        .execute(&mut other)
        .await
        .expect("made");
    other.close().await.expect("closed");
    let ours = dir.path().join("ours.db");
    let store = store::open(&format!("sqlite://{}", ours.display())).await;
    store.expect("opened").close().await;

    let before = snapshot(dir.path());
    for (path, told) in [(&path, " migrations to apply"), (&ours, "schema up to date")] {
        let text = store::inspect(&format!("sqlite://{}", path.display()))
            .await
            .expect("looked at");
        assert!(text.contains(told), "{text}");
    }
    let missing = dir.path().join("missing.db");
    let text = store::inspect(&format!("sqlite://{}", missing.display())).await;
    assert!(text.expect("looked at").contains("not there yet"));
    assert!(snapshot(dir.path()) == before, "files were changed");
}

async fn plan(store: &SqlStore<Sqlite>, query: &str) -> String {
    let rows: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}")))
            .fetch_all(store.writer())
            .await
            .expect("planned");
    rows.into_iter().map(|row| row.3).collect::<Vec<_>>().join("\n")
}

/// The texts are the store's own, short of their columns: the index, not the wording, is the point.
#[tokio::test]
async fn hot_queries_use_their_indexes() {
    let (_dir, store) = opened().await;
    // Claims: see `turns.rs`, where there is a backlog.
    let sweep = plan(
        &store,
        "SELECT DISTINCT plugin FROM deliveries WHERE state IN ('claimed', 'running') AND lease_until <= 5",
    )
    .await;
    assert!(sweep.contains("deliveries_lease"), "{sweep}");
    let list = plan(
        &store,
        "SELECT * FROM events e WHERE 1 = 1 ORDER BY e.received_at DESC, e.id DESC LIMIT 20",
    )
    .await;
    assert!(
        list.contains("events_received") && !list.contains("TEMP B-TREE"),
        "{list}"
    );
    let own = plan(
        &store,
        "SELECT * FROM events e WHERE 1 = 1 AND e.owner_id = 'x' ORDER BY e.received_at DESC, e.id DESC LIMIT 20",
    )
    .await;
    assert!(
        own.contains("events_owner") && !own.contains("TEMP B-TREE"),
        "{own}"
    );
    let of_event = plan(
        &store,
        "SELECT * FROM deliveries WHERE event_id = 'x' ORDER BY plugin, created_at, id",
    )
    .await;
    assert!(
        of_event.contains("USING INDEX deliveries_event (event_id=?)"),
        "{of_event}"
    );
    // A batch looks its rows up one by one; it does not walk the table.
    for table in ["deliveries", "events"] {
        let update = plan(
            &store,
            &format!("WITH v (id, n) AS (VALUES ('a', 1), ('b', 2)) UPDATE {table} SET id = v.id FROM v WHERE {table}.id = v.id"),
        )
        .await;
        assert!(update.contains(&format!("SEARCH {table} USING")), "{update}");
        assert!(!update.contains("AUTOMATIC"), "{update}");
    }
}
