//! `Idempotency-Key` on both ways in.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::signer::{Signed, Terms};
use super::table::CASES;
use super::{post, with_source};
use crate::support::api::{Answer, Api, send};
use crate::support::flaky::waiting;

async fn keyed(api: &Api, token: &str, key: &str, query: &str, body: &str) -> Answer {
    let path = format!("/api/webhooks/receive/{query}");
    let request = api
        .request(Method::POST, &path)
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .bearer_auth(token)
        .body(body.to_owned());
    send(request).await
}

#[tokio::test]
async fn the_same_key_gets_the_same_answer() {
    let api = Api::start().await;
    api.route(&[("a", "shop", "*")]);
    let ada = api.account("ada", false).await;
    let access = async || {
        api.sign_in(&ada).await["access"]
            .as_str()
            .expect("a token")
            .to_owned()
    };
    let token = access().await;
    let first = keyed(&api, &token, "order-17", "?source=shop", "{\"n\":1}")
        .await
        .expect(200);
    assert_eq!(first.header("idempotent-replayed"), "");
    for key in ["order-17", "\"order-17\""] {
        let again = keyed(&api, &token, key, "?source=shop", "{\"n\":1}")
            .await
            .expect(200);
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.json(), first.json());
        assert_eq!(again.header("location"), first.header("location"));
    }
    for (query, body) in [
        ("?source=shop", "{\"n\":2}"),
        ("?source=other", "{\"n\":1}"),
        ("?source=shop&type=t", "{\"n\":1}"),
    ] {
        let problem = keyed(&api, &token, "order-17", query, body).await.problem(422);
        assert_eq!(problem["type"], "urn:hookyard:problem:idempotency-key-reused");
    }
    // Another sender's key is another key, and so is another word.
    let other = api.token_of("bob", false).await;
    for (token, key) in [(&other, "order-17"), (&token, "Order-17")] {
        let new = keyed(&api, token, key, "?source=shop", "{\"n\":1}")
            .await
            .expect(200);
        assert_ne!(new.json()["id"], first.json()["id"]);
    }
    // A day later it is forgotten.
    api.clock.advance(Duration::from_hours(24));
    let new = keyed(&api, &access().await, "order-17", "?source=shop", "{\"n\":2}")
        .await
        .expect(200);
    assert_ne!(new.json()["id"], first.json()["id"]);
    api.stop().await;
}

#[tokio::test]
async fn a_key_is_forgotten_after_its_window() {
    let api = with_source(
        "verify = \"none\"\ndedupe = { window = \"1h\", header = \"x-id\" }",
        "",
    )
    .await;
    let request = Signed::new("application/json", b"{}").with("x-id", "1");
    let first = post(&api, &request).await.expect(200).json();
    api.clock.advance(Duration::from_secs(3599));
    assert_eq!(post(&api, &request).await.expect(200).json()["duplicate"], true);
    api.clock.advance(Duration::from_secs(1));
    let new = post(&api, &request).await.expect(200).json();
    assert_ne!(new["id"], first["id"]);
    // From then on it is the new one's.
    let again = post(&api, &request).await.expect(200).json();
    assert_eq!(again["id"], new["id"]);
    assert_eq!(
        api.store
            .purge_once(hookyard::clock::Clock::now(&*api.clock), 10)
            .await
            .expect("purged"),
        0
    );
    api.clock.advance(Duration::from_hours(1));
    assert_eq!(
        api.store
            .purge_once(hookyard::clock::Clock::now(&*api.clock), 10)
            .await
            .expect("purged"),
        1
    );
    api.stop().await;
}

#[tokio::test]
async fn a_number_and_a_text_are_different_ids() {
    let api = with_source("verify = \"none\"\ndedupe = { pointer = \"/id\" }", "").await;
    let request = |body: &[u8]| Signed::new("application/json", body);
    for body in [&b"{\"id\": 1}"[..], b"{\"id\": \"1\"}", b"{\"id\": 1.0}"] {
        let first = post(&api, &request(body)).await.expect(200).json();
        assert_eq!(first.get("duplicate"), None, "{first}");
        let again = post(&api, &request(body)).await.expect(200).json();
        assert_eq!(again["duplicate"], true, "{again}");
    }
    api.stop().await;
}

#[tokio::test]
async fn a_key_that_is_being_dealt_with_is_told_to_wait() {
    let (api, store) = Api::start_flaky().await;
    let token = api.token_of("ada", false).await;
    let gate = store.hold();
    let first = keyed(&api, &token, "k", "", "{}");
    let second = async {
        store.calls_reach(1).await;
        let conflict = keyed(&api, &token, "k", "", "{}").await;
        conflict.problem(409);
        assert_eq!(conflict.header("retry-after"), "1");
        drop(gate);
    };
    let (first, ()) = tokio::join!(first, second);
    let first = first.expect(200);
    let again = keyed(&api, &token, "k", "", "{}").await.expect(200);
    assert_eq!(again.json(), first.json());
    waiting(&api.intake, 0).await;
    api.stop().await;
}

#[tokio::test]
async fn keys_that_cannot_be_keys_are_refused() {
    let api = with_source("verify = \"none\"", "").await;
    let token = api.token_of("ada", false).await;
    for key in ["", "\"\"", &"x".repeat(256)] {
        let problem = keyed(&api, &token, key, "", "{}").await.problem(400);
        assert_eq!(problem["type"], "urn:hookyard:problem:bad-idempotency-key");
        let request = Signed::new("application/json", b"{}").with("idempotency-key", key);
        post(&api, &request).await.problem(400);
    }
    keyed(&api, &token, &"x".repeat(255), "", "{}").await.expect(200);
    // Of two nobody can say which one counts, even where they are the same.
    for other in ["a", "b"] {
        let twice = api
            .request(Method::POST, "/api/webhooks/receive/")
            .header("idempotency-key", "a")
            .header("idempotency-key", other)
            .bearer_auth(&token)
            .body("{}");
        let problem = send(twice).await.problem(400);
        assert_eq!(problem["type"], "urn:hookyard:problem:bad-idempotency-key");
        let twice = Signed::new("application/json", b"{}")
            .with("idempotency-key", "a")
            .with("idempotency-key", other);
        post(&api, &twice).await.problem(400);
    }
    api.stop().await;
}

#[tokio::test]
async fn a_source_without_ids_of_its_own_takes_the_senders_key() {
    let api = with_source("verify = \"none\"", "").await;
    let request = |body: &[u8]| Signed::new("application/json", body).with("idempotency-key", "k");
    let first = post(&api, &request(b"{}")).await.expect(200);
    let again = post(&api, &request(b"{}")).await.expect(200);
    assert_eq!(
        (again.header("idempotent-replayed"), again.json()),
        ("true", first.json())
    );
    post(&api, &request(b"{ }")).await.problem(422);
    api.stop().await;
}

#[tokio::test]
async fn deliveries_that_come_at_once_are_one_event() {
    let api = with_source("verify = \"none\"\ndedupe = { pointer = \"/id\" }", "").await;
    let request = Signed::new("application/json", b"{\"id\": 7}");
    let posts = (0..32).map(|_| post(&api, &request));
    let answers = futures_util::future::join_all(posts).await;
    let ids: std::collections::BTreeSet<_> = answers
        .iter()
        .map(|answer| answer.json()["id"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!(ids.len(), 1);
    let new = answers
        .iter()
        .filter(|answer| answer.json().get("duplicate").is_none());
    assert_eq!(new.count(), 1);
    let token = api.token_of("looker", true).await;
    let page = api.get("/api/webhooks/list/", &token).await.expect(200).json();
    assert_eq!(page["count"], json!(1));
    api.stop().await;
}

#[tokio::test]
async fn a_signature_with_a_time_counts_once_where_nothing_names_the_delivery() {
    let now = |api: &Api| hookyard::clock::Clock::now(&*api.clock).as_millis() / 1000;
    for name in ["hmac", "http-signature", "stripe"] {
        let case = CASES.iter().find(|case| case.name == name).expect("a case");
        let api = with_source(case.section, case.secret).await;
        let url = api.url("/api/webhooks/receive/s/");
        let signed = |at, body: &[u8]| {
            let terms = Terms {
                secret: case.secret,
                at,
                algorithm: ring::hmac::HMAC_SHA256,
                url: &url,
            };
            (case.sign)(terms, "application/json", body)
        };
        let recorded = signed(now(&api), b"{}");
        let first = post(&api, &recorded).await.expect(200).json();
        api.clock.advance(Duration::from_secs(299));
        // What is not signed may be anybody's.
        let varied = recorded
            .clone()
            .with("x-webhook-type", "other")
            .with("idempotency-key", "other");
        let again = post(&api, &varied).await;
        let again = again.expect(200).json();
        assert_eq!(
            (&again["id"], &again["duplicate"]),
            (&first["id"], &json!(true)),
            "{name}"
        );
        for other in [signed(now(&api), b"{}"), signed(now(&api), b"[]")] {
            let new = post(&api, &other).await.expect(200).json();
            assert_eq!(new.get("duplicate"), None, "{name}: {new}");
        }
        api.clock.advance(Duration::from_secs(2));
        assert_eq!(post(&api, &recorded).await.problem(401)["check"], "timestamp");
        api.set_sources(&format!("[sources.s]\n{}\ndedupe = \"off\"\n", case.section));
        let twice = signed(now(&api), b"{}");
        let first = post(&api, &twice).await.expect(200).json();
        let again = post(&api, &twice).await.expect(200).json();
        assert_ne!(first["id"], again["id"], "{name}");
        api.stop().await;
    }
}

#[tokio::test]
async fn the_events_of_a_batch_that_name_no_delivery_are_told_apart_by_their_place() {
    let case = CASES.iter().find(|case| case.name == "hmac").expect("a case");
    let more = "format = \"cloudevents\"\ndedupe = { pointer = \"/nothing\" }";
    let api = with_source(&format!("{}\n{more}", case.section), case.secret).await;
    let terms = Terms {
        secret: case.secret,
        at: hookyard::clock::Clock::now(&*api.clock).as_millis() / 1000,
        algorithm: ring::hmac::HMAC_SHA256,
        url: "",
    };
    let event = json!({"specversion": "1.0", "id": "1", "source": "/a", "type": "t"});
    let body = json!([event, event]).to_string();
    let batch = (case.sign)(terms, "application/cloudevents-batch+json", body.as_bytes());
    for duplicate in [json!(null), json!(true)] {
        let answer = post(&api, &batch).await.expect(200).json();
        for event in answer["events"].as_array().expect("events") {
            assert_eq!(event["duplicate"], duplicate, "{answer}");
        }
    }
    api.stop().await;
}
