//! Large bodies: their proofs are judged on threads of their own, as many of them as there is room for.

use std::sync::mpsc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::signer::{self, Signed, Terms};
use super::{post, with_source};

/// Above what is judged where the request is served.
const LARGE: usize = 100 << 10;

/// How long it is looked whether something waits: it would be over in a few milliseconds.
const MOMENT: Duration = Duration::from_millis(300);

fn github(letters: usize, secret: &str) -> Signed {
    let body = format!("{{\"a\": \"{}\"}}", "x".repeat(letters));
    let terms = Terms {
        secret,
        at: 0,
        algorithm: hmac::HMAC_SHA256,
        url: "",
    };
    signer::github(terms, "application/json", body.as_bytes()).with("x-github-event", "push")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proof_of_a_large_body_waits_for_room() {
    let api = with_source("verify = \"github\"\nsecret = \"file:secret\"", "right").await;
    let (go_on, held) = mpsc::channel::<()>();
    let (begun, begins) = tokio::sync::oneshot::channel();
    let looks = api.looks.clone();
    let held = move || {
        begun.send(()).expect("the test waits");
        held.recv().is_err()
    };
    let holding = tokio::spawn(async move { looks.look(usize::MAX, held).await });
    begins.await.expect("all of the room is taken");
    post(&api, &github(10, "right")).await.expect(200);
    post(&api, &github(10, "wrong")).await.problem(401);
    let large = github(LARGE, "right");
    let mut posted = Box::pin(post(&api, &large));
    let waits = tokio::time::timeout(MOMENT, posted.as_mut()).await.is_err();
    assert!(waits, "it is judged without room");
    drop(go_on);
    assert_eq!(holding.await.expect("no panic"), Some(true));
    posted.await.expect(200);
    post(&api, &github(LARGE, "wrong")).await.problem(401);
    api.stop().await;
}

/// Twilio signs a form sorted, behind the address that it called, and we know neither the scheme nor whether it wrote
/// the port.
#[tokio::test]
async fn a_large_form_is_proven_behind_any_spelling_of_the_address() {
    let api = with_source("verify = \"twilio\"\nsecret = \"file:secret\"", "right").await;
    let value = "x".repeat(LARGE);
    let body = format!("b=2&a={value}&c=3");
    let sorted = format!("a{value}b2c3");
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"right");
    let host = api.address.ip();
    let path = "/api/webhooks/receive/s/";
    for (origin, status) in [
        (format!("https://{}", api.address), 200),
        (format!("http://{}", api.address), 200),
        (format!("https://{host}"), 200),
        ("https://elsewhere.example.test".to_owned(), 401),
    ] {
        let tag = hmac::sign(&key, format!("{origin}{path}{sorted}").as_bytes());
        let signed = Signed::new("application/x-www-form-urlencoded", body.as_bytes())
            .with("x-twilio-signature", STANDARD.encode(tag));
        let answer = post(&api, &signed).await;
        assert_eq!(answer.status.as_u16(), status, "{origin}");
    }
    api.stop().await;
}
