//! `events` as a table of partitions, as `ops/partition-events.sql` makes it, serves as before.

use std::path::Path;

use hookyard::domain::delivery::Verdict;
use hookyard::domain::event::{EventFilter, EventOrder, EventStatus};
use hookyard::domain::page::PageRequest;

use super::schema::run;
use super::{accept, end_all};
use crate::support::stores::Fixture;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_in_partitions_are_served_as_before() {
    let Some(fixture) = Fixture::postgres().await else {
        return;
    };
    let store = &fixture.store;
    let before = accept(store, &["a"]).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ops/partition-events.sql");
    let script = std::fs::read_to_string(script).expect("the script");
    run(&fixture.url, &script).await;

    let after = accept(store, &["a", "b"]).await;
    assert_eq!(end_all(store, "a", &Verdict::Succeeded).await.len(), 2);
    assert_eq!(end_all(store, "b", &Verdict::Dead).await.len(), 1);
    for (event, status) in [(&before, EventStatus::Processed), (&after, EventStatus::Failed)] {
        let stored = store.event(event.id).await.expect("readable").expect("there");
        assert_eq!(stored.status, status);
    }
    // The counters know of both.
    let page = PageRequest { page: 1, size: 10 };
    let listed = store
        .events(&EventFilter::default(), EventOrder::NewestFirst, page)
        .await
        .expect("listed");
    assert_eq!((listed.total, listed.exact, listed.items.len()), (2, true, 2));
    fixture.clean().await;
}
