//! What people do to deliveries that keep an order.

use bytes::Bytes;
use hookyard::domain::act::{Acted, ReplayAsk, Replayed, Resolution};
use hookyard::domain::delivery::{DeliveryState, NewDelivery, Verdict};
use hookyard::domain::event::NewEvent;
use hookyard::domain::id::{DeliveryId, ReplayId};
use hookyard::domain::page::Total;
use hookyard::domain::replay::{DeliveryFilter, JobFilter, JobKind, JobStep, NewJob, Receivers};
use hookyard::store::SharedStore;

use super::acts::{made, replay};
use super::turns::{key, keyed};
use super::{ACTED, LONG, by, claim, end_all, event, finish, hold_all, on_both, plugin};
use crate::support::stores::Fixture;

on_both!(
    a_replay_comes_behind_what_is_not_finished,
    a_discard_passes_the_turn_on,
    a_resolution_passes_the_turn_on,
    a_replay_that_is_not_made_leaves_no_key,
    an_order_gives_its_replays_their_places,
    a_replay_and_results_at_once_block_nobody,
);

async fn accept(store: &SharedStore, events: &[NewEvent]) {
    store.accept_events(events).await.expect("accepted");
}

/// A replay of the event to plugin `a` under the key `x`.
fn ask(event: &NewEvent) -> ReplayAsk {
    ReplayAsk {
        event: event.id,
        plugin: plugin("a"),
        of: None,
        order_key: Some(key("x")),
    }
}

/// What plugin `a` may run now, which then succeeds.
async fn runs(store: &SharedStore) -> Vec<DeliveryId> {
    end_all(store, "a", &Verdict::Succeeded).await
}

async fn waits(store: &SharedStore, id: DeliveryId) -> bool {
    let delivery = store.delivery(id).await.expect("readable");
    delivery.expect("there").waits_turn
}

async fn a_replay_comes_behind_what_is_not_finished(fixture: &Fixture) {
    let store = &fixture.store;
    let events = [keyed("a", "x"), keyed("a", "x")];
    accept(store, &events[..1]).await;
    end_all(store, "a", &Verdict::Dead).await;
    accept(store, &events[1..]).await;
    let again = made(replay(store, ask(&events[0])).await);
    assert!(waits(store, again).await);
    assert_eq!(runs(store).await, [events[1].deliveries[0].id]);
    assert!(!waits(store, again).await);
    assert_eq!(runs(store).await, [again]);
    // With nothing in front of it, it does not wait.
    let third = made(replay(store, ask(&events[0])).await);
    assert_eq!(runs(store).await, [third]);
}

async fn a_discard_passes_the_turn_on(fixture: &Fixture) {
    let store = &fixture.store;
    let events: Vec<_> = (0..4).map(|_| keyed("a", "x")).collect();
    accept(store, &events).await;
    let ids: Vec<_> = events.iter().map(|event| event.deliveries[0].id).collect();
    // One that waits for its turn, and the one whose turn it is.
    for id in [ids[1], ids[0]] {
        let answers = store
            .discard_deliveries(&[id], &by("ada", Some("test data")))
            .await;
        assert_eq!(answers.expect("answered"), [Acted::Done]);
        assert!(!waits(store, id).await);
    }
    assert_eq!(runs(store).await, [ids[2]]);
    assert_eq!(runs(store).await, [ids[3]]);
}

async fn a_resolution_passes_the_turn_on(fixture: &Fixture) {
    let store = &fixture.store;
    for (to, first) in [
        (Resolution::Succeeded, false),
        (Resolution::Dead, false),
        (Resolution::Retry, true),
    ] {
        let events = [keyed("a", "x"), keyed("a", "x")];
        accept(store, &events).await;
        let [held, next] = [events[0].deliveries[0].id, events[1].deliveries[0].id];
        assert_eq!(hold_all(store, "a").await, [held]);
        assert!(runs(store).await.is_empty());
        let answer = store.resolve_delivery(held, to, &by("ada", None)).await;
        assert_eq!(answer.expect("answered"), Acted::Done);
        if first {
            assert_eq!(runs(store).await, [held]);
        }
        assert_eq!(runs(store).await, [next], "{to}");
    }
}

async fn a_replay_that_is_not_made_leaves_no_key(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = event(&["a"]);
    accept(store, std::slice::from_ref(&sent)).await;
    let open = sent.deliveries[0].id;
    assert_eq!(replay(store, ask(&sent)).await, Replayed::Open(open));
    let keys = "SELECT plugin, order_key, CAST(1 AS BIGINT) FROM order_keys";
    assert!(super::counts::counted(&fixture.url, keys).await.is_empty());
}

async fn an_order_gives_its_replays_their_places(fixture: &Fixture) {
    let store = &fixture.store;
    let body = Bytes::from_static(b"{\"k\": \"x\"}");
    let sent: Vec<_> = (0..2)
        .map(|_| NewEvent {
            body: body.clone(),
            ..event(&["a"])
        })
        .collect();
    accept(store, &sent).await;
    assert_eq!(end_all(store, "a", &Verdict::Dead).await.len(), 2);
    let order = NewJob {
        id: ReplayId::generate(),
        kind: JobKind::Replay,
        filter: JobFilter::Deliveries(DeliveryFilter {
            plugin: Some(plugin("a")),
            state: Some(DeliveryState::Dead),
            ..DeliveryFilter::default()
        }),
        to: None,
        note: None,
        rate: "1000/s".parse().expect("a rate"),
        total: Total::exactly(2),
        actor: "ada".to_owned(),
    };
    let stored = store.create_replay_job(&order).await.expect("stored");
    stored.expect("not too many");
    let by_key = "/k".parse().expect("a pointer");
    let receivers = Receivers::from([(plugin("a"), Some(by_key))]);
    let stepped = store.step_replay_jobs(&receivers, ACTED).await;
    assert_eq!(stepped.expect("stepped"), JobStep::Worked(vec![plugin("a")]));
    // One at a time.
    assert_eq!(runs(store).await.len(), 1);
    assert_eq!(runs(store).await.len(), 1);
    assert!(runs(store).await.is_empty());
}

/// Results of two events in one commit hold a key and then want an event that a replay holds, which wants the key.
async fn a_replay_and_results_at_once_block_nobody(fixture: &Fixture) {
    let store = &fixture.store;
    for _ in 0..20 {
        let (mut first, second) = (keyed("a", "x"), keyed("a", "x"));
        first.deliveries.push(NewDelivery {
            id: DeliveryId::generate(),
            plugin: plugin("b"),
            order_key: None,
        });
        accept(store, std::slice::from_ref(&first)).await;
        end_all(store, "a", &Verdict::Dead).await;
        accept(store, std::slice::from_ref(&second)).await;
        let mut claims = claim(store, "a", LONG).await;
        claims.extend(claim(store, "b", LONG).await);
        assert_eq!(claims.len(), 2);
        let results: Vec<_> = claims
            .iter()
            .map(|claim| finish(claim, Verdict::Succeeded))
            .collect();
        let replaying = tokio::spawn({
            let (store, ask) = (store.clone(), ask(&first));
            async move { replay(&store, ask).await }
        });
        store.finish_deliveries(&results).await.expect("finished");
        let again = made(replaying.await.expect("no panic"));
        assert_eq!(runs(store).await, [again]);
    }
}
