//! What a source's requests say of themselves: type, delivery id, body.

use hookyard::clock::Clock as _;
use ring::hmac;
use serde_json::{Value, json};

use super::signer::{self, Signed, Terms};
use super::{only_event, post, with_source};
use crate::support::api::{Api, send};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

fn terms<'a>(api: &Api, secret: &'a str, url: &'a str) -> Terms<'a> {
    Terms {
        secret,
        at: api.clock.now().as_millis() / 1000,
        algorithm: hmac::HMAC_SHA256,
        url,
    }
}

/// What one request became, and what the same again is told.
async fn taken(section: &str, sign: impl Fn(Terms<'_>) -> Signed) -> (Value, bool) {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let api = with_source(&format!("{section}\nsecret = \"file:secret\""), secret).await;
    let url = api.url("/api/webhooks/receive/s/");
    let request = sign(terms(&api, secret, &url));
    let first = post(&api, &request).await.expect(200).json();
    assert!(first.get("duplicate").is_none(), "{first}");
    let again = post(&api, &request).await.expect(200).json();
    let duplicate = again["duplicate"] == true;
    assert_eq!(first["id"] == again["id"], duplicate, "{first} {again}");
    if duplicate {
        let event = only_event(&api).await;
        assert_eq!(event["id"], first["id"]);
        api.stop().await;
        return (event, true);
    }
    let token = api.token_of("looker", true).await;
    let path = format!("/api/webhooks/{}/", first["id"].as_str().expect("an id"));
    let event = api.get(&path, &token).await.expect(200).json();
    api.stop().await;
    (event, false)
}

#[tokio::test]
async fn type_and_id_come_from_the_providers_own_words() {
    let with = |request: Signed, headers: &[(&str, &str)]| {
        headers
            .iter()
            .fold(request, |request, (name, value)| request.with(name, *value))
    };
    let (event, duplicate) = taken("verify = \"github\"", |terms| {
        let request = signer::github(terms, JSON, b"{\"ref\": \"main\"}");
        with(
            request,
            &[("x-github-event", "push"), ("x-github-delivery", "72d3162e")],
        )
    })
    .await;
    assert_eq!(
        (&event["source"], &event["type"], duplicate),
        (&json!("s"), &json!("push"), true)
    );
    assert_eq!(event["payload"], json!({"ref": "main"}));
    let names: Vec<_> = event["headers"]
        .as_array()
        .expect("headers")
        .iter()
        .map(|header| header["name"].as_str().expect("a name"))
        .collect();
    assert!(
        names.contains(&"x-github-delivery") && !names.contains(&"x-hub-signature-256"),
        "{names:?}"
    );

    let (event, duplicate) = taken("verify = \"stripe\"", |terms| {
        signer::stripe(terms, JSON, br#"{"id": "evt_1", "type": "charge.succeeded"}"#)
    })
    .await;
    assert_eq!((&event["type"], duplicate), (&json!("charge.succeeded"), true));

    let (event, duplicate) = taken("verify = \"shopify\"", |terms| {
        let request = signer::shopify(terms, JSON, b"{}");
        with(
            request,
            &[
                ("x-shopify-topic", "orders/create"),
                ("x-shopify-webhook-id", "b54557e4"),
            ],
        )
    })
    .await;
    assert_eq!((&event["type"], duplicate), (&json!("orders/create"), true));

    let (event, duplicate) = taken("verify = \"gitlab\"", |terms| {
        let request = signer::gitlab(terms, JSON, b"{}");
        with(
            request,
            &[
                ("x-gitlab-event", "Push Hook"),
                ("x-gitlab-event-uuid", "13792a34"),
                ("idempotency-key", "f5e5f430"),
            ],
        )
    })
    .await;
    assert_eq!((&event["type"], duplicate), (&json!("Push Hook"), true));
    // What a receiver sets off has the event's id of what it received.
    let (_, duplicate) = taken("verify = \"gitlab\"", |terms| {
        signer::gitlab(terms, JSON, b"{}").with("x-gitlab-event-uuid", "13792a34")
    })
    .await;
    assert!(!duplicate, "an older GitLab names no delivery");

    let (event, duplicate) = taken("verify = \"standard-webhooks\"", |terms| {
        signer::standard_webhooks(terms, JSON, br#"{"type": "contact.created"}"#)
    })
    .await;
    assert_eq!((&event["type"], duplicate), (&json!("contact.created"), true));

    let (event, duplicate) = taken("verify = \"slack\"", |terms| {
        let body = br#"{"type": "event_callback", "event_id": "Ev1", "event": {"type": "app_mention"}}"#;
        signer::slack(terms, JSON, body)
    })
    .await;
    assert_eq!((&event["type"], duplicate), (&json!("app_mention"), true));

    // Without an id of the provider's each is an event.
    let (event, duplicate) = taken("verify = \"github\"", |terms| signer::github(terms, JSON, b"{}")).await;
    assert_eq!((&event["type"], duplicate), (&json!("unknown"), false));
}

#[tokio::test]
async fn slacks_forms_are_known_and_its_question_is_answered() {
    let (event, duplicate) = taken("verify = \"slack\"", |terms| {
        signer::slack(terms, FORM, b"command=%2Fdeploy&text=now&trigger_id=398.1")
    })
    .await;
    assert_eq!((&event["type"], duplicate), (&json!("slash_command"), true));
    assert_eq!(event["payload"]["command"], "/deploy");
    let (event, _) = taken("verify = \"slack\"", |terms| {
        signer::slack(terms, FORM, b"payload=%7B%22type%22%3A%22block_actions%22%7D")
    })
    .await;
    assert_eq!(event["type"], "block_actions");

    let api = with_source("verify = \"slack\"\nsecret = \"file:secret\"", "right").await;
    let body = br#"{"token": "x", "challenge": "3eZbrw1aB", "type": "url_verification"}"#;
    let asked = |secret| signer::slack(terms(&api, secret, ""), JSON, body);
    let answer = post(&api, &asked("right")).await.expect(200);
    assert_eq!(answer.text, "3eZbrw1aB");
    assert!(answer.header("content-type").starts_with("text/plain"));
    post(&api, &asked("wrong")).await.problem(401);
    let token = api.token_of("looker", true).await;
    let page = api.get("/api/webhooks/list/", &token).await.expect(200).json();
    assert_eq!(page["count"], 0, "a question is no event");
    api.stop().await;
}

#[tokio::test]
async fn twilios_forms_are_verified_with_the_address_that_was_called() {
    use base64::Engine as _;
    let api = Api::start_behind("https://hooks.example.org/yard").await;
    api.set_secret("secret", "12345");
    api.set_sources("[sources.s]\nverify = \"twilio\"\nsecret = \"file:secret\"\n");
    let body = "To=%2B18005551212&MessageSid=SM1&MessageStatus=sent&Body=caf%C3%A9";
    // Not as it is routed: without the slash at its end.
    let called = "https://hooks.example.org/yard/api/webhooks/receive/s?x=1";
    let text = format!("{called}BodycaféMessageSidSM1MessageStatussentTo+18005551212");
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345");
    let signature = base64::engine::general_purpose::STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    let request = |query: &str| {
        api.request(reqwest::Method::POST, &format!("/api/webhooks/receive/s{query}"))
            .header("content-type", FORM)
            .header("x-twilio-signature", &signature)
            .body(body)
    };
    send(request("?x=1")).await.expect(200);
    assert_eq!(send(request("?x=1")).await.expect(200).json()["duplicate"], true);
    // What is not signed may be anybody's, so that it makes no other delivery of it.
    let recorded = request("?x=1").header("i-twilio-idempotency-token", "new");
    assert_eq!(send(recorded).await.expect(200).json()["duplicate"], true);
    assert_eq!(send(request("?x=2")).await.problem(401)["check"], "signature");
    let event = only_event(&api).await;
    assert_eq!(event["type"], "sent");
    assert_eq!(event["payload"]["Body"], "café");
    let raw = format!("/api/webhooks/{}/raw/", event["id"].as_str().expect("an id"));
    let token = api.token_of("staff", true).await;
    assert_eq!(api.get(&raw, &token).await.expect(200).text, body);
    api.stop().await;
}

#[tokio::test]
async fn the_operator_says_where_type_and_id_stand() {
    let section = "verify = \"bearer\"\ntype = { pointer = \"/what\" }\ndedupe = { window = \"1h\", header = \"X-Id\" }";
    let (event, duplicate) = taken(section, |terms| {
        signer::bearer(terms, JSON, br#"{"what": "order.paid"}"#).with("x-id", "17")
    })
    .await;
    assert_eq!((&event["type"], duplicate), (&json!("order.paid"), true));
    let section = "verify = \"stripe\"\ntype = { header = \"X-Kind\" }\ndedupe = \"off\"";
    let (event, duplicate) = taken(section, |terms| {
        signer::stripe(terms, JSON, br#"{"id": "evt_1", "type": "t"}"#).with("x-kind", "other")
    })
    .await;
    assert_eq!((&event["type"], duplicate), (&json!("other"), false));
}

#[tokio::test]
async fn bodies_of_any_kind_are_stored_as_they_came() {
    for (media, body, shown) in [
        (JSON, &b"{ \"a\" : 1.50 }"[..], json!({"a": 1.5})),
        (FORM, b"a=1&b=x+y&a=2", json!({"a": ["1", "2"], "b": "x y"})),
        ("text/plain; charset=utf-8", "grüße".as_bytes(), json!("grüße")),
        ("image/png", b"\x89PNG\x00\xff", json!("iVBORwD/")),
    ] {
        let (event, _) = taken("verify = \"bearer\"", |terms| signer::bearer(terms, media, body)).await;
        assert_eq!(
            (&event["payload"], &event["content_type"]),
            (&shown, &json!(media))
        );
        let encoding = if media == "image/png" {
            json!("base64")
        } else {
            Value::Null
        };
        assert_eq!(event["encoding"], encoding, "{media}");
    }
    // What says it is JSON must be: plugins rely on it.
    let api = with_source("verify = \"bearer\"\nsecret = \"file:secret\"", "right").await;
    let request = signer::bearer(terms(&api, "right", ""), JSON, b"{\"a\":");
    assert_eq!(post(&api, &request).await.problem(400)["check"], "body");
    // And what does not say what it is, is looked at.
    let mut request = signer::bearer(terms(&api, "right", ""), JSON, b"[1]").without("content-type");
    post(&api, &request).await.expect(200);
    request
        .headers
        .push(("content-encoding".to_owned(), "gzip".to_owned()));
    post(&api, &request).await.problem(415);
    assert_eq!(only_event(&api).await["content_type"], JSON);
    api.stop().await;
}
