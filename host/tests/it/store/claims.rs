//! Claims are exclusive, in order, and only of what is due.

use std::collections::HashSet;
use std::time::Duration;

use hookyard::domain::delivery::{Claim, DeliveryState, Take, Verdict};
use hookyard::domain::id::EventId;

use super::{LONG, accept, claim, event, finish, held, node, on_both, plugin};
use crate::support::stores::Fixture;

on_both!(
    a_claim_brings_the_event,
    nobody_gets_the_same_delivery_twice,
    oldest_due_first_up_to_the_limit,
    other_plugins_are_not_touched,
    what_is_not_due_waits,
    first_and_later_tries_share_the_slots,
    a_released_claim_is_due_at_once,
    one_waiting_delivery_is_claimed_before_it_is_due,
    what_cannot_be_read_stops_nobody_and_is_not_lost,
);

async fn a_claim_brings_the_event(fixture: &Fixture) {
    let sent = accept(&fixture.store, &["a"]).await;
    let claims = claim(&fixture.store, "a", LONG).await;
    let [claim] = &claims[..] else { panic!("one claim") };
    assert_eq!(claim.delivery, sent.deliveries[0].id);
    assert_eq!((claim.event.id, &claim.event.body), (sent.id, &sent.body));
    assert_eq!(claim.attempts, 0);
    let delivery = fixture
        .store
        .delivery(claim.delivery)
        .await
        .expect("readable")
        .expect("there");
    assert_eq!(delivery.state, DeliveryState::Claimed);
    assert_eq!(claim.created_at, delivery.created_at);
    assert!(
        claim.created_at > sent.received_at,
        "made now, whenever the event came"
    );
}

async fn nobody_gets_the_same_delivery_twice(fixture: &Fixture) {
    const CLAIMERS: usize = 8;
    const DELIVERIES: usize = 400;
    let batch: Vec<_> = (0..DELIVERIES).map(|_| event(&["a"])).collect();
    fixture.store.accept_events(&batch).await.expect("accepted");
    let claimers: Vec<_> = (0..CLAIMERS)
        .map(|_| {
            let store = fixture.store.clone();
            tokio::spawn(async move {
                let (node, mut mine) = (node(), Vec::new());
                loop {
                    let claims = store
                        .claim_deliveries(&plugin("a"), Take::shared(7, 0), node, LONG)
                        .await
                        .expect("claimed");
                    // Nothing left, or the rest is being claimed by others this moment.
                    if claims.is_empty() && store.next_due(&plugin("a")).await.expect("readable").is_none() {
                        return mine;
                    }
                    mine.extend(held(&claims));
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for claimer in claimers {
        all.extend(claimer.await.expect("a claimer ends"));
    }
    let ids: HashSet<_> = all.iter().map(|(id, _)| *id).collect();
    let tokens: HashSet<_> = all.iter().map(|(_, token)| *token).collect();
    assert_eq!(
        (all.len(), ids.len(), tokens.len()),
        (DELIVERIES, DELIVERIES, DELIVERIES)
    );
}

async fn oldest_due_first_up_to_the_limit(fixture: &Fixture) {
    let store = &fixture.store;
    let mut ids = Vec::new();
    for _ in 0..3 {
        // One call each; a tie of due times goes by id, and ids ascend too.
        ids.push(accept(store, &["a"]).await.deliveries[0].id);
    }
    let a = plugin("a");
    let take = |limit| store.claim_deliveries(&a, Take::shared(limit, 0), node(), LONG);
    let two: Vec<_> = take(2)
        .await
        .expect("claimed")
        .iter()
        .map(|c| c.delivery)
        .collect();
    assert_eq!(two, ids[..2]);
    assert!(take(0).await.expect("claimed").is_empty());
    let rest: Vec<_> = take(9)
        .await
        .expect("claimed")
        .iter()
        .map(|c| c.delivery)
        .collect();
    assert_eq!(rest, ids[2..]);
}

async fn other_plugins_are_not_touched(fixture: &Fixture) {
    accept(&fixture.store, &["a", "b"]).await;
    assert_eq!(claim(&fixture.store, "a", LONG).await.len(), 1);
    assert_eq!(
        fixture.store.next_due(&plugin("a")).await.expect("readable"),
        None
    );
    assert_eq!(
        fixture.store.next_due(&plugin("b")).await.expect("readable"),
        Some(Duration::ZERO)
    );
    assert_eq!(fixture.store.overdue(&plugin("a")).await.expect("readable"), None);
    // The fixture's events came long ago, their deliveries are due from when they were stored.
    let overdue = fixture.store.overdue(&plugin("b")).await.expect("readable");
    let overdue = overdue.expect("it has been due for a moment");
    assert!(overdue < Duration::from_mins(10), "{overdue:?}");
    assert_eq!(claim(&fixture.store, "b", LONG).await.len(), 1);
}

async fn what_is_not_due_waits(fixture: &Fixture) {
    let store = &fixture.store;
    accept(store, &["a"]).await;
    let claims = claim(store, "a", LONG).await;
    let retry = Verdict::Retry { delay_ms: 3_600_000 };
    store
        .finish_deliveries(&[finish(&claims[0], retry)])
        .await
        .expect("finished");
    assert!(claim(store, "a", LONG).await.is_empty());
    let wait = store
        .next_due(&plugin("a"))
        .await
        .expect("readable")
        .expect("one waits");
    let overdue = store.overdue(&plugin("a")).await.expect("readable");
    assert_eq!(overdue, None, "it is not due");
    let hour = Duration::from_hours(1);
    assert!(wait <= hour && wait > hour / 2, "{wait:?}");
}

async fn first_and_later_tries_share_the_slots(fixture: &Fixture) {
    let store = &fixture.store;
    let retried: Vec<_> = (0..20).map(|_| event(&["a"])).collect();
    store.accept_events(&retried).await.expect("accepted");
    let claims = claim(store, "a", LONG).await;
    let now = Verdict::Retry { delay_ms: 0 };
    let finishes: Vec<_> = claims.iter().map(|claim| finish(claim, now.clone())).collect();
    store.finish_deliveries(&finishes).await.expect("finished");
    let fresh: Vec<_> = (0..20).map(|_| event(&["a"])).collect();
    store.accept_events(&fresh).await.expect("accepted");

    let a = plugin("a");
    let counts = |claims: &[Claim]| {
        let later = claims.iter().filter(|claim| claim.attempts > 0).count();
        (claims.len() - later, later)
    };
    let take = |most, turn| store.claim_deliveries(&a, Take::shared(most, turn), node(), LONG);
    // Every fourth slot, also when there is one slot at a time.
    assert_eq!(counts(&take(8, 0).await.expect("claimed")), (6, 2));
    let mut one_by_one = Vec::new();
    for turn in 0..8 {
        one_by_one.extend(take(1, turn).await.expect("claimed"));
    }
    assert_eq!(counts(&one_by_one), (6, 2));
    // What the first tries do not need goes to the later ones, and the other way round.
    assert_eq!(counts(&take(20, 0).await.expect("claimed")), (8, 12));
    assert_eq!(counts(&take(20, 0).await.expect("claimed")), (0, 4));
    store
        .accept_events(&(0..5).map(|_| event(&["a"])).collect::<Vec<_>>())
        .await
        .expect("accepted");
    assert_eq!(counts(&take(4, 3).await.expect("claimed")), (4, 0));
}

async fn a_released_claim_is_due_at_once(fixture: &Fixture) {
    use hookyard::domain::delivery::Leased::{Done, Lost};
    let store = &fixture.store;
    accept(store, &["a"]).await;
    accept(store, &["a"]).await;
    let claims = held(&claim(store, "a", LONG).await);
    assert_eq!(store.mark_started(&claims[..1]).await.expect("marked"), [Done]);
    // A started one cannot be released: its requests may be under way.
    assert_eq!(
        store.release_deliveries(&claims).await.expect("released"),
        [Lost, Done]
    );
    let again = claim(store, "a", LONG).await;
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].delivery, again[0].attempts), (claims[1].0, 0));
    assert_ne!(again[0].token, claims[1].1);
    assert_eq!(
        store.release_deliveries(&claims[1..]).await.expect("released"),
        [Lost]
    );
    assert!(
        store
            .release_deliveries(&[])
            .await
            .expect("nothing is fine")
            .is_empty()
    );
}

async fn one_waiting_delivery_is_claimed_before_it_is_due(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a", "b"]).await;
    let id = sent.deliveries[0].id;
    let take = || store.claim_delivery(id, node(), LONG);
    let first = take().await.expect("answered").expect("it waits");
    assert!(take().await.expect("answered").is_none());
    let later = Verdict::Retry { delay_ms: 3_600_000 };
    store
        .finish_deliveries(&[finish(&first, later)])
        .await
        .expect("finished");
    let again = take()
        .await
        .expect("answered")
        .expect("it waits, though for long");
    assert_eq!((again.delivery, again.attempts, again.event.id), (id, 1, sent.id));
    store
        .finish_deliveries(&[finish(&again, Verdict::Dead)])
        .await
        .expect("finished");
    assert!(take().await.expect("answered").is_none());
    assert_eq!(claim(store, "b", LONG).await.len(), 1);
}

/// Puts headers into an event's row that are none, or are.
pub async fn set_headers(fixture: &Fixture, event: EventId, headers: &str) {
    let text = format!("UPDATE events SET headers = '{headers}' WHERE id = '{event}'");
    super::schema::run(&fixture.url, &text).await;
}

async fn what_cannot_be_read_stops_nobody_and_is_not_lost(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = [accept(store, &["a"]).await, accept(store, &["a"]).await];
    set_headers(fixture, sent[0].id, "nonsense").await;
    let a = plugin("a");
    let take = || store.claim_deliveries(&a, Take::shared(1, 0), node(), LONG);
    // It has the only slot once, and then not for a while.
    assert!(take().await.expect("claimed").is_empty());
    let claims = take().await.expect("claimed");
    assert_eq!(claims[0].event.id, sent[1].id);
    let id = sent[0].deliveries[0].id;
    let delivery = store.delivery(id).await.expect("readable").expect("there");
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Deferred, 0));
    let error = delivery.last_error.expect("an error");
    assert!(
        error.contains("events.headers holds an unreadable value"),
        "{error}"
    );
    let wait = store.next_due(&a).await.expect("readable").expect("it waits");
    assert!(
        wait > Duration::from_mins(4) && wait <= Duration::from_mins(5),
        "{wait:?}"
    );
    assert!(store.claim_delivery(id, node(), LONG).await.is_err());
    set_headers(fixture, sent[0].id, "[]").await;
    let again = store.claim_delivery(id, node(), LONG).await.expect("answered");
    assert_eq!(again.expect("it waits").event.id, sent[0].id);
}
