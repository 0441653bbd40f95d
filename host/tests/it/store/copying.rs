//! `db copy`: all that is in one database, in another of either kind.

use std::collections::BTreeMap;

use hookyard::domain::event::{EventFilter, EventOrder};
use hookyard::domain::id::NodeId;
use hookyard::domain::node::NodeReport;
use hookyard::domain::page::PageRequest;
use hookyard::store::{self, CopyError, CopyProgress, NOT_COPIED, StoreError, copied_columns};
use tempfile::TempDir;

use super::schema::{grow, run, sqlite_shape};
use crate::support::postgres;
use crate::support::stores::Fixture;

/// A directory for SQLite files.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn url(&self, name: &str) -> String {
        format!("sqlite://{}", self.0.path().join(name).display())
    }

    /// A file with the sample rows of every step.
    async fn grown(&self, name: &str) -> String {
        let url = self.url(name);
        grow(&url).await;
        url
    }
}

/// Copies, and gives the rows and the checksum of each table.
async fn copy(from: &str, to: &str) -> BTreeMap<&'static str, (u64, String)> {
    let copied = store::copy(from, to, &mut |_| {}).await;
    let copied = copied.unwrap_or_else(|error| panic!("{error}"));
    copied
        .into_iter()
        .map(|table| (table.table, (table.rows, table.sha256)))
        .collect()
}

async fn refused(from: &str, to: &str) -> CopyError {
    store::copy(from, to, &mut |_| {}).await.expect_err("refused")
}

/// The list of columns must be the schema's: whoever adds a table or a column adds it there, or says why not.
#[tokio::test]
async fn every_column_of_the_schema_is_copied() {
    let fixture = Fixture::sqlite().await;
    let copied: BTreeMap<_, _> = copied_columns().collect();
    for (table, columns) in sqlite_shape(&fixture.url).await {
        if NOT_COPIED.contains(&table.as_str()) {
            continue;
        }
        let listed = copied.get(table.as_str());
        let mut listed = listed
            .unwrap_or_else(|| panic!("add {table} to store/copy/tables.rs"))
            .clone();
        listed.sort_unstable();
        let columns: Vec<&str> = columns.keys().map(String::as_str).collect();
        assert_eq!(listed, columns, "columns of {table} in store/copy/tables.rs");
    }
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_holds_the_same_and_serves() {
    let files = Files::new();
    let from = files.grown("from.db").await;
    let to = files.url("to.db");
    let copied = copy(&from, &to).await;
    assert!(
        copied["events"].0 >= 1 && copied["deliveries"].0 >= 4,
        "{copied:?}"
    );
    let store = store::open(&to).await.expect("it opens");
    let page = PageRequest { page: 1, size: 10 };
    let events = store
        .events(&EventFilter::default(), EventOrder::NewestFirst, page)
        .await
        .expect("listed");
    // Exact, by the counters that the target's own triggers keep.
    assert_eq!(events.total, copied["events"].0);
    let counts = store.delivery_counts().await.expect("counted");
    assert_eq!(
        counts.iter().map(|count| count.count).sum::<u64>(),
        copied["deliveries"].0
    );
    store.close().await;
    let again = refused(&from, &to).await.to_string();
    assert!(again.contains("name an empty database"), "{again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_and_back_again_nothing_is_lost() {
    let Some(postgres) = postgres::fresh_database().await else {
        return;
    };
    let files = Files::new();
    let from = files.grown("from.db").await;
    let there = copy(&from, &postgres).await;
    let back = copy(&postgres, &files.url("back.db")).await;
    assert_eq!(there, back);
    postgres::drop_database(&postgres).await;
}

/// A replay whose id comes before that of what it repeats, as ids that were taken over from elsewhere may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_refer_to_later_ones_are_copied() {
    let files = Files::new();
    let from = files.grown("from.db").await;
    let insert = |id: &str, of: &str| {
        format!(
            "INSERT INTO deliveries (id, event_id, plugin, state, attempts, due_at, created_at, replay_of) \
             VALUES ('{id}', '018f0000-0000-7000-8000-000000000004', 'slack-webhook', 'dead', 0, 0, 0, {of})"
        )
    };
    for (id, of) in [
        (
            "f18f0000-0000-7000-8000-000000000001",
            "'018f0000-0000-7000-8000-000000000005'",
        ),
        (
            "018e0000-0000-7000-8000-000000000002",
            "'f18f0000-0000-7000-8000-000000000001'",
        ),
        (
            "018d0000-0000-7000-8000-000000000003",
            "'018e0000-0000-7000-8000-000000000002'",
        ),
    ] {
        run(&from, &insert(id, of)).await;
    }
    let copied = copy(&from, &files.url("to.db")).await;
    let grown = files.grown("plain.db").await;
    let plain = copy(&grown, &files.url("plain-to.db")).await;
    assert_eq!(copied["deliveries"].0, plain["deliveries"].0 + 3);
}

/// Begins a copy and cuts it off once this table is begun.
async fn cut_off(from: &str, to: &str, at: &'static str) {
    let (begun, wait) = tokio::sync::oneshot::channel();
    let mut begun = Some(begun);
    let mut tell = |progress: CopyProgress| {
        if matches!(progress, CopyProgress::Copying { table, .. } if table == at)
            && let Some(begun) = begun.take()
        {
            let _told = begun.send(());
        }
    };
    tokio::select! {
        biased;
        _ = wait => {}
        copied = store::copy(from, to, &mut tell) => panic!("it went on to its end: {copied:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_was_cut_off_goes_on_and_nobody_serves_it_before() {
    let files = Files::new();
    let (from, other) = (files.grown("from.db").await, files.grown("other.db").await);
    let to = files.url("to.db");
    cut_off(&from, &to, "deliveries").await;
    let Err(error) = store::open(&to).await else {
        panic!("opened half a copy")
    };
    assert!(matches!(error, StoreError::HalfCopied), "{error}");
    let error = refused(&other, &to).await.to_string();
    assert!(error.contains("another database"), "{error}");
    copy(&from, &to).await;
    store::open(&to).await.expect("whole").close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_not_the_same_is_found() {
    let files = Files::new();
    let from = files.grown("from.db").await;
    let to = files.url("to.db");
    cut_off(&from, &to, "audit_log").await;
    run(&to, "UPDATE processes SET script = 'print(2)'").await;
    let error = refused(&from, &to).await;
    assert!(
        matches!(
            error,
            CopyError::Differs {
                table: "processes",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_in_use_is_not_copied() {
    let files = Files::new();
    let from = files.grown("from.db").await;
    assert!(matches!(refused(&from, &from).await, CopyError::Refused(_)));
    let store = store::open(&from).await.expect("opened");
    let error = refused(&from, &files.url("to.db")).await;
    assert!(
        matches!(&error, CopyError::From(StoreError::File { .. })),
        "{error}"
    );
    store.close().await;
    let Some(shared) = Fixture::postgres().await else {
        return;
    };
    let report = NodeReport {
        id: NodeId::generate(),
        host: "a-machine".to_owned(),
        version: "0.1.0".to_owned(),
        role: hookyard::domain::node::NodeRole::All,
        plugins_digest: None,
        builds: BTreeMap::new(),
    };
    let forget = std::time::Duration::from_hours(1);
    shared.store.report_node(&report, forget).await.expect("reported");
    let error = refused(&from, &shared.url).await.to_string();
    assert!(error.contains("a-machine"), "{error}");
    shared.clean().await;
}
