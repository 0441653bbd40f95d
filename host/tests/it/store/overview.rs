//! What the overview asks: tallies that triggers keep, latencies, and what waits longest.

use std::time::Duration;

use bytes::Bytes;
use hookyard::domain::delivery::Verdict;
use hookyard::domain::event::EventStatus;
use hookyard::domain::id::RejectedId;
use hookyard::domain::overview::{EventCount, Happening, TALLY_SPAN, Tally};
use hookyard::domain::rejected::{Check, RejectedBounds, RejectedRequest, Rejection};
use hookyard::domain::time::Timestamp;
use hookyard::store::SharedStore;

use super::{BASE, LONG, accept, claim, end_all, event, finish, on_both, plugin};
use crate::support::stores::Fixture;

on_both!(
    tallies_tell_what_happened_and_outlive_it,
    events_are_counted_by_status,
    latencies_are_of_the_newest_that_succeeded,
    the_longest_wait_is_found,
    refused_requests_are_counted,
);

/// The beginning of the five minutes that the tests' events are received in.
const SPAN_START: Timestamp = Timestamp::from_millis(1_749_999_900_000);

async fn tallied(store: &SharedStore, since: Timestamp, span: Duration) -> Vec<(Happening, u64)> {
    let tallies = store.tallies(since, span).await.expect("readable");
    assert!(tallies.iter().all(|tally| tally.count > 0), "{tallies:?}");
    tallies
        .into_iter()
        .filter(|tally| tally.at == SPAN_START)
        .map(|Tally { what, count, .. }| (what, count))
        .collect()
}

async fn tallies_tell_what_happened_and_outlive_it(fixture: &Fixture) {
    let store = &fixture.store;
    for _ in 0..3 {
        accept(store, &["a", "b"]).await;
    }
    end_all(store, "a", &Verdict::Succeeded).await;
    // A deferral is neither.
    let claims = claim(store, "b", LONG).await;
    let verdicts = [
        Verdict::Dead,
        Verdict::Defer { delay_ms: 0 },
        Verdict::Retry { delay_ms: 0 },
    ];
    let ends: Vec<_> = claims
        .iter()
        .zip(verdicts)
        .map(|(claim, verdict)| finish(claim, verdict))
        .collect();
    store.finish_deliveries(&ends).await.expect("finished");
    let expected = [
        (Happening::Dead, 1),
        (Happening::Failed, 2),
        (Happening::Received, 3),
        (Happening::Succeeded, 3),
    ];
    assert_eq!(tallied(store, SPAN_START, TALLY_SPAN).await, expected);
    // Folding keeps them, and what is earlier than asked for is left out.
    while store.fold_counts(1_000).await.expect("folded") > 0 {}
    assert_eq!(tallied(store, SPAN_START, TALLY_SPAN).await, expected);
    let later = store.tallies(SPAN_START.plus(TALLY_SPAN), TALLY_SPAN).await;
    assert!(later.expect("readable").is_empty());
    // A longer span sums them up: 1,749,999,600,000 is a multiple of half an hour.
    let half_hour = TALLY_SPAN * 6;
    let summed = store.tallies(Timestamp::from_millis(0), half_hour).await;
    let summed = summed.expect("readable");
    assert_eq!((summed.len(), summed[0].count), (4, 1));
    assert_eq!(summed[0].at, Timestamp::from_millis(1_749_999_600_000));
    assert!(store.purge_tallies(BASE, 1_000).await.expect("purged") > 0);
    assert!(tallied(store, SPAN_START, TALLY_SPAN).await.is_empty());
}

async fn events_are_counted_by_status(fixture: &Fixture) {
    let store = &fixture.store;
    assert!(store.event_counts().await.expect("readable").is_empty());
    accept(store, &[]).await;
    accept(store, &["a"]).await;
    let count = |status, count| EventCount { status, count };
    assert_eq!(
        store.event_counts().await.expect("readable"),
        [count(EventStatus::Pending, 1), count(EventStatus::Processed, 1)]
    );
}

async fn latencies_are_of_the_newest_that_succeeded(fixture: &Fixture) {
    let store = &fixture.store;
    accept(store, &["a", "b"]).await;
    let mut ends = Vec::new();
    for (name, verdict) in [("a", Verdict::Succeeded), ("b", Verdict::Dead)] {
        for claimed in claim(store, name, LONG).await {
            let mut end = finish(&claimed, verdict.clone());
            end.attempt.started_at = claimed.created_at.plus(Duration::from_millis(500));
            ends.push(end);
        }
    }
    store.finish_deliveries(&ends).await.expect("finished");
    let sample = store.latencies(BASE, 10).await.expect("readable");
    let sample: Vec<_> = sample
        .iter()
        .map(|one| (one.plugin.as_str(), one.latency))
        .collect();
    // Half a second until it began, and one of work.
    assert_eq!(sample, [("a", Duration::from_millis(1_500))]);
    let since = ends[0].attempt.started_at.plus(Duration::from_millis(1));
    assert!(store.latencies(since, 10).await.expect("readable").is_empty());
    assert!(store.latencies(BASE, 0).await.expect("readable").is_empty());
}

/// Since when something is due for `a`.
async fn due(store: &SharedStore) -> Option<Timestamp> {
    store.oldest_due(&plugin("a")).await.expect("readable")
}

async fn the_longest_wait_is_found(fixture: &Fixture) {
    let store = &fixture.store;
    assert_eq!(due(store).await, None, "nothing waits");
    accept(store, &["a"]).await;
    let first = due(store).await.expect("one waits");
    accept(store, &["a"]).await;
    assert_eq!(due(store).await, Some(first));
    let claims = claim(store, "a", LONG).await;
    assert_eq!(due(store).await, None, "none waits while they run");
    let ends: Vec<_> = claims
        .iter()
        .map(|claim| finish(claim, Verdict::Retry { delay_ms: 60_000 }))
        .collect();
    store.finish_deliveries(&ends).await.expect("finished");
    assert!(due(store).await.is_some_and(|due| due > first), "the next one");
}

fn refused(at: Timestamp) -> RejectedRequest {
    RejectedRequest {
        id: RejectedId::generate(),
        received_at: at,
        source: "shop".to_owned(),
        address: "127.0.0.1".to_owned(),
        rejection: Rejection::new(Check::Missing, "no signature"),
        status: 401,
        method: "POST".to_owned(),
        target: "/".to_owned(),
        headers: Vec::new(),
        content_type: "application/json".to_owned(),
        credential: None,
        body_bytes: 2,
        body: Some(Bytes::from_static(b"{}")),
        accepted: None,
    }
}

async fn refused_requests_are_counted(fixture: &Fixture) {
    let store = &fixture.store;
    let bounds = RejectedBounds {
        requests: 10,
        of_source: 10,
        bytes: 1_000,
    };
    let requests = [refused(BASE), refused(BASE.plus(LONG))];
    store.record_rejected(&requests, bounds).await.expect("kept");
    let count = |since| store.count_rejected(since);
    assert_eq!(count(BASE).await.expect("counted"), 2);
    assert_eq!(count(BASE.plus(LONG)).await.expect("counted"), 1);
    store
        .accept_rejected(requests[1].id, &[event(&[])], BASE, "ada")
        .await
        .expect("accepted");
    assert_eq!(count(BASE.plus(LONG)).await.expect("counted"), 0);
}
