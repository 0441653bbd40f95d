//! The schema's steps: paired, alike, and kind to the rows that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hookyard::domain::event::{EventFilter, EventOrder};
use hookyard::domain::id::DeliveryId;
use hookyard::domain::page::PageRequest;
use hookyard::store::{self, StoreError};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use super::on_both;
use crate::support::postgres;
use crate::support::stores::Fixture;

on_both!(
    sample_rows_are_carried_over_and_readable,
    a_database_of_a_newer_version_is_refused,
    a_changed_step_is_refused,
    a_round_trip_needs_the_writer,
    an_event_has_one_delivery_per_plugin_and_any_number_of_replays,
);

pub(super) fn migrations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations")
}

fn files(folder: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(migrations().join(folder)).expect("the folder is there");
    entries
        .map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect()
}

pub(super) async fn run(url: &str, text: &str) {
    try_run(url, text).await.expect("run");
}

async fn try_run(url: &str, text: &str) -> Result<(), sqlx::Error> {
    let text = AssertSqlSafe(text.to_owned());
    if let Some(path) = url.strip_prefix("sqlite://") {
        let mut db = SqliteConnection::connect(path).await.expect("opened");
        sqlx::raw_sql(text).execute(&mut db).await?;
        db.close().await.expect("closed");
    } else {
        let mut db = PgConnection::connect(url).await.expect("opened");
        sqlx::raw_sql(text).execute(&mut db).await?;
    }
    Ok(())
}

/// An empty database, of the same kind and beside the fixture's.
async fn empty_beside(fixture: &Fixture) -> String {
    if fixture.url.starts_with("sqlite") {
        return format!("sqlite://{}", fixture.dir().join("steps.db").display());
    }
    postgres::fresh_database()
        .await
        .expect("the fixture has a server")
}

/// Applies the steps one by one with their sample rows, as a database that grew over versions has them.
pub(super) async fn grow(url: &str) {
    let kind = if url.starts_with("sqlite") {
        "sqlite"
    } else {
        "postgres"
    };
    let steps = files(kind);
    let migrator = sqlx::migrate::Migrator::new(migrations().join(kind))
        .await
        .expect("the folder resolves");
    for (step, file) in migrator.iter().zip(&steps) {
        if let Some(path) = url.strip_prefix("sqlite://") {
            let options = sqlx::sqlite::SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true);
            let mut db = SqliteConnection::connect_with(&options).await.expect("opened");
            migrator
                .run_to(step.version, &mut db)
                .await
                .expect("the step applies");
            db.close().await.expect("closed");
        } else {
            let mut db = PgConnection::connect(url).await.expect("opened");
            migrator
                .run_to(step.version, &mut db)
                .await
                .expect("the step applies");
        }
        let sample = migrations().join("sample").join(file);
        run(
            url,
            &std::fs::read_to_string(sample).expect("each step has sample rows"),
        )
        .await;
    }
}

/// Lets this version open a database that grew.
async fn sample_rows_are_carried_over_and_readable(fixture: &Fixture) {
    let url = empty_beside(fixture).await;
    grow(&url).await;
    // The steps compiled in are those of the folder: opening finds nothing to do, and all fits.
    let store = store::open(&url).await.expect("opened");
    let page = PageRequest { page: 1, size: 10 };
    let events = store
        .events(&EventFilter::default(), EventOrder::NewestFirst, page)
        .await
        .expect("listed");
    assert_eq!(events.total, 1);
    let event = &events.items[0];
    assert_eq!(
        (event.source.as_str(), &event.payload()[..]),
        ("github", &b"{}"[..])
    );
    let history = store.deliveries(event.id).await.expect("readable");
    assert_eq!(history[0].attempts[0].record.logs[0].message, "hello");
    assert_eq!(store.users().await.expect("readable").len(), 1);
    assert_eq!(store.processes(None, 9).await.expect("readable").len(), 1);
    assert_eq!(super::claim(&store, "slack-webhook", super::LONG).await.len(), 1);
    store.close().await;
    if url.starts_with("postgres") {
        postgres::drop_database(&url).await;
    }
}

async fn a_database_of_a_newer_version_is_refused(fixture: &Fixture) {
    fixture.store.close().await;
    run(
        &fixture.url,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'future', TRUE, '', 0)",
    )
    .await;
    let Err(error) = store::open(&fixture.url).await else {
        panic!("opened a newer schema")
    };
    assert!(
        matches!(&error, StoreError::Schema(why) if why.contains("9999")),
        "{error}"
    );
}

async fn a_changed_step_is_refused(fixture: &Fixture) {
    fixture.store.close().await;
    run(&fixture.url, "UPDATE _sqlx_migrations SET checksum = ''").await;
    let Err(error) = store::open(&fixture.url).await else {
        panic!("opened a changed schema")
    };
    assert!(
        matches!(&error, StoreError::Schema(why) if why.contains("another text")),
        "{error}"
    );
}

async fn an_event_has_one_delivery_per_plugin_and_any_number_of_replays(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = super::accept(store, &["a", "b"]).await;
    let first = sent.deliveries[0].id;
    let insert = |id: DeliveryId, replay_of: &str| {
        format!(
            "INSERT INTO deliveries (id, event_id, plugin, state, attempts, due_at, created_at, replay_of) \
             VALUES ('{id}', '{}', 'a', 'pending', 0, 0, 0, {replay_of})",
            sent.id
        )
    };
    let again = try_run(&fixture.url, &insert(DeliveryId::generate(), "NULL")).await;
    let error = again.expect_err("a second one");
    assert!(
        error
            .as_database_error()
            .is_some_and(sqlx::error::DatabaseError::is_unique_violation),
        "{error}"
    );
    for _ in 0..2 {
        run(
            &fixture.url,
            &insert(DeliveryId::generate(), &format!("'{first}'")),
        )
        .await;
    }
    let history = store.deliveries(sent.id).await.expect("readable");
    let made: Vec<_> = history
        .iter()
        .map(|row| (row.delivery.plugin.as_str(), row.delivery.replay_of.is_some()))
        .collect();
    assert_eq!(made.len(), 4);
    assert_eq!(made.iter().filter(|row| **row == ("a", true)).count(), 2);
    assert_eq!(made[3], ("b", false));
    // A replay goes with what it repeats.
    run(
        &fixture.url,
        &format!("DELETE FROM deliveries WHERE id = '{first}'"),
    )
    .await;
    assert_eq!(store.deliveries(sent.id).await.expect("readable").len(), 1);
}

async fn a_round_trip_needs_the_writer(fixture: &Fixture) {
    fixture.store.ping().await.expect("answers");
    fixture.store.close().await;
    assert!(fixture.store.ping().await.is_err());
}

#[test]
fn the_folders_pair_up() {
    let steps = files("sqlite");
    assert!(!steps.is_empty());
    assert_eq!(steps, files("postgres"));
    assert_eq!(steps, files("sample"));
}

/// Tables, and their columns with whether they may be NULL.
pub(super) type Shape = BTreeMap<String, BTreeMap<String, bool>>;

#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    let sqlite = Fixture::sqlite().await;
    let Some(postgres) = Fixture::postgres().await else {
        return;
    };
    assert_eq!(
        sqlite_shape(&sqlite.url).await,
        postgres_shape(&postgres.url).await
    );
    sqlite.clean().await;
    postgres.clean().await;
}

pub(super) async fn sqlite_shape(url: &str) -> Shape {
    let path = url.strip_prefix("sqlite://").expect("a SQLite URL");
    let mut db = SqliteConnection::connect(path).await.expect("opened");
    let rows: Vec<(String, String, bool)> = sqlx::query_as(
        "SELECT t.name, c.name, c.\"notnull\" = 0 FROM sqlite_schema t, pragma_table_info(t.name) c \
         WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
    )
    .fetch_all(&mut db)
    .await
    .expect("readable");
    shape(rows)
}

async fn postgres_shape(url: &str) -> Shape {
    let mut db = PgConnection::connect(url).await.expect("opened");
    let rows: Vec<(String, String, bool)> = sqlx::query_as(
        "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), is_nullable = 'YES' \
         FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'",
    )
    .fetch_all(&mut db)
    .await
    .expect("readable");
    shape(rows)
}

fn shape(rows: Vec<(String, String, bool)>) -> Shape {
    let mut shape = Shape::new();
    for (table, column, nullable) in rows {
        shape.entry(table).or_default().insert(column, nullable);
    }
    assert!(shape.len() >= 10, "the tables were found");
    shape
}
