//! Keys under which an event is taken once.

use std::collections::BTreeSet;
use std::time::Duration;

use hookyard::domain::event::{Acceptance, EventFilter, EventOrder, EventStatus, NewEvent, OnceKey};
use hookyard::domain::page::PageRequest;
use hookyard::store::SharedStore;

use super::{BASE, event, on_both};
use crate::support::stores::Fixture;

on_both!(
    a_key_is_taken_with_its_event_or_not_at_all,
    keys_of_one_commit_are_told_apart,
    the_first_answer_is_given_again,
    many_at_once_store_one,
    keys_expire_and_are_removed_in_batches,
);

const WINDOW: Duration = Duration::from_hours(1);

fn keyed(scope: &str, key: &str, digest: Option<&str>) -> NewEvent {
    NewEvent {
        once: Some(OnceKey {
            scope: scope.to_owned(),
            key: key.to_owned(),
            digest: digest.map(str::to_owned),
            expires_at: BASE.plus(WINDOW),
        }),
        ..event(&["a"])
    }
}

async fn count(store: &SharedStore) -> u64 {
    let page = PageRequest { page: 1, size: 1 };
    let events = store
        .events(&EventFilter::default(), EventOrder::NewestFirst, page)
        .await;
    events.expect("listed").total
}

async fn a_key_is_taken_with_its_event_or_not_at_all(fixture: &Fixture) {
    let store = &fixture.store;
    let stored = super::accept(store, &["a"]).await;
    // The second of these cannot be stored: its id is taken.
    let first = keyed("s", "1", None);
    let impossible = NewEvent {
        id: stored.id,
        ..keyed("s", "2", None)
    };
    assert!(store.accept_events(&[first.clone(), impossible]).await.is_err());
    let once = first.once.clone().expect("a key");
    assert_eq!(store.once(&once, BASE).await.expect("read"), None);
    let accepted = store
        .accept_events(std::slice::from_ref(&first))
        .await
        .expect("accepted");
    assert_eq!((accepted[0].id, accepted[0].kind), (first.id, Acceptance::New));
    let holder = store.once(&once, BASE).await.expect("read");
    assert_eq!(
        holder.map(|holder| (holder.event, holder.same)),
        Some((first.id, true))
    );
    assert_eq!(store.once(&once, BASE.plus(WINDOW)).await.expect("read"), None);
    assert_eq!(count(store).await, 2);
}

async fn keys_of_one_commit_are_told_apart(fixture: &Fixture) {
    let store = &fixture.store;
    let batch = [
        keyed("s", "1", None),
        keyed("t", "1", None),
        event(&[]),
        keyed("s", "1", None),
        keyed("s", "2", Some("x")),
        keyed("s", "2", Some("y")),
    ];
    let accepted = store.accept_events(&batch).await.expect("accepted");
    let told: Vec<_> = accepted.iter().map(|one| (one.id, one.kind)).collect();
    assert_eq!(
        told,
        [
            (batch[0].id, Acceptance::New),
            (batch[1].id, Acceptance::New),
            (batch[2].id, Acceptance::New),
            (batch[0].id, Acceptance::Duplicate),
            (batch[4].id, Acceptance::New),
            (batch[4].id, Acceptance::OtherBody),
        ]
    );
    assert_eq!(count(store).await, 4);
    assert!(store.event(batch[3].id).await.expect("read").is_none());
}

async fn the_first_answer_is_given_again(fixture: &Fixture) {
    let store = &fixture.store;
    let first = keyed("s", "1", Some("x"));
    store
        .accept_events(std::slice::from_ref(&first))
        .await
        .expect("accepted");
    let claims = super::claim(store, "a", super::LONG).await;
    store.mark_started(&super::held(&claims)).await.expect("started");
    // NUL is no text of PostgreSQL's: it is kept like every text with one.
    let again = store
        .accept_events(&[keyed("s", "1", Some("x")), keyed("s\0", "1", None)])
        .await;
    let again = again.expect("accepted");
    assert_eq!((again[0].id, again[0].status), (first.id, EventStatus::Pending));
    assert_eq!(again[0].kind, Acceptance::Duplicate);
    assert_eq!(again[1].kind, Acceptance::New);
}

async fn many_at_once_store_one(fixture: &Fixture) {
    let store = &fixture.store;
    let tasks: Vec<_> = (0..16)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                // In another order every second time: transactions must not wait for each other in a circle.
                let mut batch = vec![keyed("s", "1", None), keyed("s", "2", None)];
                if n % 2 == 1 {
                    batch.reverse();
                }
                store.accept_events(&batch).await.expect("accepted")
            })
        })
        .collect();
    let mut ids = BTreeSet::new();
    for task in tasks {
        ids.extend(task.await.expect("no panic").iter().map(|one| one.id));
    }
    assert_eq!((ids.len(), count(store).await), (2, 2));
}

async fn keys_expire_and_are_removed_in_batches(fixture: &Fixture) {
    let store = &fixture.store;
    let batch: Vec<_> = (0..5).map(|n| keyed("s", &n.to_string(), None)).collect();
    store.accept_events(&batch).await.expect("accepted");
    let late = NewEvent {
        received_at: BASE.plus(WINDOW),
        ..keyed("s", "0", None)
    };
    let late = NewEvent {
        once: late.once.clone().map(|once| OnceKey {
            expires_at: BASE.plus(WINDOW * 2),
            ..once
        }),
        ..late
    };
    let accepted = store
        .accept_events(std::slice::from_ref(&late))
        .await
        .expect("accepted");
    assert_eq!((accepted[0].id, accepted[0].kind), (late.id, Acceptance::New));
    let at = BASE.plus(WINDOW);
    assert_eq!(store.purge_once(BASE, 10).await.expect("purged"), 0);
    assert_eq!(store.purge_once(at, 3).await.expect("purged"), 3);
    assert_eq!(store.purge_once(at, 3).await.expect("purged"), 1);
    assert_eq!(store.purge_once(at, 3).await.expect("purged"), 0);
    let once = late.once.expect("a key");
    let holder = store.once(&once, at).await.expect("read");
    assert_eq!(holder.map(|holder| holder.event), Some(late.id));
    assert_eq!(count(store).await, 6, "events stay");
}
