//! Refused requests are judged anew by all that they came with: what a signature covers, and what names the event.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookyard::clock::Clock as _;
use hookyard::domain::id::RejectedId;
use hookyard::domain::rejected::Check;
use hookyard::intake::sources::{SourceError, Sources};
use ring::{digest, hmac};
use serde_json::{Value, json};

use super::signer::{self, Signed, Terms};
use super::vectors::vectors;
use super::{SECRET_FILE, kept, only_event, post, with_source};
use crate::support::api::Api;

const JSON: &str = "application/json";

fn path(kept: &Value, verb: &str) -> String {
    format!("/api/rejected/{}/{verb}", kept["id"].as_str().expect("an id"))
}

fn id(kept: &Value) -> RejectedId {
    kept["id"].as_str().expect("an id").parse().expect("an id")
}

fn now(api: &Api) -> i64 {
    api.clock.now().as_millis() / 1000
}

#[tokio::test]
async fn every_published_example_is_judged_anew_as_it_came() {
    for vector in vectors() {
        let section = format!("{}\nsecret = \"file:secret\"", vector.section);
        let api = with_source(&section, "mistyped").await;
        let sources = Sources {
            public_url: Some(vector.origin().to_owned()),
            ..api.sources.clone()
        };
        let request = vector.request();
        let has_body = !request.body.is_empty();
        let answer = sources.receive("s", request, None).await;
        assert!(
            matches!(answer, Err(SourceError::Rejected(_))),
            "{}: {answer:?}",
            vector.source
        );
        let staff = api.token_of("staff", true).await;
        let refused = id(&kept(&api, &staff, 1).await[0]);
        api.set_secret(SECRET_FILE, &vector.secret);
        let verdict = sources.verify_again(refused).await.expect("a verdict");
        // Some leave out the body, which is looked at once the proof is right.
        let missed = verdict.rejection.map(|rejection| rejection.check);
        assert_eq!(missed, (!has_body).then_some(Check::Body), "{}", vector.source);
        if has_body {
            let late = sources.accept_late(refused, "ada").await.expect("accepted");
            assert_eq!(late.events.len(), 1, "{}", vector.source);
        }
        api.stop().await;
    }
}

/// A request is refused for a mistyped secret, and comes again once that is right. Accepting the refused one too
/// makes no second event of it.
async fn came_already(section: &str, sign: impl Fn(Terms<'_>) -> Signed) {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let api = with_source(&format!("{section}\nsecret = \"file:secret\""), "mistyped").await;
    let url = api.url("/api/webhooks/receive/s/");
    let request = sign(Terms {
        secret,
        at: now(&api),
        algorithm: hmac::HMAC_SHA256,
        url: &url,
    });
    let refused = post(&api, &request).await;
    assert!(!refused.status.is_success(), "{section}: {refused:?}");
    let staff = api.token_of("staff", true).await;
    let refused = kept(&api, &staff, 1).await.remove(0);
    api.set_secret(SECRET_FILE, secret);
    let event = post(&api, &request).await.expect(200).json()["id"].clone();
    let verdict = api.post(&path(&refused, "verify/"), &staff, "").await;
    let foreseen = verdict.expect(200).json()["events"].clone();
    assert_eq!(foreseen[0]["duplicate_of"], event, "{section}: {foreseen}");
    let accepted = api.post(&path(&refused, "accept/"), &staff, "").await;
    let accepted = accepted.expect(200).json()["events"].clone();
    assert_eq!(
        (&accepted[0]["id"], &accepted[0]["duplicate"]),
        (&event, &json!(true)),
        "{section}: {accepted}"
    );
    assert_eq!(only_event(&api).await["type"], foreseen[0]["type"], "{section}");
    api.stop().await;
}

#[tokio::test]
async fn a_refused_request_that_came_again_is_no_second_event() {
    came_already("verify = \"github\"", |terms| {
        signer::github(terms, JSON, b"{}")
            .with("x-github-event", "push")
            .with("x-github-delivery", "72d3162e")
    })
    .await;
    came_already("verify = \"stripe\"", |terms| {
        signer::stripe(terms, JSON, br#"{"id": "evt_1", "type": "charge.succeeded"}"#)
    })
    .await;
    came_already("verify = \"slack\"", |terms| {
        signer::slack(terms, JSON, br#"{"type": "event_callback", "event_id": "Ev1"}"#)
    })
    .await;
    came_already("verify = \"shopify\"", |terms| {
        signer::shopify(terms, JSON, b"{}").with("x-shopify-webhook-id", "b54557e4")
    })
    .await;
    came_already("verify = \"gitlab\"", |terms| {
        signer::gitlab(terms, JSON, b"{}")
            .with("x-gitlab-event", "Push Hook")
            .with("idempotency-key", "f5e5f430")
    })
    .await;
    came_already("verify = \"twilio\"", |terms| {
        signer::twilio(terms, JSON, b"[]").with("i-twilio-idempotency-token", "58c3a1ef")
    })
    .await;
    came_already("verify = \"standard-webhooks\"", |terms| {
        signer::standard_webhooks(terms, JSON, br#"{"type": "contact.created"}"#)
    })
    .await;
    came_already("verify = \"cloudevents\"", |terms| {
        signer::cloud_events(terms, JSON, b"{}")
    })
    .await;
    came_already("verify = \"bearer\"", |terms| {
        signer::bearer(terms, JSON, b"{}").with("idempotency-key", "order-17")
    })
    .await;
    let picked = "verify = \"bearer\"\ndedupe = { header = \"X-Session-Id\" }\n\
                  type = { header = \"X-Token-Kind\" }";
    came_already(picked, |terms| {
        signer::bearer(terms, JSON, b"{}")
            .with("x-session-id", "17")
            .with("x-token-kind", "order.paid")
    })
    .await;
}

#[tokio::test]
async fn whoever_is_refused_is_told_which_authorization_is_asked_for() {
    let basic = "Basic realm=\"hookyard\", charset=\"UTF-8\"";
    let wrong = "Bearer error=\"invalid_token\"";
    for (verify, missing, other) in [
        ("verify = \"bearer\"", "Bearer", wrong),
        ("verify = \"cloudevents\"", "Bearer", wrong),
        ("verify = \"basic\"", basic, basic),
        // These have no name to be asked for by.
        ("verify = \"api-key\"\nheader = \"X-Key\"", "", ""),
        ("verify = \"github\"", "", ""),
    ] {
        let api = with_source(&format!("{verify}\nsecret = \"file:secret\""), "right").await;
        let request = Signed::new(JSON, b"{}");
        let refused = post(&api, &request).await;
        refused.problem(401);
        assert_eq!(refused.header("www-authenticate"), missing, "{verify}");
        for value in ["Bearer wrong", "Basic d3Jvbmc=", "wrong"] {
            let refused = post(&api, &request.clone().with("authorization", value)).await;
            refused.problem(401);
            assert_eq!(refused.header("www-authenticate"), other, "{verify} {value}");
        }
        // Not the sender's to mend.
        std::fs::remove_file(api.path(SECRET_FILE)).expect("removed");
        let value = if verify.contains("basic") {
            "Basic d3Jvbmc="
        } else {
            "Bearer wrong"
        };
        let answer = post(&api, &request.with("authorization", value).with("x-key", "wrong")).await;
        assert_eq!(answer.header("www-authenticate"), "", "{verify}: {answer:?}");
        api.stop().await;
    }
}

/// Signed over headers of the connection and over one that may be a credential.
fn covering(secret: &str, at: i64, url: &str) -> Signed {
    let body = b"{\"n\": 1}";
    let digest = STANDARD.encode(digest::digest(&digest::SHA256, body));
    let digest = format!("sha-256=:{digest}:");
    let covered = "\"@method\" \"@target-uri\" \"content-digest\" \"content-length\" \"x-session-token\"";
    let input = format!("({covered});created={at}");
    let base = format!(
        "\"@method\": POST\n\"@target-uri\": {url}\n\"content-digest\": {digest}\n\"content-length\": {}\n\
         \"x-session-token\": hush-17\n\"@signature-params\": {input}",
        body.len()
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let value = STANDARD.encode(hmac::sign(&key, base.as_bytes()));
    Signed::new(JSON, body)
        .with("x-session-token", "hush-17")
        .with("content-digest", digest)
        .with("signature-input", format!("sig={input}"))
        .with("signature", format!("sig=:{value}:"))
}

#[tokio::test]
async fn a_credential_that_is_signed_is_kept_sealed_and_shown_to_nobody() {
    let section = "verify = \"http-signature\"\nsecret = \"file:secret\"";
    let api = with_source(section, "mistyped").await;
    let url = api.url("/api/webhooks/receive/s/");
    post(&api, &covering("right", now(&api), &url)).await.problem(401);
    let staff = api.token_of("staff", true).await;
    let refused = kept(&api, &staff, 1).await.remove(0);
    let headers = refused["headers"].as_array().expect("headers");
    for header in [
        json!({"name": "x-session-token", "value": "***"}),
        json!({"name": "content-length", "value": "8"}),
    ] {
        assert!(headers.contains(&header), "{refused}");
    }
    let stored = api.store.rejected_request(id(&refused)).await.expect("read");
    let stored = format!("{:?}", stored.expect("there"));
    let in_hex = hex::encode("hush-17");
    assert!(!stored.contains("hush") && !stored.contains(&in_hex), "{stored}");

    api.set_secret(SECRET_FILE, "right");
    api.post(&path(&refused, "accept/"), &staff, "").await.expect(200);
    let event = only_event(&api).await;
    assert_eq!(event["payload"], json!({"n": 1}));
    assert!(!event.to_string().contains("hush"), "{event}");
    api.stop().await;
}

#[tokio::test]
async fn without_a_header_that_names_the_event_a_request_is_not_accepted() {
    let section = "verify = \"bearer\"\nsecret = \"file:secret\"";
    let api = with_source(section, "mistyped").await;
    let request = Signed::new(JSON, b"{}")
        .with("authorization", "Bearer right")
        .with("x-session-id", "17");
    post(&api, &request).await.problem(401);
    let staff = api.token_of("staff", true).await;
    let refused = kept(&api, &staff, 1).await.remove(0);
    api.set_secret(SECRET_FILE, "right");
    // Nothing was read from the header when it came.
    let later = format!("[sources.s]\n{section}\ndedupe = {{ header = \"X-Session-Id\" }}\n");
    api.set_sources(&later);
    for verb in ["verify/", "accept/"] {
        let problem = api.post(&path(&refused, verb), &staff, "").await.problem(409);
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains("x-session-id was not kept"), "{detail}");
    }
    api.set_sources(&format!("[sources.s]\n{section}\n"));
    api.post(&path(&refused, "accept/"), &staff, "").await.expect(200);
    api.stop().await;
}
