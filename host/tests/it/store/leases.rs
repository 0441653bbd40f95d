//! Leases end, are swept, and bar whoever comes late.

use std::time::Duration;

use hookyard::domain::attempt::AttemptOutcome;
use hookyard::domain::delivery::Leased::{Done, Lost};
use hookyard::domain::delivery::{DeliveryState, Swept, Take, Tried, UnknownVerdict, Verdict};
use hookyard::domain::event::EventStatus;

use super::{LONG, SHORT, accept, claim, finish, held, lease_ended, node, on_both, plugin, states};
use crate::support::stores::Fixture;

on_both!(
    an_unstarted_claim_waits_again,
    a_started_one_is_unknown_and_retried,
    a_started_one_is_held,
    unknown_outcomes_come_to_an_end,
    an_unknown_outcome_waits_before_its_retry,
    a_late_finish_is_refused,
    a_renewed_lease_does_not_end,
    an_ended_lease_must_not_start,
    a_sweep_keeps_to_its_plugin_and_limit,
    the_leases_of_dead_nodes_end_at_once,
);

/// Due again at once.
const RETRY: UnknownVerdict = UnknownVerdict::Retry { delay_ms: 0 };

async fn sweep(fixture: &Fixture, name: &str, verdict: UnknownVerdict) -> Swept {
    fixture
        .store
        .sweep_leases(&plugin(name), &|_| verdict, 100)
        .await
        .expect("swept")
}

async fn an_unstarted_claim_waits_again(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a"]).await;
    claim(store, "a", SHORT).await;
    lease_ended(store, "a").await;
    assert_eq!(
        sweep(fixture, "a", UnknownVerdict::Hold).await,
        Swept {
            returned: 1,
            ..Swept::default()
        }
    );
    let delivery = store
        .delivery(sent.deliveries[0].id)
        .await
        .expect("readable")
        .expect("there");
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Pending, 0));
    // After an attempt that counted it goes back to where it was: retrying.
    let claims = claim(store, "a", LONG).await;
    store
        .finish_deliveries(&[finish(&claims[0], Verdict::Retry { delay_ms: 0 })])
        .await
        .expect("finished");
    claim(store, "a", SHORT).await;
    lease_ended(store, "a").await;
    assert_eq!(
        sweep(fixture, "a", UnknownVerdict::Hold).await,
        Swept {
            returned: 1,
            ..Swept::default()
        }
    );
    assert_eq!(states(store, sent.id).await["a"], "Retrying");
    assert!(
        store
            .plugins_with_ended_leases()
            .await
            .expect("readable")
            .is_empty()
    );
    assert_eq!(sweep(fixture, "a", UnknownVerdict::Hold).await, Swept::default());
}

async fn a_started_one_is_unknown_and_retried(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a"]).await;
    let claims = held(&claim(store, "a", LONG).await);
    assert_eq!(store.mark_started(&claims).await.expect("marked"), [Done]);
    store.renew_leases(&claims, SHORT).await.expect("renewed");
    lease_ended(store, "a").await;
    assert_eq!(
        sweep(fixture, "a", RETRY).await,
        Swept {
            unknown: 1,
            ..Swept::default()
        }
    );

    let history = store.deliveries(sent.id).await.expect("readable");
    let delivery = &history[0].delivery;
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Retrying, 1));
    assert!(
        delivery
            .last_error
            .as_deref()
            .is_some_and(|e| e.contains("nobody knows"))
    );
    let [attempt] = &history[0].attempts[..] else {
        panic!("one attempt")
    };
    assert_eq!(
        (attempt.number, attempt.record.outcome),
        (1, AttemptOutcome::Unknown)
    );
    assert_eq!((attempt.record.generation, &attempt.record.digest), (None, &None));
    let again = claim(store, "a", LONG).await;
    assert_eq!((again.len(), again[0].attempts), (1, 1));
}

async fn a_started_one_is_held(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a"]).await;
    let claims = held(&claim(store, "a", LONG).await);
    store.mark_started(&claims).await.expect("marked");
    store.renew_leases(&claims, SHORT).await.expect("renewed");
    lease_ended(store, "a").await;
    assert_eq!(
        sweep(fixture, "a", UnknownVerdict::Hold).await,
        Swept {
            unknown: 1,
            ..Swept::default()
        }
    );
    assert_eq!(states(store, sent.id).await["a"], "Unknown");
    assert!(claim(store, "a", LONG).await.is_empty());
    assert_eq!(store.next_due(&plugin("a")).await.expect("readable"), None);
    let event = store.event(sent.id).await.expect("readable").expect("there");
    assert_eq!(
        (event.status, event.processed_at),
        (EventStatus::Processing, None)
    );
}

/// Claims what waits for `name`, starts it, and lets the lease end.
async fn die_while_running(fixture: &Fixture, name: &str) {
    let store = &fixture.store;
    let claims = held(&claim(store, name, LONG).await);
    assert_eq!(store.mark_started(&claims).await.expect("marked"), [Done]);
    store.renew_leases(&claims, SHORT).await.expect("renewed");
    lease_ended(store, name).await;
}

async fn unknown_outcomes_come_to_an_end(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a", "b"]).await;
    let seen = std::sync::Mutex::new(Vec::new());
    let judge = |tried: Tried| {
        seen.lock().expect("no panic").push(tried);
        if tried.attempt < 3 {
            RETRY
        } else {
            UnknownVerdict::Dead
        }
    };
    for dead in [0, 0, 1] {
        die_while_running(fixture, "a").await;
        let swept = store
            .sweep_leases(&plugin("a"), &judge, 100)
            .await
            .expect("swept");
        assert_eq!((swept.returned, swept.unknown, swept.dead), (0, 1, dead));
    }
    let seen = seen.into_inner().expect("no panic");
    assert_eq!(
        seen.iter().map(|tried| tried.attempt).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    // By the database's clock, since the delivery was made: the event is as old as `BASE`, which does not count.
    let ages: Vec<_> = seen.iter().map(|tried| tried.age).collect();
    assert!(
        ages.is_sorted() && ages[0] > Duration::ZERO && ages[2] < Duration::from_hours(1),
        "{ages:?}"
    );

    let history = store.deliveries(sent.id).await.expect("readable");
    let dead = &history[0].delivery;
    assert_eq!((dead.state, dead.attempts), (DeliveryState::Dead, 3));
    assert!(dead.finished_at.is_some());
    let error = dead.last_error.as_deref().expect("an error");
    assert!(error.ends_with("(given up after attempt 3)"), "{error}");
    assert_eq!(history[0].attempts.len(), 3);
    assert!(claim(store, "a", LONG).await.is_empty());
    // The event goes on with what is open, and then has failed.
    let event = store.event(sent.id).await.expect("readable").expect("there");
    assert_eq!(
        (event.status, event.processed_at),
        (EventStatus::Processing, None)
    );
    let rest = claim(store, "b", LONG).await;
    let done = store
        .finish_deliveries(&[finish(&rest[0], Verdict::Succeeded)])
        .await;
    assert_eq!(done.expect("finished"), [Done]);
    let event = store.event(sent.id).await.expect("readable").expect("there");
    assert_eq!(event.status, EventStatus::Failed);
    assert!(event.error_message.is_some_and(|e| e.contains("given up")));
    assert!(event.processed_at.is_some());
}

async fn an_unknown_outcome_waits_before_its_retry(fixture: &Fixture) {
    let store = &fixture.store;
    accept(store, &["a"]).await;
    die_while_running(fixture, "a").await;
    let later = UnknownVerdict::Retry { delay_ms: 600_000 };
    assert_eq!(sweep(fixture, "a", later).await.unknown, 1);
    assert!(claim(store, "a", LONG).await.is_empty());
    let due = store.next_due(&plugin("a")).await.expect("readable");
    assert!(due.is_some_and(|wait| wait > Duration::from_mins(5)), "{due:?}");
}

async fn a_late_finish_is_refused(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a"]).await;
    let late = claim(store, "a", SHORT).await;
    lease_ended(store, "a").await;
    sweep(fixture, "a", RETRY).await;
    let now = claim(store, "a", LONG).await;
    assert_eq!(now[0].delivery, late[0].delivery);
    assert_eq!(
        store
            .finish_deliveries(&[finish(&late[0], Verdict::Dead)])
            .await
            .expect("answered"),
        [Lost]
    );
    assert_eq!(
        store.renew_leases(&held(&late), LONG).await.expect("answered"),
        [Lost]
    );
    assert_eq!(store.mark_started(&held(&late)).await.expect("answered"), [Lost]);
    assert_eq!(
        store
            .finish_deliveries(&[finish(&now[0], Verdict::Succeeded)])
            .await
            .expect("answered"),
        [Done]
    );
    assert_eq!(states(store, sent.id).await["a"], "Succeeded");
}

async fn a_renewed_lease_does_not_end(fixture: &Fixture) {
    let store = &fixture.store;
    accept(store, &["a"]).await;
    accept(store, &["b"]).await;
    let renewed = held(&claim(store, "a", SHORT).await);
    // Ended perhaps, and not swept: it is still ours.
    assert_eq!(store.renew_leases(&renewed, LONG).await.expect("renewed"), [Done]);
    claim(store, "b", SHORT).await;
    lease_ended(store, "b").await;
    let ended = store.plugins_with_ended_leases().await.expect("readable");
    assert_eq!(ended, [plugin("b")]);
    assert_eq!(sweep(fixture, "a", RETRY).await, Swept::default());
}

async fn an_ended_lease_must_not_start(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a"]).await;
    let claims = held(&claim(store, "a", SHORT).await);
    lease_ended(store, "a").await;
    assert_eq!(store.mark_started(&claims).await.expect("answered"), [Lost]);
    assert_eq!(states(store, sent.id).await["a"], "Claimed");
}

async fn a_sweep_keeps_to_its_plugin_and_limit(fixture: &Fixture) {
    let store = &fixture.store;
    for _ in 0..3 {
        accept(store, &["a", "b"]).await;
    }
    claim(store, "a", SHORT).await;
    claim(store, "b", SHORT).await;
    lease_ended(store, "a").await;
    lease_ended(store, "b").await;
    let swept = store
        .sweep_leases(&plugin("a"), &|_| RETRY, 2)
        .await
        .expect("swept");
    assert_eq!(swept.returned, 2);
    assert_eq!(
        store.plugins_with_ended_leases().await.expect("readable"),
        [plugin("a"), plugin("b")]
    );
    assert_eq!(sweep(fixture, "a", RETRY).await.returned, 1);
    assert_eq!(
        store.plugins_with_ended_leases().await.expect("readable"),
        [plugin("b")]
    );
}

async fn the_leases_of_dead_nodes_end_at_once(fixture: &Fixture) {
    let store = &fixture.store;
    accept(store, &["a", "b"]).await;
    let (me, dead) = (node(), node());
    let mine = store
        .claim_deliveries(&plugin("a"), Take::shared(9, 0), me, LONG)
        .await
        .expect("claimed");
    let theirs = store
        .claim_deliveries(&plugin("b"), Take::shared(9, 0), dead, LONG)
        .await
        .expect("claimed");
    assert_eq!((mine.len(), theirs.len()), (1, 1));
    assert_eq!(store.end_foreign_leases(me).await.expect("ended"), 1);
    lease_ended(store, "b").await;
    assert_eq!(sweep(fixture, "b", UnknownVerdict::Hold).await.returned, 1);
    assert_eq!(sweep(fixture, "a", UnknownVerdict::Hold).await, Swept::default());
    assert_eq!(store.mark_started(&held(&mine)).await.expect("marked"), [Done]);
}
