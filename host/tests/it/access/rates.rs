//! Limits of how often somebody may ask.

use std::time::Duration;

use hookyard::auth::{AuthSettings, RateSettings};
use hookyard::domain::access::Role;
use reqwest::Method;
use serde_json::json;

use super::keys::{make, send_with};
use crate::support::api::{Answer, Api, send};

const RECEIVE: &str = "/api/webhooks/receive/";

fn limits(rates: RateSettings) -> AuthSettings {
    AuthSettings {
        rates,
        ..AuthSettings::default()
    }
}

fn refused(answer: &Answer, limit: &str, retry_after: &str) {
    let problem = answer.problem(429);
    assert_eq!(problem["type"], "urn:hookyard:problem:too-many-requests");
    assert_eq!(problem["limit"], limit);
    assert_eq!(answer.header("retry-after"), retry_after);
}

#[tokio::test]
async fn a_keys_limit_is_its_own_or_that_of_all() {
    let api = Api::start_with(limits(RateSettings {
        per_key: "3/min".parse().ok(),
        ..RateSettings::default()
    }))
    .await;
    let admin = api.token_for("root", Role::Admin).await;
    let usual = make(&api, &admin, json!({"name": "a"})).await;
    let small = make(&api, &admin, json!({"name": "b", "rate": "1/s"})).await;
    let (usual, small) = (
        usual["key"].as_str().expect("a key"),
        small["key"].as_str().expect("a key"),
    );
    for _ in 0..3 {
        send_with(&api, usual, RECEIVE).await.expect(200);
    }
    refused(&send_with(&api, usual, RECEIVE).await, "3/min", "20");
    // It is refused before its body is read.
    let body = "x".repeat(100);
    let request = api.request(Method::POST, RECEIVE).header("x-api-key", usual);
    refused(&send(request.body(body)).await, "3/min", "20");
    send_with(&api, small, RECEIVE).await.expect(200);
    refused(&send_with(&api, small, RECEIVE).await, "1/s", "1");
    // Never too early: at the second that was told it goes through.
    api.clock.advance(Duration::from_millis(19_999));
    refused(&send_with(&api, usual, RECEIVE).await, "3/min", "1");
    api.clock.advance(Duration::from_millis(1));
    send_with(&api, usual, RECEIVE).await.expect(200);
    api.stop().await;
}

#[tokio::test]
async fn users_are_limited_apart_and_by_all_their_tokens() {
    let api = Api::start_with(limits(RateSettings {
        per_user: "2/h".parse().ok(),
        ..RateSettings::default()
    }))
    .await;
    let ada = api.account_of("ada", Role::Sender).await;
    let eve = api.token_for("eve", Role::Sender).await;
    let one = api.sign_in(&ada).await["access"]
        .as_str()
        .expect("a token")
        .to_owned();
    let two = api.sign_in(&ada).await["access"]
        .as_str()
        .expect("a token")
        .to_owned();
    api.get("/api/auth/profile/", &one).await.expect(200);
    api.receive(&two, "", "{}").await;
    refused(&api.get("/api/auth/profile/", &one).await, "2/h", "1800");
    api.receive(&eve, "", "{}").await;
    api.stop().await;
}

#[tokio::test]
async fn addresses_are_limited_before_anything_else_and_probes_are_not() {
    let api = Api::start_with(limits(RateSettings {
        per_address: "2/min".parse().ok(),
        ..RateSettings::default()
    }))
    .await;
    for _ in 0..2 {
        api.get("/api/auth/profile/", "").await.problem(401);
    }
    refused(&api.get("/api/auth/profile/", "").await, "2/min", "30");
    refused(&api.post(RECEIVE, "no token", "{}").await, "2/min", "30");
    for _ in 0..5 {
        api.get("/healthz", "").await.expect(200);
    }
    api.stop().await;
}
