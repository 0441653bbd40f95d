//! Group commit: what waits together, what fails alone, what a full queue and a stop do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hookyard::domain::event::{Accepted, EventKind};
use hookyard::intake::{IntakeError, Submission};
use reqwest::Method;

use super::{RECEIVE, count};
use crate::support::api::{Answer, Api, send};
use crate::support::flaky::{FlakyStore, until, waiting};

#[tokio::test]
async fn what_waits_at_the_same_time_shares_a_commit() {
    let (api, store) = Api::start_flaky().await;
    let token = api.token_of("ada", false).await;
    let gate = store.hold();
    let first = tokio::spawn(post(&api, &token, "1"));
    store.calls_reach(1).await;
    let rest: Vec<_> = (0..20)
        .map(|number| tokio::spawn(post(&api, &token, &number.to_string())))
        .collect();
    waiting(&api.intake, 20).await;
    drop(gate);
    for answer in std::iter::once(first).chain(rest) {
        answer.await.expect("no panic").expect(200);
    }
    assert_eq!(store.batches(), [1, 20]);
    api.stop().await;
}

#[tokio::test]
async fn one_bad_event_does_not_take_its_neighbours_with_it() {
    let (api, store) = Api::start_flaky().await;
    let token = api.token_of("ada", false).await;
    store.refuse_source("poison");
    let gate = store.hold();
    let first = tokio::spawn(post(&api, &token, "1"));
    store.calls_reach(1).await;
    let bodies = ["2", r#"{"source":"poison","payload":3}"#, "4"];
    let rest: Vec<_> = bodies
        .iter()
        .map(|body| tokio::spawn(post(&api, &token, body)))
        .collect();
    waiting(&api.intake, 3).await;
    drop(gate);
    first.await.expect("no panic").expect(200);
    let mut statuses = Vec::new();
    for answer in rest {
        statuses.push(answer.await.expect("no panic").status.as_u16());
    }
    assert_eq!(statuses, [200, 503, 200]);
    api.stop().await;
}

#[tokio::test]
async fn a_store_that_fails_is_a_503_and_its_cause_stays_inside() {
    let (api, store) = Api::start_flaky().await;
    let token = api.token_of("ada", false).await;
    store.refuse_source("unknown");
    let answer = api.post(RECEIVE, &token, "{}").await;
    let problem = answer.problem(503);
    assert!(!answer.header("retry-after").is_empty());
    assert!(!answer.text.contains(FlakyStore::CAUSE), "{problem}");
    assert_eq!(problem["request_id"], answer.header("x-request-id"));
    api.stop().await;
}

#[tokio::test]
async fn a_full_queue_says_come_again() {
    let (api, store) = Api::start_flaky().await;
    let token = api.token_of("ada", false).await;
    let gate = store.hold();
    let first = tokio::spawn(post(&api, &token, "1"));
    store.calls_reach(1).await;
    let refused = Arc::new(AtomicUsize::new(0));
    let submissions: Vec<_> = (0..=hookyard::intake::QUEUE_EVENTS)
        .map(|_| {
            let (intake, refused) = (api.intake.clone(), refused.clone());
            tokio::spawn(async move {
                let outcome = intake.submit(submission("{}")).await;
                if matches!(outcome, Err(IntakeError::Full)) {
                    refused.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    waiting(&api.intake, hookyard::intake::QUEUE_EVENTS).await;
    let answer = api.post(RECEIVE, &token, "{}").await;
    answer.problem(503);
    assert!(!answer.header("retry-after").is_empty());
    until(|| refused.load(Ordering::SeqCst) == 1).await;
    drop(gate);
    first.await.expect("no panic").expect(200);
    for submission in submissions {
        submission.await.expect("no panic");
    }
    assert_eq!(refused.load(Ordering::SeqCst), 1);
    api.stop().await;
}

#[tokio::test]
async fn closing_stores_what_waits_and_refuses_what_comes_after() {
    let (api, store) = Api::start_flaky().await;
    let token = api.token_of("ada", false).await;
    let gate = store.hold();
    let first = tokio::spawn(post(&api, &token, "1"));
    store.calls_reach(1).await;
    let second = tokio::spawn(post(&api, &token, "2"));
    waiting(&api.intake, 1).await;
    let intake = api.intake.clone();
    let closing = tokio::spawn(async move { intake.close().await });
    drop(gate);
    closing.await.expect("no panic");
    first.await.expect("no panic").expect(200);
    second.await.expect("no panic").expect(200);
    api.post(RECEIVE, &token, "3").await.problem(503);
    assert_eq!(count(&api).await, 2);
    api.stop().await;
}

fn post(api: &Api, token: &str, body: &str) -> impl Future<Output = Answer> + use<> {
    let request = api
        .request(Method::POST, RECEIVE)
        .bearer_auth(token)
        .body(body.to_owned());
    send(request)
}

fn submission(body: &'static str) -> Submission {
    Submission {
        kind: EventKind::Action,
        source: "staff".to_owned(),
        event_type: "test".to_owned(),
        headers: Vec::new(),
        content_type: "application/json".to_owned(),
        body: bytes::Bytes::from_static(body.as_bytes()),
        owner: None,
    }
}

#[tokio::test]
async fn events_from_inside_take_the_same_routes() {
    let api = Api::start().await;
    api.route(&[("slack", "staff", "test")]);
    let accepted: Accepted = api.intake.submit(submission("{}")).await.expect("accepted");
    let deliveries = api.store.deliveries(accepted.id).await.expect("a store");
    assert_eq!(deliveries.len(), 1);
    let refused = api.intake.submit(submission("{")).await;
    assert!(matches!(refused, Err(IntakeError::Body(_))));
    api.stop().await;
}
