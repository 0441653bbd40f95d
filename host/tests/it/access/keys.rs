//! API keys over HTTP.

use std::time::Duration;

use hookyard::domain::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::{Answer, Api, send};

const RECEIVE: &str = "/api/webhooks/receive/?source=shop-1";

/// Makes a key; the answer with the key in it.
pub async fn make(api: &Api, admin: &str, form: Value) -> Value {
    api.post("/api/keys/", admin, form).await.expect(201).json()
}

pub async fn send_with(api: &Api, key: &str, path: &str) -> Answer {
    let request = api
        .request(Method::POST, path)
        .header("content-type", "application/json");
    send(request.header("x-api-key", key).body("{}")).await
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member]
        .as_str()
        .unwrap_or_else(|| panic!("no {member} in {value}"))
}

#[tokio::test]
async fn a_key_sends_as_its_owner_and_does_nothing_else() {
    let api = Api::start().await;
    let admin = api.token_for("root", Role::Admin).await;
    let sender = api.token_for("ada", Role::Sender).await;
    let made = make(&api, &admin, json!({"name": "the shop", "owner": "ADA"})).await;
    let (id, key) = (text(&made, "id"), text(&made, "key"));
    assert!(key.starts_with(&format!("hk_{id}_")) && key.len() == 53, "{key}");

    // Both headers carry it, and the events are ada's.
    let by_bearer = api.post(RECEIVE, key, "{}").await.expect(200).json();
    let by_header = send_with(&api, key, RECEIVE).await.expect(200).json();
    for event in [by_bearer, by_header] {
        let path = format!("/api/webhooks/{}/", text(&event, "id"));
        let event = api.get(&path, &sender).await.expect(200).json();
        assert_eq!(event["source"], "shop-1");
        assert!(
            !event.to_string().contains(key),
            "the key is not stored with the event"
        );
    }
    // It opens nothing else.
    for path in ["/api/webhooks/list/", "/api/auth/profile/", "/api/keys/"] {
        api.get(path, key).await.problem(401);
    }
    let listed = api.get("/api/keys/", &admin).await.expect(200);
    assert!(!listed.text.contains(key), "shown once");
    let listed = listed.json();
    assert_eq!(listed["results"][0]["name"], "the shop");
    assert_eq!(listed["results"][0]["last_used_at"], "2026-08-01T12:00:00.000Z");
    assert_eq!(listed["results"][0]["created_by"], "root");
    api.stop().await;
}

#[tokio::test]
async fn a_key_names_only_its_sources() {
    let api = Api::start().await;
    let admin = api.token_for("root", Role::Admin).await;
    let made = make(
        &api,
        &admin,
        json!({"name": "shops", "sources": ["shop-*", "till"]}),
    )
    .await;
    let key = text(&made, "key");
    send_with(&api, key, RECEIVE).await.expect(200);
    send_with(&api, key, "/api/webhooks/receive/?source=till")
        .await
        .expect(200);
    for path in ["/api/webhooks/receive/?source=github", "/api/webhooks/receive/"] {
        let problem = send_with(&api, key, path).await.problem(403);
        assert_eq!(problem["type"], "urn:hookyard:problem:source-not-allowed");
    }
    // The envelope's name is the one that counts.
    let envelope = json!({"source": "github", "payload": {}});
    let problem = api.post(RECEIVE, key, envelope).await.problem(403);
    assert_eq!(problem["source"], "github");
    let count = api.get("/api/webhooks/list/", &admin).await.expect(200).json()["count"].clone();
    assert_eq!(count, 2, "what was refused is not stored");
    api.stop().await;
}

#[tokio::test]
async fn a_key_that_is_over_says_why_and_only_to_its_holder() {
    let api = Api::start().await;
    let admin = api.token_for("root", Role::Admin).await;
    let ada = api.account_of("ada", Role::Sender).await;
    let expires = json!({"name": "a", "owner": "ada", "expires_at": "2026-08-01T12:01:00Z"});
    let (expiring, revoked, orphan) = (
        make(&api, &admin, expires).await,
        make(&api, &admin, json!({"name": "b", "owner": "ada"})).await,
        make(&api, &admin, json!({"name": "c", "owner": "ada"})).await,
    );
    for made in [&expiring, &revoked, &orphan] {
        send_with(&api, text(made, "key"), RECEIVE).await.expect(200);
    }
    // At once, although the key is remembered.
    let path = format!("/api/keys/{}/", text(&revoked, "id"));
    for _ in 0..2 {
        let request = api.request(Method::DELETE, &path).bearer_auth(&admin);
        let answer = send(request).await.expect(200).json();
        assert_eq!(answer["revoked_by"], "root");
    }
    let problem = send_with(&api, text(&revoked, "key"), RECEIVE).await.problem(401);
    assert_eq!(problem["type"], "urn:hookyard:problem:revoked-key");
    let id = text(&revoked, "id");
    let guessed = format!("hk_{id}_{}", "x".repeat(43));
    let problem = send_with(&api, &guessed, RECEIVE).await.problem(401);
    assert_eq!(problem["type"], "urn:hookyard:problem:unknown-key");

    api.clock.advance(Duration::from_mins(1));
    let problem = send_with(&api, text(&expiring, "key"), RECEIVE)
        .await
        .problem(401);
    assert_eq!(problem["type"], "urn:hookyard:problem:expired-key");
    // Whose key it is counts as well, after what is remembered has ended.
    let path = format!("/api/users/{}/", ada.user.id);
    let request = api.request(Method::PATCH, &path).bearer_auth(&admin);
    send(request.body(json!({"is_active": false}).to_string()))
        .await
        .expect(200);
    api.clock.advance(Duration::from_secs(1));
    let problem = send_with(&api, text(&orphan, "key"), RECEIVE).await.problem(401);
    assert_eq!(problem["type"], "urn:hookyard:problem:key-owner");
    api.stop().await;
}

#[tokio::test]
async fn unknown_keys_use_the_addresss_tries_up_and_known_ones_do_not() {
    let api = Api::start().await;
    let admin = api.token_for("root", Role::Admin).await;
    let made = make(&api, &admin, json!({"name": "a"})).await;
    let key = text(&made, "key");
    for _ in 0..60 {
        send_with(&api, key, RECEIVE).await.expect(200);
    }
    let tries = hookyard::auth::lockout::ADDRESS_RATE.burst;
    for wrong in (0..tries).map(|n| format!("hk_{n:06}_{}", "x".repeat(43))) {
        send_with(&api, &wrong, RECEIVE).await.problem(401);
    }
    let locked = send_with(&api, "nonsense", RECEIVE).await;
    locked.problem(429);
    assert_eq!(locked.header("retry-after"), "10");
    api.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_wish_for_a_key_is_told() {
    let api = Api::start().await;
    let admin = api.token_for("root", Role::Admin).await;
    let wrong = json!({
        "name": "n".repeat(101), "owner": "nobody", "sources": ["["], "rate": "1/day", "expires_at": "soon",
    });
    let problem = api.post("/api/keys/", &admin, wrong).await.problem(400);
    for field in ["name", "owner", "sources", "rate", "expires_at"] {
        assert!(problem[field][0].is_string(), "{field}: {problem}");
    }
    for (field, value) in [("name", "a\0b"), ("expires_at", "2026-08-01T12:00:00Z")] {
        let mut wish = json!({"name": "a"});
        wish[field] = json!(value);
        let problem = api.post("/api/keys/", &admin, wish).await.problem(400);
        assert!(problem[field][0].is_string(), "{field}: {problem}");
    }
    let problem = api
        .post("/api/keys/", &admin, json!({"sources": "shop"}))
        .await
        .problem(400);
    assert_eq!(problem["name"], json!(["This field is required."]));
    assert_eq!(problem["sources"], json!(["Expected a list of strings."]));
    api.account_of("watcher", Role::Viewer).await;
    let viewer = json!({"name": "a", "owner": "watcher"});
    let problem = api.post("/api/keys/", &admin, viewer).await.problem(400);
    assert_eq!(problem["owner"], json!(["This account may not send."]));
    let request = api
        .request(Method::DELETE, "/api/keys/zzzzzz/")
        .bearer_auth(&admin);
    send(request).await.problem(404);
    api.stop().await;
}
