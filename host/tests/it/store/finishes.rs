//! Finishing: attempts, states, counts, and what follows for the event.

use hookyard::domain::attempt::{Batch, LogLevel, LogLine, OutboundCall};
use hookyard::domain::delivery::Leased::{Done, Lost};
use hookyard::domain::delivery::{DeliveryState, Verdict};
use hookyard::domain::event::EventStatus;
use hookyard::domain::id::{BatchId, LeaseToken};
use hookyard::domain::time::Timestamp;

use super::{BASE, LONG, accept, claim, event, finish, held, on_both, states};
use crate::support::stores::Fixture;

on_both!(
    an_attempt_comes_back_as_it_was_recorded,
    the_event_follows_its_deliveries,
    finishes_of_one_event_in_one_batch_count,
    a_failed_delivery_makes_a_failed_event,
    retries_count_and_deferrals_do_not,
    what_failed_with_others_waits_to_run_alone,
    a_delivery_and_its_attempts_are_read_at_one_moment,
    a_wrong_token_writes_nothing,
    an_item_given_twice_counts_once,
    the_started_mark_moves_delivery_and_event,
    five_thousand_finishes_in_one_call,
    finishes_at_once_of_the_same_events_all_count,
);

async fn status(
    fixture: &Fixture,
    event: &hookyard::domain::event::NewEvent,
) -> (EventStatus, Option<Timestamp>, Option<String>) {
    let event = fixture
        .store
        .event(event.id)
        .await
        .expect("readable")
        .expect("there");
    (event.status, event.processed_at, event.error_message)
}

/// When [`finish`] says that its attempts were over.
const OVER: Option<Timestamp> = Some(Timestamp::from_millis(BASE.as_millis() + 1_000));

async fn an_attempt_comes_back_as_it_was_recorded(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a"]).await;
    let claims = claim(store, "a", LONG).await;
    store.mark_started(&held(&claims)).await.expect("marked");
    let mut done = finish(&claims[0], Verdict::Succeeded);
    done.attempt.summary = Some("sent\0".to_owned());
    done.attempt.output = Some("{\"ts\":1}".to_owned());
    done.attempt.logs = vec![LogLine {
        at_ms: 3,
        level: LogLevel::Stderr,
        message: "a\0b".to_owned(),
    }];
    done.attempt.batch = Some(Batch {
        id: BatchId::generate(),
        size: 3,
    });
    done.attempt.calls = vec![OutboundCall {
        at_ms: 4,
        method: "POST".to_owned(),
        url: "https://example.com/\0".to_owned(),
        status: Some(200),
        duration_ms: 5,
        error: None,
    }];
    assert_eq!(
        store
            .finish_deliveries(std::slice::from_ref(&done))
            .await
            .expect("finished"),
        [Done]
    );

    let history = store.deliveries(sent.id).await.expect("readable");
    let [history] = &history[..] else {
        panic!("one delivery")
    };
    assert_eq!(
        (history.delivery.state, history.delivery.attempts),
        (DeliveryState::Succeeded, 1)
    );
    assert_eq!(history.delivery.finished_at, OVER);
    let [attempt] = &history.attempts[..] else {
        panic!("one attempt")
    };
    assert_eq!((attempt.delivery, attempt.number), (done.delivery, 1));
    let mut want = done.attempt;
    want.summary = Some("sent\u{fffd}".to_owned());
    want.logs[0].message = String::from("a\u{fffd}b");
    want.calls[0].url = String::from("https://example.com/\u{fffd}");
    assert_eq!(attempt.record, want);
}

async fn the_event_follows_its_deliveries(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a", "b"]).await;
    for (name, want) in [
        ("a", (EventStatus::Processing, None)),
        ("b", (EventStatus::Processed, OVER)),
    ] {
        let claims = claim(store, name, LONG).await;
        // Not marked as started: the mark was never committed, and the end still counts.
        store
            .finish_deliveries(&[finish(&claims[0], Verdict::Succeeded)])
            .await
            .expect("finished");
        let (got, at, error) = status(fixture, &sent).await;
        assert_eq!(((got, at), error), (want, None));
    }
}

async fn finishes_of_one_event_in_one_batch_count(fixture: &Fixture) {
    let store = &fixture.store;
    let (first, second) = (
        accept(store, &["a", "b", "c"]).await,
        accept(store, &["a", "b"]).await,
    );
    let mut finishes = Vec::new();
    for name in ["a", "b", "c"] {
        for claim in claim(store, name, LONG).await {
            let verdict = match (name, claim.event.id == first.id) {
                ("b", true) => Verdict::Dead,
                ("b", false) => Verdict::Retry { delay_ms: 0 },
                _ => Verdict::Succeeded,
            };
            finishes.push(finish(&claim, verdict));
        }
    }
    assert_eq!(
        store.finish_deliveries(&finishes).await.expect("finished"),
        [Done; 5]
    );
    assert_eq!(
        status(fixture, &first).await,
        (EventStatus::Failed, OVER, Some("b never".to_owned()))
    );
    assert_eq!(
        status(fixture, &second).await,
        (EventStatus::Processing, None, None)
    );
    let rest = claim(store, "b", LONG).await;
    store
        .finish_deliveries(&[finish(&rest[0], Verdict::Succeeded)])
        .await
        .expect("finished");
    assert_eq!(status(fixture, &second).await.0, EventStatus::Processed);
}

async fn a_failed_delivery_makes_a_failed_event(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a", "b"]).await;
    let dead = claim(store, "a", LONG).await;
    store
        .finish_deliveries(&[finish(&dead[0], Verdict::Dead)])
        .await
        .expect("finished");
    // Known at once, though another is still open.
    assert_eq!(
        status(fixture, &sent).await,
        (EventStatus::Processing, None, Some("a never".to_owned()))
    );
    let last = claim(store, "b", LONG).await;
    store
        .finish_deliveries(&[finish(&last[0], Verdict::Succeeded)])
        .await
        .expect("finished");
    assert_eq!(
        status(fixture, &sent).await,
        (EventStatus::Failed, OVER, Some("a never".to_owned()))
    );
    let delivery = store
        .delivery(dead[0].delivery)
        .await
        .expect("readable")
        .expect("there");
    assert_eq!(
        (delivery.state, delivery.last_error.as_deref()),
        (DeliveryState::Dead, Some("a never"))
    );
}

async fn retries_count_and_deferrals_do_not(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a"]).await;
    let verdicts = [
        Verdict::Defer { delay_ms: 0 },
        Verdict::Retry { delay_ms: 0 },
        Verdict::Defer { delay_ms: 0 },
        Verdict::Succeeded,
    ];
    let mut before = Vec::new();
    for (n, verdict) in verdicts.into_iter().enumerate() {
        let claims = claim(store, "a", LONG).await;
        before.push(claims[0].attempts);
        let mut finish = finish(&claims[0], verdict);
        finish.attempt.started_at =
            Timestamp::from_millis(BASE.as_millis() + i64::try_from(n).expect("small"));
        store.finish_deliveries(&[finish]).await.expect("finished");
    }
    assert_eq!(before, [0, 0, 1, 1]);
    let history = store.deliveries(sent.id).await.expect("readable");
    let numbers: Vec<_> = history[0]
        .attempts
        .iter()
        .map(|a| (a.number, format!("{:?}", a.record.outcome)))
        .collect();
    let want =
        [(1, "Deferred"), (1, "Retry"), (2, "Deferred"), (2, "Succeeded")].map(|(n, o)| (n, o.to_owned()));
    assert_eq!(numbers, want);
    assert_eq!(history[0].delivery.attempts, 2);
}

async fn a_wrong_token_writes_nothing(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a", "b"]).await;
    let (a, b) = (claim(store, "a", LONG).await, claim(store, "b", LONG).await);
    let mut stolen = finish(&a[0], Verdict::Dead);
    stolen.token = LeaseToken::generate();
    let good = finish(&b[0], Verdict::Succeeded);
    assert_eq!(
        store
            .finish_deliveries(&[stolen, good.clone()])
            .await
            .expect("answered"),
        [Lost, Done]
    );
    assert_eq!(
        status(fixture, &sent).await,
        (EventStatus::Processing, None, None)
    );
    assert_eq!(states(store, sent.id).await["a"], "Claimed");
    // A second end of the same claim is late.
    assert_eq!(store.finish_deliveries(&[good]).await.expect("answered"), [Lost]);
    let attempts: Vec<_> = store
        .deliveries(sent.id)
        .await
        .expect("readable")
        .iter()
        .map(|h| h.attempts.len())
        .collect();
    assert_eq!(attempts, [0, 1]);
}

async fn an_item_given_twice_counts_once(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a", "b"]).await;
    let claims = claim(store, "a", LONG).await;
    let twice = [
        finish(&claims[0], Verdict::Succeeded),
        finish(&claims[0], Verdict::Dead),
    ];
    assert_eq!(
        store.finish_deliveries(&twice).await.expect("answered"),
        [Done, Lost]
    );
    assert_eq!(
        status(fixture, &sent).await,
        (EventStatus::Processing, None, None)
    );
    assert_eq!(states(store, sent.id).await["a"], "Succeeded");
}

async fn the_started_mark_moves_delivery_and_event(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a"]).await;
    let claims = held(&claim(store, "a", LONG).await);
    assert_eq!(status(fixture, &sent).await.0, EventStatus::Pending);
    assert_eq!(store.mark_started(&claims).await.expect("marked"), [Done]);
    assert_eq!(status(fixture, &sent).await.0, EventStatus::Processing);
    assert_eq!(states(store, sent.id).await["a"], "Running");
    // The answer to the first may have been lost with the connection: a second is no loss.
    assert_eq!(store.mark_started(&claims).await.expect("marked"), [Done]);
    let stranger = (claims[0].0, LeaseToken::generate());
    assert_eq!(store.mark_started(&[stranger]).await.expect("answered"), [Lost]);
    assert!(store.mark_started(&[]).await.expect("nothing is fine").is_empty());
}

async fn five_thousand_finishes_in_one_call(fixture: &Fixture) {
    let store = &fixture.store;
    let batch: Vec<_> = (0..5_000).map(|_| event(&["a"])).collect();
    store.accept_events(&batch).await.expect("accepted");
    let claims = claim(store, "a", LONG).await;
    assert_eq!(claims.len(), 5_000);
    assert!(
        store
            .mark_started(&held(&claims))
            .await
            .expect("marked")
            .iter()
            .all(|a| *a == Done)
    );
    assert!(
        store
            .renew_leases(&held(&claims), LONG)
            .await
            .expect("renewed")
            .iter()
            .all(|a| *a == Done)
    );
    let finishes: Vec<_> = claims
        .iter()
        .map(|claim| finish(claim, Verdict::Succeeded))
        .collect();
    assert!(
        store
            .finish_deliveries(&finishes)
            .await
            .expect("finished")
            .iter()
            .all(|a| *a == Done)
    );
    for sent in [&batch[0], &batch[4_999]] {
        assert_eq!(status(fixture, sent).await.0, EventStatus::Processed);
    }
}

/// Several nodes finish deliveries of the same events in batches of different order: every one
/// counts, and no two batches wait for each other in a circle.
async fn finishes_at_once_of_the_same_events_all_count(fixture: &Fixture) {
    const PLUGINS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    let store = &fixture.store;
    let batch: Vec<_> = (0..50).map(|_| event(&PLUGINS)).collect();
    store.accept_events(&batch).await.expect("accepted");
    let mut nodes = Vec::new();
    for (n, name) in PLUGINS.into_iter().enumerate() {
        let mut claims = claim(store, name, LONG).await;
        claims.rotate_left(n * 8);
        let store = store.clone();
        nodes.push(tokio::spawn(async move {
            for claims in claims.chunks(10) {
                let started = store.mark_started(&held(claims)).await.expect("marked");
                assert!(started.iter().all(|answer| *answer == Done));
                let finishes: Vec<_> = claims.iter().map(|c| finish(c, Verdict::Succeeded)).collect();
                let answers = store.finish_deliveries(&finishes).await.expect("finished");
                assert!(answers.iter().all(|answer| *answer == Done));
            }
        }));
    }
    for node in nodes {
        node.await.expect("a node ends");
    }
    for sent in &batch {
        assert_eq!(status(fixture, sent).await, (EventStatus::Processed, OVER, None));
    }
}

async fn what_failed_with_others_waits_to_run_alone(fixture: &Fixture) {
    let store = &fixture.store;
    let sent = accept(store, &["a"]).await;
    for (verdict, alone, attempts) in [
        (Verdict::Retry { delay_ms: 0 }, false, 0),
        (Verdict::Alone, false, 1),
        (Verdict::Retry { delay_ms: 0 }, true, 2),
        (Verdict::Succeeded, true, 3),
    ] {
        let claims = claim(store, "a", LONG).await;
        assert_eq!((claims[0].alone, claims[0].attempts), (alone, attempts));
        store.mark_started(&held(&claims)).await.expect("marked");
        let finished = store.finish_deliveries(&[finish(&claims[0], verdict)]).await;
        assert_eq!(finished.expect("finished"), [Done]);
    }
    let history = store.deliveries(sent.id).await.expect("readable");
    let numbers: Vec<_> = history[0].attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!(history[0].delivery.attempts, 4);
}

async fn a_delivery_and_its_attempts_are_read_at_one_moment(fixture: &Fixture) {
    for _ in 0..150 {
        let sent = accept(&fixture.store, &["a"]).await;
        let claims = claim(&fixture.store, "a", LONG).await;
        fixture.store.mark_started(&held(&claims)).await.expect("marked");
        let done = finish(&claims[0], Verdict::Succeeded);
        let writer = fixture.store.clone();
        let writing = tokio::spawn(async move { writer.finish_deliveries(&[done]).await });
        loop {
            let history = fixture
                .store
                .deliveries(sent.id)
                .await
                .expect("readable")
                .remove(0);
            let over = history.delivery.state == DeliveryState::Succeeded;
            assert_eq!(over, !history.attempts.is_empty(), "{history:?}");
            if over {
                break;
            }
        }
        assert_eq!(writing.await.expect("no panic").expect("finished"), [Done]);
    }
}
