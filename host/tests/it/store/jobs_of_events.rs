//! Orders about events, and orders to several plugins or to those that want it now.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use hookyard::domain::delivery::Verdict;
use hookyard::domain::event::{EventKind, EventStatus, NewEvent};
use hookyard::domain::id::EventId;
use hookyard::domain::page::Total;
use hookyard::domain::plugin::PluginSpec;
use hookyard::domain::replay::{Aim, DeliveryFilter, EventSelection, JobFilter, JobKind, JobState, NewJob};
use hookyard::domain::route::{Route, RouteTable};
use hookyard::store::SharedStore;

use super::jobs::{dead_letters, dead_of, give, job, on, order, run};
use super::{ACTED, accept, by, end_all, event, on_both, plugin};
use crate::support::stores::Fixture;

on_both!(
    an_order_brings_events_to_a_plugin_that_never_had_them,
    an_order_goes_through_events_that_came_at_once,
    an_order_sends_to_several,
    an_order_sends_where_the_routes_lead_now,
);

/// An order about events.
fn order_of_events(selection: EventSelection, to: Aim) -> NewJob {
    NewJob {
        filter: JobFilter::Events(selection),
        to: Some(to),
        ..order(JobKind::Replay, DeliveryFilter::default())
    }
}

/// The events that wait for a plugin.
async fn waiting(store: &SharedStore, name: &str) -> HashSet<EventId> {
    let claims = super::claim(store, name, super::LONG).await;
    let events: HashSet<_> = claims.iter().map(|claim| claim.event.id).collect();
    assert_eq!(events.len(), claims.len(), "each once");
    events
}

async fn an_order_brings_events_to_a_plugin_that_never_had_them(fixture: &Fixture) {
    let store = &fixture.store;
    let nobody = accept(store, &[]).await;
    let had = accept(store, &["a"]).await;
    end_all(store, "a", &Verdict::Succeeded).await;
    let failed = accept(store, &["a"]).await;
    end_all(store, "a", &Verdict::Dead).await;
    let discarded = accept(store, &["a"]).await;
    let reason = by("ada", Some("test data"));
    let ids = [discarded.deliveries[0].id];
    let discard = store.discard_deliveries(&ids, &reason);
    discard.await.expect("answered");
    let elsewhere = NewEvent {
        source: "shop".to_owned(),
        ..event(&[])
    };
    let late = NewEvent {
        received_at: ACTED,
        ..event(&[])
    };
    let action = NewEvent {
        kind: EventKind::Action,
        ..event(&[])
    };
    store
        .accept_events(&[elsewhere, late, action])
        .await
        .expect("accepted");

    let mut selection = EventSelection {
        source: Some("github".to_owned()),
        event_type: Some("push".to_owned()),
        until: Some(ACTED),
        ..EventSelection::default()
    };
    let to = Aim::from(plugin("a"));
    let counted = store.count_selected(&selection, Some(&to), 9).await;
    assert_eq!(counted.expect("counted"), Total::exactly(2));
    let newest = store
        .selected_events(&selection, Some(&to), 1)
        .await
        .expect("listed");
    assert_eq!(newest[0].id, failed.id);
    let id = give(store, &order_of_events(selection.clone(), to.clone())).await;
    let over = run(store, id, &on(&["a"])).await;
    assert_eq!((over.state, over.made, over.skipped), (JobState::Done, 2, 0));
    assert_eq!(waiting(store, "a").await, HashSet::from([nobody.id, failed.id]));
    let status = store
        .event(nobody.id)
        .await
        .expect("readable")
        .expect("there")
        .status;
    assert_eq!(
        status,
        EventStatus::Processing,
        "it was processed, and is taken up again"
    );
    // What is on its way is left alone, what it has had goes once more when asked for.
    selection.again = true;
    let id = give(store, &order_of_events(selection, to)).await;
    let over = run(store, id, &on(&["a"])).await;
    assert_eq!((over.made, over.skipped), (2, 2));
    assert_eq!(waiting(store, "a").await, HashSet::from([had.id, discarded.id]));
}

async fn an_order_goes_through_events_that_came_at_once(fixture: &Fixture) {
    let store = &fixture.store;
    // More than a step looks at.
    let sent: Vec<_> = (0..700).map(|_| event(&[])).collect();
    store.accept_events(&sent).await.expect("accepted");
    let selection = EventSelection {
        source: Some("github".to_owned()),
        ..EventSelection::default()
    };
    let id = give(store, &order_of_events(selection, plugin("a").into())).await;
    store.step_replay_jobs(&on(&["a"]), ACTED).await.expect("stepped");
    let now = job(store, id).await;
    assert_eq!((now.made, now.state), (200, JobState::Running));
    let over = run(store, id, &on(&["a"])).await;
    assert_eq!((over.state, over.made, over.skipped), (JobState::Done, 700, 0));
    let all = sent.iter().map(|event| event.id).collect();
    assert_eq!(waiting(store, "a").await, all);
}

async fn an_order_sends_to_several(fixture: &Fixture) {
    let store = &fixture.store;
    dead_letters(store, "a", 150).await;
    let several = NewJob {
        to: Some("c, b".parse().expect("an aim")),
        ..order(JobKind::Replay, dead_of("a"))
    };
    let id = give(store, &several).await;
    store
        .step_replay_jobs(&on(&["b", "c"]), ACTED)
        .await
        .expect("stepped");
    let now = job(store, id).await;
    assert_eq!(
        (now.made, now.state),
        (100, JobState::Running),
        "200 replays at once"
    );
    let over = run(store, id, &on(&["b", "c"])).await;
    assert_eq!((over.state, over.made, over.skipped), (JobState::Done, 150, 0));
    assert_eq!(over.to, several.to);
    for name in ["b", "c"] {
        assert_eq!(waiting(store, name).await.len(), 150);
    }
}

async fn an_order_sends_where_the_routes_lead_now(fixture: &Fixture) {
    let store = &fixture.store;
    dead_letters(store, "gone", 3).await;
    let unwanted = NewEvent {
        source: "shop".to_owned(),
        ..event(&["gone"])
    };
    store.accept_events(&[unwanted]).await.expect("accepted");
    assert_eq!(end_all(store, "gone", &Verdict::Dead).await.len(), 1);
    let specs: Vec<_> = ["a", "b"]
        .iter()
        .map(|name| PluginSpec {
            routes: vec![Route::new("github", "*").expect("globs")],
            ..PluginSpec::named(plugin(name), PathBuf::from("none.wasm"))
        })
        .collect();
    // `b` is switched off by now.
    let receivers = on(&["a"]).routed(Arc::new(RouteTable::new(&specs)));
    let everywhere = NewJob {
        to: Some(Aim::Wanting),
        ..order(JobKind::Replay, dead_of("gone"))
    };
    let id = give(store, &everywhere).await;
    let over = run(store, id, &receivers).await;
    assert_eq!((over.state, over.made, over.skipped), (JobState::Done, 3, 1));
    assert_eq!(waiting(store, "a").await.len(), 3);
    assert!(waiting(store, "b").await.is_empty());
    // Events too; those three are on their way.
    accept(store, &[]).await;
    let all = EventSelection::default();
    let id = give(store, &order_of_events(all, Aim::Wanting)).await;
    let over = run(store, id, &receivers).await;
    assert_eq!((over.state, over.made, over.skipped), (JobState::Done, 1, 4));
    assert_eq!(waiting(store, "a").await.len(), 1);
}
