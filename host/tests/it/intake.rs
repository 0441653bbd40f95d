//! Webhooks coming in, through the HTTP interface.

mod any_json;
mod bodies;
mod commits;
mod json_suite;
mod names;

use std::time::Duration;

use hookyard::auth::AuthSettings;
use hookyard::domain::event::{EventFilter, EventOrder};
use hookyard::domain::page::PageRequest;

use serde_json::Value;

use crate::support::api::Api;

const RECEIVE: &str = "/api/webhooks/receive/";

#[tokio::test]
async fn an_event_is_stored_before_the_answer() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let answer = api.post(RECEIVE, &token, r#"{"a": 1}"#).await.expect(200);
    let received = answer.json();
    let id = received["id"].as_str().expect("an id");
    assert_eq!(answer.header("location"), format!("/api/webhooks/{id}/"));
    assert_eq!(received["status"], "processed", "no plugin wants it");
    assert!(received["message"].is_string());
    let stored = api
        .store
        .event(id.parse().expect("an id"))
        .await
        .expect("a store")
        .expect("the event");
    assert_eq!(stored.body, r#"{"a": 1}"#.as_bytes());
    assert_eq!(
        (stored.source.as_str(), stored.event_type.as_str()),
        ("unknown", "unknown")
    );
    api.stop().await;
}

#[tokio::test]
async fn plugins_that_want_it_get_a_delivery_and_are_woken() {
    let api = Api::start().await;
    api.route(&[
        ("slack", "github", "push*"),
        ("sheets", "git*", "*"),
        ("other", "stripe", "*"),
    ]);
    let token = api.token_of("ada", true).await;
    let answer = api
        .post(&format!("{RECEIVE}?source=github&type=push"), &token, "{}")
        .await
        .expect(200);
    assert_eq!(answer.json()["status"], "pending");
    let woken: Vec<String> = api.wake.next().await.iter().map(ToString::to_string).collect();
    assert_eq!(woken, ["sheets", "slack"]);
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    let event = event(&api, &token, &id).await;
    let deliveries = event["deliveries"].as_array().expect("deliveries");
    let plugins: Vec<_> = deliveries
        .iter()
        .map(|delivery| delivery["plugin"].clone())
        .collect();
    assert_eq!(plugins, ["sheets", "slack"]);
    assert!(
        deliveries.iter().all(|delivery| delivery["state"] == "pending"),
        "{event:#}"
    );
    api.stop().await;
}

#[tokio::test]
async fn without_a_token_or_with_an_expired_one_nothing_is_taken() {
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let none = api.post(RECEIVE, "", "{}").await;
    none.problem(401);
    assert_eq!(none.header("www-authenticate"), "Bearer");
    api.clock
        .advance(AuthSettings::default().access_ttl + Duration::from_secs(10));
    let expired = api.post(RECEIVE, &token, "{}").await;
    expired.problem(401);
    assert!(
        expired
            .header("www-authenticate")
            .contains("error=\"invalid_token\""),
        "{expired:?}"
    );
    assert_eq!(count(&api).await, 0);
    api.stop().await;
}

async fn count(api: &Api) -> u64 {
    let page = PageRequest { page: 1, size: 1 };
    let found = api
        .store
        .events(&EventFilter::default(), EventOrder::default(), page)
        .await
        .expect("a store");
    found.total
}

/// An event as its detail shows it.
async fn event(api: &Api, token: &str, id: &str) -> Value {
    api.get(&format!("/api/webhooks/{id}/"), token)
        .await
        .expect(200)
        .json()
}
