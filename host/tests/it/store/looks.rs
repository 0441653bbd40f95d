//! Looking into bodies: what is found, and where a look stops.

use bytes::Bytes;
use hookyard::domain::delivery::{DeliveryState, Verdict};
use hookyard::domain::event::{EventFilter, EventOrder, NewEvent};
use hookyard::domain::id::EventId;
use hookyard::domain::inside::Inside;
use hookyard::domain::page::Total;
use hookyard::domain::replay::DeliveryFilter;
use hookyard::domain::time::Timestamp;
use hookyard::store::{Bounds, Look, Looked, SharedStore};

use super::{BASE, end_all, event, on_both};
use crate::support::stores::Fixture;

on_both!(
    the_search_compares_bytes,
    a_value_is_looked_for_in_the_payload_alone,
    looks_go_on_where_they_stopped,
    a_look_stops_at_each_of_its_bounds,
    deliveries_are_looked_for_by_the_bodies_of_their_events,
);

/// Bounds that no test reaches unless it means to.
const WIDE: Bounds = Bounds {
    found: 100,
    rows: 10_000,
    bytes: 1 << 30,
};

fn look(inside: Inside) -> Look {
    Look {
        filter: EventFilter::default(),
        inside,
        order: EventOrder::OldestFirst,
        after: None,
        bounds: WIDE,
    }
}

fn search(text: &str) -> Inside {
    Inside {
        search: Some(text.to_owned()),
        ..Inside::default()
    }
}

fn at(pointer: &str, value: Option<&str>) -> Inside {
    Inside {
        pointer: Some(pointer.to_owned()),
        value: value.map(str::to_owned),
        ..Inside::default()
    }
}

async fn looked(store: &SharedStore, look: &Look) -> Looked {
    store.look_into_events(look).await.expect("looked")
}

async fn found(store: &SharedStore, inside: Inside) -> Vec<EventId> {
    let looked = looked(store, &look(inside)).await;
    assert_eq!((looked.next, looked.unreadable.len()), (None, 0));
    looked.found.iter().map(|event| event.id).collect()
}

/// The `n`th event, a moment after the one before, with this body.
fn with_body(n: i64, body: &'static [u8]) -> NewEvent {
    NewEvent {
        body: Bytes::from_static(body),
        received_at: Timestamp::from_millis(BASE.as_millis() + n),
        ..event(&[])
    }
}

async fn the_search_compares_bytes(fixture: &Fixture) {
    let store = &fixture.store;
    let plain = with_body(1, b"{\"a\": \"100%_x\"}");
    let binary = with_body(2, b"\0\xff\xc3\xbc-tail");
    let sent = [plain.clone(), binary.clone()];
    store.accept_events(&sent).await.expect("accepted");
    assert_eq!(found(store, search("100%_x")).await, [plain.id]);
    assert_eq!(found(store, search("100%%x")).await, []);
    assert_eq!(found(store, search("\u{fc}-TAIL")).await, []);
    assert_eq!(found(store, search("\u{fc}-tail")).await, [binary.id]);
    assert_eq!(found(store, search("\0")).await, [binary.id]);
    // All of what is there, when nothing is asked of it.
    assert_eq!(found(store, Inside::default()).await, [plain.id, binary.id]);
}

async fn a_value_is_looked_for_in_the_payload_alone(fixture: &Fixture) {
    let store = &fixture.store;
    let number = with_body(1, b"{\"customer\": {\"id\": 7}}");
    let text = with_body(2, b"{\"customer\": {\"id\": \"7\"}, \"source\": \"x\"}");
    let mut enveloped = with_body(
        3,
        b"{\"source\": \"x\", \"payload\": {\"customer\": {\"id\": 8}}}",
    );
    enveloped.payload = Some(27..50);
    let other = with_body(4, b"customer=7");
    let sent = [number.clone(), text.clone(), enveloped.clone(), other];
    store.accept_events(&sent).await.expect("accepted");
    for (pointer, value, want) in [
        ("/customer/id", None, vec![number.id, text.id, enveloped.id]),
        ("/customer/id", Some("7"), vec![number.id, text.id]),
        ("/customer/id", Some("\"7\""), vec![text.id]),
        ("/customer/id", Some("8"), vec![enveloped.id]),
        ("/customer", Some("{\"id\":8}"), vec![enveloped.id]),
        ("/source", Some("x"), vec![text.id]),
        ("/payload", None, vec![]),
    ] {
        assert_eq!(
            found(store, at(pointer, value)).await,
            want,
            "{pointer} {value:?}"
        );
    }
    let both = Inside {
        search: Some("source".to_owned()),
        ..at("/customer/id", Some("7"))
    };
    assert_eq!(found(store, both).await, [text.id]);
}

async fn looks_go_on_where_they_stopped(fixture: &Fixture) {
    let store = &fixture.store;
    // Two at each moment, so that ties go by id; every third has what is looked for.
    let sent: Vec<_> = (0..90_i64)
        .map(|n| {
            let body: &[u8] = if n % 3 == 0 { b"{\"a\": 1}" } else { b"{\"a\": 2}" };
            with_body(n / 2, body)
        })
        .collect();
    store.accept_events(&sent).await.expect("accepted");
    let mut wanted: Vec<_> = sent
        .iter()
        .filter(|event| event.body.ends_with(b"1}"))
        .map(|event| (event.received_at, event.id))
        .collect();
    wanted.sort_unstable();
    for order in [EventOrder::OldestFirst, EventOrder::NewestFirst] {
        let mut look = Look {
            order,
            bounds: Bounds { found: 4, ..WIDE },
            ..look(at("/a", Some("1")))
        };
        let (mut seen, mut rows) = (Vec::new(), 0);
        loop {
            let looked = looked(store, &look).await;
            assert!(looked.found.len() <= 4);
            rows += looked.rows;
            seen.extend(looked.found.iter().map(|event| (event.received_at, event.id)));
            // As an address carries it.
            let Some(next) = looked.next else { break };
            look.after = Some(next.to_string().parse().expect("a place"));
        }
        assert_eq!((seen, rows), (wanted.clone(), 90), "{order:?}");
        wanted.reverse();
    }
}

async fn a_look_stops_at_each_of_its_bounds(fixture: &Fixture) {
    let store = &fixture.store;
    let sent: Vec<_> = (0..50).map(|n| with_body(n, b"{\"a\": 1}")).collect();
    store.accept_events(&sent).await.expect("accepted");
    for (bounds, rows) in [
        (Bounds { rows: 20, ..WIDE }, 20),
        (Bounds { bytes: 81, ..WIDE }, 11),
        (WIDE, 50),
    ] {
        let look = Look {
            bounds,
            ..look(search("nowhere"))
        };
        let looked = looked(store, &look).await;
        assert_eq!((looked.rows, looked.found.len()), (rows, 0));
        let last = looked.next.map(|place| place.id);
        let stopped = (rows < 50).then(|| sent[usize::try_from(rows).expect("few") - 1].id);
        assert_eq!(last, stopped);
    }
    let filtered = Look {
        filter: EventFilter {
            until: Some(Timestamp::from_millis(BASE.as_millis() + 5)),
            ..EventFilter::default()
        },
        ..look(search("nowhere"))
    };
    assert_eq!(
        looked(store, &filtered).await.rows,
        5,
        "what is left out is not read"
    );
}

async fn deliveries_are_looked_for_by_the_bodies_of_their_events(fixture: &Fixture) {
    let store = &fixture.store;
    let sent: Vec<_> = (0..40)
        .map(|n| NewEvent {
            body: Bytes::from(format!("{{\"n\": {}}}", n % 4)),
            ..event(&["a"])
        })
        .collect();
    store.accept_events(&sent).await.expect("accepted");
    end_all(store, "a", &Verdict::Dead).await;
    let filter = DeliveryFilter {
        state: Some(DeliveryState::Dead),
        inside: Some(at("/n", Some("3"))),
        ..DeliveryFilter::default()
    };
    let few = Bounds { found: 3, ..WIDE };
    let looked = store.look_into_deliveries(&filter, few).await.expect("looked");
    assert_eq!(looked.total, Total::exactly(10));
    let newest: Vec<_> = looked.first.iter().map(|one| one.delivery.event).collect();
    assert_eq!(newest, [sent[39].id, sent[35].id, sent[31].id]);
    let short = Bounds { rows: 8, ..few };
    let looked = store.look_into_deliveries(&filter, short).await.expect("looked");
    assert_eq!(
        looked.total,
        Total {
            count: 2,
            exact: false
        }
    );
}
