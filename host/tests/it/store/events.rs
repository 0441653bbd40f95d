//! Accepting events and reading them back.

use bytes::Bytes;
use hookyard::domain::event::{EventFilter, EventOrder, EventStatus, Header, NewEvent};
use hookyard::domain::id::{EventId, UserId};
use hookyard::domain::page::PageRequest;
use hookyard::domain::time::Timestamp;
use hookyard::store::SharedStore;

use super::{BASE, accept, event, on_both, states};
use crate::store::users::stored_user;
use crate::support::stores::Fixture;

on_both!(
    an_event_comes_back_as_it_was_sent,
    an_envelopes_payload_is_a_part_of_the_body,
    answers_come_in_order_with_the_status,
    unknown_ids_are_none,
    filters_narrow_the_list,
    pages_cover_the_list_in_order,
    nul_characters_become_replacement_characters,
    five_thousand_events_in_one_call,
    an_event_that_fails_takes_the_whole_batch_with_it,
);

const FIRST: PageRequest = PageRequest { page: 1, size: 100 };

async fn listed(store: &SharedStore, filter: EventFilter) -> Vec<EventId> {
    let page = store
        .events(&filter, EventOrder::OldestFirst, FIRST)
        .await
        .expect("listed");
    assert_eq!(
        page.total,
        page.items.len() as u64,
        "the count agrees with the list"
    );
    page.items.iter().map(|event| event.id).collect()
}

async fn an_event_comes_back_as_it_was_sent(fixture: &Fixture) {
    let store = &fixture.store;
    let mut sent = event(&["a", "b"]);
    sent.body = Bytes::from_static(b"\0\xff\xfe {\"n\": 1e400}\r\n\0");
    sent.headers = vec![Header {
        name: "x-github-event".to_owned(),
        value: "p\u{fc}sh \"q\"".to_owned(),
    }];
    store
        .accept_events(std::slice::from_ref(&sent))
        .await
        .expect("accepted");

    let got = store.event(sent.id).await.expect("readable").expect("there");
    assert_eq!(got.body, sent.body);
    assert_eq!(got.headers, sent.headers);
    assert_eq!(
        (got.kind, got.source, got.event_type, got.content_type),
        (sent.kind, sent.source, sent.event_type, sent.content_type)
    );
    assert_eq!((got.received_at, got.processed_at), (BASE, None));
    assert_eq!(
        (got.status, got.error_message, got.owner),
        (EventStatus::Pending, None, None)
    );
    assert_eq!(
        states(store, sent.id).await.into_iter().collect::<Vec<_>>(),
        [
            ("a".to_owned(), "Pending".to_owned()),
            ("b".to_owned(), "Pending".to_owned())
        ]
    );
}

async fn an_envelopes_payload_is_a_part_of_the_body(fixture: &Fixture) {
    let store = &fixture.store;
    let mut sent = event(&[]);
    sent.body = Bytes::from_static(b"{\"payload\":[1, 2]}");
    sent.payload = Some(11..17);
    store
        .accept_events(std::slice::from_ref(&sent))
        .await
        .expect("accepted");
    let got = store.event(sent.id).await.expect("readable").expect("there");
    assert_eq!(got.payload, Some(11..17));
    assert_eq!(got.payload(), &b"[1, 2]"[..]);
    assert_eq!(got.body, sent.body);
}

async fn answers_come_in_order_with_the_status(fixture: &Fixture) {
    let batch = [event(&["a"]), event(&[]), event(&["a", "b"])];
    let answers = fixture.store.accept_events(&batch).await.expect("accepted");
    let want = [EventStatus::Pending, EventStatus::Processed, EventStatus::Pending];
    for ((sent, answer), status) in batch.iter().zip(&answers).zip(want) {
        assert_eq!((answer.id, answer.status), (sent.id, status));
        let got = fixture
            .store
            .event(sent.id)
            .await
            .expect("readable")
            .expect("there");
        assert_eq!(got.status, status);
        assert_eq!(got.processed_at.is_some(), status == EventStatus::Processed);
    }
    assert!(
        fixture
            .store
            .accept_events(&[])
            .await
            .expect("nothing is fine")
            .is_empty()
    );
}

async fn unknown_ids_are_none(fixture: &Fixture) {
    let id = EventId::generate();
    assert!(fixture.store.event(id).await.expect("readable").is_none());
    assert!(fixture.store.deliveries(id).await.expect("readable").is_empty());
}

async fn filters_narrow_the_list(fixture: &Fixture) {
    let store = &fixture.store;
    let owner: UserId = stored_user(store, "Owner").await;
    let at = |ms| Timestamp::from_millis(BASE.as_millis() + ms);
    let mut one = event(&["a"]);
    (one.source, one.received_at, one.owner) = ("one".to_owned(), at(1), Some(owner));
    let mut two = event(&["b"]);
    (two.event_type, two.received_at) = ("two".to_owned(), at(2));
    let mut three = event(&[]);
    three.received_at = at(3);
    let (a, b, c) = (one.id, two.id, three.id);
    store.accept_events(&[three, one, two]).await.expect("accepted");

    let filter = |set: &dyn Fn(&mut EventFilter)| {
        let mut filter = EventFilter::default();
        set(&mut filter);
        filter
    };
    let text = |text: &str| Some(text.to_owned());
    for (filter, want) in [
        (EventFilter::default(), vec![a, b, c]),
        (filter(&|f| f.owner = Some(owner)), vec![a]),
        (filter(&|f| f.source = text("one")), vec![a]),
        (filter(&|f| f.event_type = text("two")), vec![b]),
        (filter(&|f| f.status = Some(EventStatus::Processed)), vec![c]),
        (filter(&|f| f.plugin = text("b")), vec![b]),
        (filter(&|f| f.plugin = text("\0")), vec![]),
        (filter(&|f| f.since = Some(at(2))), vec![b, c]),
        (filter(&|f| f.until = Some(at(2))), vec![a]),
        (
            filter(&|f| (f.owner, f.plugin) = (Some(owner), text("b"))),
            vec![],
        ),
    ] {
        assert_eq!(listed(store, filter.clone()).await, want, "{filter:?}");
    }
}

async fn pages_cover_the_list_in_order(fixture: &Fixture) {
    let store = &fixture.store;
    // Two moments for seven events: ties go by id.
    let events: Vec<_> = (0..7)
        .map(|n| NewEvent {
            received_at: Timestamp::from_millis(BASE.as_millis() + n / 4),
            ..event(&[])
        })
        .collect();
    store.accept_events(&events).await.expect("accepted");
    let mut sorted: Vec<_> = events.iter().map(|e| (e.received_at, e.id)).collect();
    sorted.sort_unstable();
    for order in [EventOrder::OldestFirst, EventOrder::NewestFirst] {
        let mut seen = Vec::new();
        for page in 1..=4 {
            let got = store
                .events(&EventFilter::default(), order, PageRequest { page, size: 3 })
                .await
                .expect("listed");
            assert_eq!(got.total, 7);
            seen.extend(got.items.iter().map(|e| (e.received_at, e.id)));
        }
        assert_eq!(seen, sorted, "{order:?}");
        sorted.reverse();
    }
}

async fn nul_characters_become_replacement_characters(fixture: &Fixture) {
    let store = &fixture.store;
    let mut sent = event(&["a"]);
    sent.source = String::from("a\0b");
    sent.event_type = String::from("\0");
    sent.content_type = String::from("text/\0");
    sent.headers = vec![Header {
        name: "x\0".to_owned(),
        value: "\0y".to_owned(),
    }];
    store
        .accept_events(std::slice::from_ref(&sent))
        .await
        .expect("accepted");
    let got = store.event(sent.id).await.expect("readable").expect("there");
    assert_eq!(
        (got.source.as_str(), got.event_type.as_str()),
        ("a\u{fffd}b", "\u{fffd}")
    );
    assert_eq!(got.content_type, "text/\u{fffd}");
    let [header] = &got.headers[..] else {
        panic!("one header")
    };
    assert_eq!(
        (header.name.as_str(), header.value.as_str()),
        ("x\u{fffd}", "\u{fffd}y")
    );
    let found = EventFilter {
        source: Some("a\0b".to_owned()),
        ..EventFilter::default()
    };
    assert_eq!(listed(store, found).await, [sent.id]);
}

/// More rows than one statement may bind values for, on either database.
async fn five_thousand_events_in_one_call(fixture: &Fixture) {
    let batch: Vec<_> = (0..5_000)
        .map(|n| NewEvent {
            source: format!("s{n}"),
            ..event(&["a", "b"])
        })
        .collect();
    let answers = fixture.store.accept_events(&batch).await.expect("accepted");
    assert!(
        batch
            .iter()
            .zip(&answers)
            .all(|(sent, answer)| sent.id == answer.id)
    );
    let page = fixture
        .store
        .events(&EventFilter::default(), EventOrder::OldestFirst, FIRST)
        .await
        .expect("listed");
    assert_eq!(page.total, 5_000);
}

async fn an_event_that_fails_takes_the_whole_batch_with_it(fixture: &Fixture) {
    let store = &fixture.store;
    let known = accept(store, &["a"]).await;
    let fresh = event(&["a"]);
    let again = NewEvent {
        id: known.id,
        ..event(&[])
    };
    assert!(store.accept_events(&[fresh.clone(), again]).await.is_err());
    assert!(store.event(fresh.id).await.expect("readable").is_none());
    // The connection is in order afterwards.
    accept(store, &["a"]).await;
}
