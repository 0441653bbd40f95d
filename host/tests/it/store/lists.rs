//! Lists of deliveries: what a filter finds, in which order, and how many.

use hookyard::domain::act::ReplayAsk;
use hookyard::domain::delivery::{DeliveryState, Verdict};
use hookyard::domain::event::NewEvent;
use hookyard::domain::id::DeliveryId;
use hookyard::domain::page::PageRequest;
use hookyard::domain::replay::DeliveryFilter;
use hookyard::domain::time::Timestamp;
use hookyard::store::SharedStore;

use super::acts::{made, replay};
use super::{accept, by, end_all, event, hold_all, on_both, plugin};
use crate::support::stores::Fixture;

on_both!(
    filters_narrow_the_list_and_the_count,
    the_latest_delivery_to_a_plugin_stands_for_those_before_it,
    pages_go_from_the_newest_to_the_oldest,
    one_that_is_not_there_is_none,
);

async fn listed(store: &SharedStore, filter: &DeliveryFilter) -> Vec<DeliveryId> {
    let page = PageRequest { page: 1, size: 100 };
    let found = store.delivery_list(filter, page).await.expect("listed");
    assert_eq!(
        (found.total, found.exact),
        (found.items.len() as u64, true),
        "{filter:?}"
    );
    let counted = store.count_deliveries(filter, 100).await.expect("counted");
    assert_eq!(counted.count, found.total, "{filter:?}");
    found.items.iter().map(|listed| listed.delivery.id).collect()
}

async fn filters_narrow_the_list_and_the_count(fixture: &Fixture) {
    let store = &fixture.store;
    let waits = accept(store, &["b"]).await.deliveries[0].id;
    let other = NewEvent {
        source: "stripe".to_owned(),
        event_type: "charge".to_owned(),
        ..event(&["a"])
    };
    let charge = other.deliveries[0].id;
    store.accept_events(&[other]).await.expect("accepted");
    end_all(store, "a", &Verdict::Dead).await;
    let done = accept(store, &["a"]).await.deliveries[0].id;
    end_all(store, "a", &Verdict::Succeeded).await;
    let held = accept(store, &["a"]).await.deliveries[0].id;
    hold_all(store, "a").await;
    let push = accept(store, &["a"]).await;
    let dead = push.deliveries[0].id;
    end_all(store, "a", &Verdict::Dead).await;
    let ask = ReplayAsk {
        event: push.id,
        plugin: plugin("a"),
        of: Some(dead),
        order_key: None,
    };
    store
        .replay_deliveries(&[ask], &by("ada", None))
        .await
        .expect("replayed");
    let replay = end_all(store, "a", &Verdict::Retry { delay_ms: 1_000_000 }).await[0];

    let filter = |set: &dyn Fn(&mut DeliveryFilter)| {
        let mut filter = DeliveryFilter::default();
        set(&mut filter);
        filter
    };
    let state = |state: DeliveryState| filter(&|f| f.state = Some(state));
    let made = |id| {
        let store = store.clone();
        async move {
            store
                .delivery(id)
                .await
                .expect("readable")
                .expect("there")
                .created_at
        }
    };
    let middle = made(held).await;
    let text = |text: &str| Some(text.to_owned());
    for (filter, mut want) in [
        (
            DeliveryFilter::default(),
            vec![waits, charge, done, held, dead, replay],
        ),
        (state(DeliveryState::Pending), vec![waits]),
        (state(DeliveryState::Dead), vec![charge, dead]),
        (state(DeliveryState::Succeeded), vec![done]),
        (state(DeliveryState::Unknown), vec![held]),
        (state(DeliveryState::Retrying), vec![replay]),
        (state(DeliveryState::Claimed), vec![]),
        (state(DeliveryState::Cancelled), vec![]),
        (filter(&|f| f.plugin = Some(plugin("b"))), vec![waits]),
        (
            filter(&|f| (f.plugin, f.state) = (Some(plugin("a")), Some(DeliveryState::Dead))),
            vec![charge, dead],
        ),
        (filter(&|f| f.source = text("stripe")), vec![charge]),
        (
            filter(&|f| f.event_type = text("push")),
            vec![waits, done, held, dead, replay],
        ),
        (filter(&|f| f.error = text("NEVER")), vec![charge, dead]),
        (filter(&|f| f.error = text("%")), vec![]),
        (filter(&|f| f.error = text("try later")), vec![replay]),
        (filter(&|f| f.replayed = Some(true)), vec![dead]),
        (
            filter(&|f| (f.state, f.replayed) = (Some(DeliveryState::Dead), Some(false))),
            vec![charge],
        ),
        (filter(&|f| f.until = Some(Timestamp::from_millis(0))), vec![]),
        (
            filter(&|f| f.since = Some(Timestamp::from_millis(0))),
            vec![waits, charge, done, held, dead, replay],
        ),
    ] {
        want.reverse();
        assert_eq!(listed(store, &filter).await, want, "{filter:?}");
    }
    let since = listed(store, &filter(&|f| f.since = Some(middle))).await;
    let until = listed(store, &filter(&|f| f.until = Some(middle))).await;
    assert!(since.contains(&held) && since.contains(&replay) && !until.contains(&held));
    assert_eq!(since.len() + until.len(), 6);
}

/// What an event counts as settled is not listed as a dead letter that waits for somebody, nor sent again by an order.
async fn the_latest_delivery_to_a_plugin_stands_for_those_before_it(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a", "b"]).await;
    let (first, other) = (sent.deliveries[0].id, sent.deliveries[1].id);
    end_all(store, "a", &Verdict::Dead).await;
    end_all(store, "b", &Verdict::Dead).await;
    let ask = || ReplayAsk {
        event: sent.id,
        plugin: plugin("a"),
        of: Some(first),
        order_key: None,
    };
    let second = made(replay(store, ask()).await);
    end_all(store, "a", &Verdict::Dead).await;
    let dead = |replayed| DeliveryFilter {
        state: Some(DeliveryState::Dead),
        replayed: Some(replayed),
        ..DeliveryFilter::default()
    };
    assert_eq!(listed(store, &dead(false)).await, [second, other]);
    assert_eq!(listed(store, &dead(true)).await, [first]);
    // The first one is asked for again, and not what repeated it in vain.
    let third = made(replay(store, ask()).await);
    end_all(store, "a", &Verdict::Succeeded).await;
    assert_eq!(listed(store, &dead(false)).await, [other]);
    assert_eq!(listed(store, &dead(true)).await, [second, first]);
    let shown = store.delivery(third).await.expect("readable").expect("there");
    assert_eq!(shown.replay_of, Some(first));
}

async fn pages_go_from_the_newest_to_the_oldest(fixture: &Fixture) {
    let store = &fixture.store;
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.push(accept(store, &["a"]).await.deliveries[0].id);
    }
    ids.reverse();
    let mut seen = Vec::new();
    for page in 1..=4 {
        let page = PageRequest { page, size: 3 };
        let found = store
            .delivery_list(&DeliveryFilter::default(), page)
            .await
            .expect("listed");
        assert_eq!(found.total, 7);
        assert!(
            found
                .items
                .iter()
                .all(|listed| listed.source == "github" && !listed.replayed)
        );
        seen.extend(found.items.iter().map(|listed| listed.delivery.id));
    }
    assert_eq!(seen, ids);
}

async fn one_that_is_not_there_is_none(fixture: &Fixture) {
    let found = fixture.store.delivery_detail(DeliveryId::generate()).await;
    assert!(found.expect("readable").is_none());
}
