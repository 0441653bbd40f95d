//! Refused requests: kept within bounds, accepted once.

use std::time::Duration;

use bytes::Bytes;
use hookyard::domain::event::{Acceptance, Header, NewEvent, OnceKey};
use hookyard::domain::id::RejectedId;
use hookyard::domain::page::PageRequest;
use hookyard::domain::rejected::{Check, RejectedBounds, RejectedRequest, Rejection};
use hookyard::store::{AcceptedLate, KeyHolder};

use super::{BASE, event, on_both};
use crate::support::stores::Fixture;

on_both!(
    what_is_kept_comes_back,
    the_oldest_go_past_either_bound,
    a_source_flushes_its_own_only,
    one_is_accepted_once,
    one_whose_key_is_another_events_stays,
    a_list_goes_on_where_one_cannot_be_read,
);

const ROOM: RejectedBounds = RejectedBounds {
    requests: 100,
    of_source: 100,
    bytes: 1 << 20,
};

fn refused(second: u64, body: Option<&'static [u8]>) -> RejectedRequest {
    RejectedRequest {
        id: RejectedId::generate(),
        received_at: BASE.plus(Duration::from_secs(second)),
        source: "github".to_owned(),
        address: "192.0.2.1".to_owned(),
        rejection: Rejection::new(Check::Signature, "another secret"),
        status: 401,
        method: "POST".to_owned(),
        target: "/api/webhooks/receive/github/?a=1".to_owned(),
        headers: vec![Header {
            name: "x-a".to_owned(),
            value: "b".to_owned(),
        }],
        content_type: "text/plain".to_owned(),
        credential: Some("00ff".to_owned()),
        body_bytes: 3,
        body: body.map(Bytes::from_static),
        accepted: None,
    }
}

async fn ids(fixture: &Fixture, source: Option<&str>) -> Vec<RejectedId> {
    let page = PageRequest { page: 1, size: 100 };
    let page = fixture
        .store
        .rejected_requests(source, page)
        .await
        .expect("listed");
    assert_eq!(page.total, page.items.len() as u64);
    page.items.iter().map(|listed| listed.request.id).collect()
}

async fn what_is_kept_comes_back(fixture: &Fixture) {
    let store = &fixture.store;
    let mut other = refused(2, Some(b""));
    "shop".clone_into(&mut other.source);
    let kept = [refused(1, Some(b"a\0b")), refused(3, None), other];
    store.record_rejected(&kept, ROOM).await.expect("kept");
    for request in &kept {
        let read = store.rejected_request(request.id).await.expect("read");
        assert_eq!(read.as_ref(), Some(request));
    }
    assert_eq!(ids(fixture, None).await, [kept[1].id, kept[2].id, kept[0].id]);
    assert_eq!(ids(fixture, Some("shop")).await, [kept[2].id]);
    assert_eq!(
        store
            .rejected_request(RejectedId::generate())
            .await
            .expect("read"),
        None
    );
}

async fn the_oldest_go_past_either_bound(fixture: &Fixture) {
    let store = &fixture.store;
    let kept: Vec<_> = (0..6).map(|n| refused(n, Some(&[b'a'; 1000]))).collect();
    let few = RejectedBounds { requests: 4, ..ROOM };
    store.record_rejected(&kept[..3], few).await.expect("kept");
    store.record_rejected(&kept[3..], few).await.expect("kept");
    let newest: Vec<_> = kept.iter().rev().map(|request| request.id).collect();
    assert_eq!(ids(fixture, None).await, newest[..4]);
    let small = RejectedBounds { bytes: 3000, ..ROOM };
    store.record_rejected(&[], small).await.expect("kept");
    assert_eq!(ids(fixture, None).await, newest[..2]);
    // Whatever takes the room, with a body or without.
    let long = |change: fn(&mut RejectedRequest, String)| {
        let mut request = refused(9, None);
        change(&mut request, "x".repeat(1000));
        request
    };
    let changes: [fn(&mut RejectedRequest, String); 4] = [
        |request, text| request.target = text,
        |request, text| request.content_type = text,
        |request, text| request.rejection.why = text,
        |request, text| request.headers[0].value = text,
    ];
    for change in changes {
        let kept = [long(change), long(change), long(change)];
        store.record_rejected(&kept, small).await.expect("kept");
        assert_eq!(ids(fixture, None).await.len(), 2);
    }
}

async fn a_source_flushes_its_own_only(fixture: &Fixture) {
    let store = &fixture.store;
    let of = |source: &str, second| RejectedRequest {
        source: source.to_owned(),
        ..refused(second, Some(b"abc"))
    };
    let few = [of("shop", 1), of("shop", 2)];
    store.record_rejected(&few, ROOM).await.expect("kept");
    let flood: Vec<_> = (3..13).map(|second| of("github", second)).collect();
    let own = RejectedBounds { of_source: 7, ..ROOM };
    store.record_rejected(&flood, own).await.expect("kept");
    let newest: Vec<_> = flood.iter().rev().map(|request| request.id).collect();
    assert_eq!(ids(fixture, Some("github")).await, newest[..7]);
    // The bounds on all of them are the flood's to pay, too.
    let requests = RejectedBounds { requests: 5, ..ROOM };
    store.record_rejected(&[], requests).await.expect("kept");
    assert_eq!(ids(fixture, Some("github")).await, newest[..3]);
    assert_eq!(ids(fixture, Some("shop")).await, [few[1].id, few[0].id]);
}

async fn one_is_accepted_once(fixture: &Fixture) {
    let store = &fixture.store;
    let kept = refused(1, Some(b"abc"));
    store
        .record_rejected(std::slice::from_ref(&kept), ROOM)
        .await
        .expect("kept");
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let (store, id) = (store.clone(), kept.id);
            tokio::spawn(async move {
                store
                    .accept_rejected(id, &[event(&["a"])], BASE, "ada")
                    .await
                    .expect("done")
            })
        })
        .collect();
    let (mut now, mut before) = (Vec::new(), Vec::new());
    for task in tasks {
        match task.await.expect("no panic") {
            AcceptedLate::Now(accepted) => now.extend(accepted),
            AcceptedLate::Before(event) => before.push(event),
            other => panic!("it is there, and its key is its own: {other:?}"),
        }
    }
    assert_eq!((now.len(), before.len()), (1, 3));
    assert_eq!(now[0].kind, Acceptance::New);
    assert!(before.iter().all(|event| *event == now[0].id));
    let read = store
        .rejected_request(kept.id)
        .await
        .expect("read")
        .expect("there");
    let accepted = read.accepted.expect("accepted");
    assert_eq!(
        (accepted.event, accepted.at, accepted.by.as_str()),
        (now[0].id, BASE, "ada")
    );
    assert_eq!(store.deliveries(now[0].id).await.expect("read").len(), 1);
    let none = store
        .accept_rejected(RejectedId::generate(), &[event(&[])], BASE, "ada")
        .await;
    assert_eq!(none.expect("done"), AcceptedLate::NoSuch);
}

async fn one_whose_key_is_another_events_stays(fixture: &Fixture) {
    let store = &fixture.store;
    let kept = refused(1, Some(b"abc"));
    store
        .record_rejected(std::slice::from_ref(&kept), ROOM)
        .await
        .expect("kept");
    let keyed = |key: &str, digest: &str| {
        let mut event = event(&["a"]);
        event.once = Some(OnceKey {
            scope: "key:source:github".to_owned(),
            key: key.to_owned(),
            digest: Some(digest.to_owned()),
            expires_at: BASE.plus(Duration::from_hours(1)),
        });
        event
    };
    let first = keyed("k", "one");
    store
        .accept_events(std::slice::from_ref(&first))
        .await
        .expect("stored");
    // Not one of its events is stored, nor is its key taken.
    let (free, taken) = (keyed("free", "two"), keyed("k", "two"));
    let events = [free.clone(), taken.clone()];
    let answer = store.accept_rejected(kept.id, &events, BASE, "ada").await;
    assert_eq!(answer.expect("done"), AcceptedLate::OtherBody(first.id));
    let read = store.rejected_request(kept.id).await.expect("read");
    assert_eq!(read.expect("there").accepted, None);
    let holder = async |event: &NewEvent| {
        let once = event.once.as_ref().expect("a key");
        store.once(once, BASE).await.expect("read")
    };
    assert_eq!(holder(&free).await, None);
    let (event, same) = (first.id, false);
    assert_eq!(holder(&taken).await, Some(KeyHolder { event, same }));
    let same = true;
    assert_eq!(holder(&first).await, Some(KeyHolder { event, same }));
}

async fn a_list_goes_on_where_one_cannot_be_read(fixture: &Fixture) {
    let store = &fixture.store;
    let kept = [refused(1, Some(b"a")), refused(2, Some(b"b"))];
    store.record_rejected(&kept, ROOM).await.expect("kept");
    let damage = format!(
        "UPDATE rejected_requests SET headers = 'nonsense' WHERE id = '{}'",
        kept[0].id
    );
    super::schema::run(&fixture.url, &damage).await;
    let page = PageRequest { page: 1, size: 9 };
    let page = store.rejected_requests(None, page).await.expect("listed");
    let told: Vec<_> = page
        .items
        .iter()
        .map(|one| (one.request.id, one.unreadable.is_some()))
        .collect();
    assert_eq!(told, [(kept[1].id, false), (kept[0].id, true)]);
    assert!(store.rejected_request(kept[0].id).await.is_err());
}
