//! Service accounts of Google.

use std::time::Duration;

use hookyard::clock::Clock;
use hookyard::domain::grant::{PrivateNetwork, SecretKind};
use hookyard::wasm::PluginState;
use serde_json::json;

use super::issuer::{EMAIL, Issuer, key_file};
use super::{Scene, request};
use crate::support::plugins::Mirror;

fn file(issuer: &Issuer) -> String {
    key_file("key-1", &issuer.token_url()).to_string()
}

async fn scene() -> Scene {
    Scene::new("google", file).await
}

#[tokio::test]
async fn the_vendor_gets_a_token_and_the_guest_nothing() {
    let scene = scene().await;
    scene.apply().await;
    let mut payload = request(&scene.issuer, "google", "/x");
    payload["references"] = json!(["google"]);
    let (output, run) = scene.yard.output("http", &payload).await;
    assert_eq!(output["answers"][0]["status"], 200, "{output}");
    let exchange = &scene.issuer.exchanges()[0];
    let now = scene.clock.now().as_millis() / 1_000;
    assert_eq!(
        exchange.claims,
        json!({
            "iss": EMAIL,
            "scope": "https://scope.test/asked",
            "aud": scene.issuer.token_url(),
            "iat": now,
            "exp": now + 3_600,
        })
    );
    assert_eq!(exchange.key_id.as_deref(), Some("key-1"));
    let asked = &scene.issuer.asked()[0];
    assert_eq!(asked.path, "/x");
    assert_eq!(asked.authorization, format!("Bearer {}", exchange.token));
    let seen = format!("{output} {run:?}");
    assert!(!seen.contains(&exchange.token) && !seen.contains("PRIVATE KEY") && !seen.contains("eyJ"));
    assert!(
        output["references"][0]
            .as_str()
            .is_some_and(|word| word.starts_with("hookyard-secret-")),
        "{output}"
    );
}

#[tokio::test]
async fn the_exchange_is_in_the_record_and_costs_the_run_no_request() {
    let mut scene = scene().await;
    scene.spec.limits.requests = 1;
    scene.apply().await;
    let (output, run) = scene.get("google", "/x").await;
    assert_eq!(output["answers"][0]["status"], 200, "{output}");
    let calls: Vec<_> = run
        .calls
        .iter()
        .map(|call| (call.method.as_str(), call.url.clone(), call.status))
        .collect();
    assert_eq!(
        calls,
        [
            ("POST", scene.issuer.token_url(), Some(200)),
            ("GET", format!("{}/x", scene.issuer.base), Some(200)),
        ]
    );
}

#[tokio::test]
async fn scopes_subject_and_endpoint_are_the_operators() {
    let mut scene = scene().await;
    scene.write(&key_file("key-1", "https://elsewhere.invalid/token").to_string());
    scene.spec.config["subject"] = json!("person@project.test");
    scene.spec.config["token-url"] = json!(scene.issuer.token_url());
    let grant = scene.grant("google");
    grant.scopes = Some(vec!["scope-a".to_owned(), "scope-b".to_owned()]);
    grant.kind = Some(SecretKind::GoogleServiceAccount);
    scene.apply().await;
    scene.get("google", "/x").await;
    let claims = &scene.issuer.exchanges()[0].claims;
    assert_eq!(claims["scope"], "scope-a scope-b");
    assert_eq!(claims["sub"], "person@project.test");
    assert_eq!(claims["aud"], scene.issuer.token_url());
}

#[tokio::test]
async fn a_token_serves_until_a_minute_before_its_end() {
    let scene = scene().await;
    scene.apply().await;
    scene.get("google", "/x").await;
    scene.clock.advance(Duration::from_secs(3_599 - 61));
    scene.get("google", "/x").await;
    assert_eq!(scene.issuer.exchanges().len(), 1);
    scene.clock.advance(Duration::from_secs(2));
    scene.get("google", "/x").await;
    let exchanges = scene.issuer.exchanges();
    assert_eq!(exchanges.len(), 2);
    let last = scene.issuer.asked().pop().expect("a request");
    assert_eq!(last.authorization, format!("Bearer {}", exchanges[1].token));
}

#[tokio::test]
async fn runs_at_the_same_time_share_one_exchange() {
    const RUNS: usize = 4;
    let scene = scene().await;
    scene.apply().await;
    scene.issuer.hold();
    let mut payload = request(&scene.issuer, "google", "/x");
    let begin = json!({"url": format!("{}/begin", scene.issuer.base)});
    payload["requests"]
        .as_array_mut()
        .expect("a list")
        .insert(0, begin);
    let runs = futures_util::future::join_all((0..RUNS).map(|_| scene.yard.output("http", &payload)));
    let released = async {
        scene.issuer.wait_asked(RUNS).await;
        scene.issuer.release();
    };
    let (outputs, ()) = tokio::join!(runs, released);
    for (output, _) in outputs {
        assert_eq!(output["answers"][1]["status"], 200, "{output}");
    }
    assert_eq!(scene.issuer.exchanges().len(), 1);
}

#[tokio::test]
async fn a_token_that_the_vendor_refuses_is_not_used_again() {
    let scene = scene().await;
    scene.apply().await;
    scene.get("google", "/x").await;
    scene.get("google", "/unauthorized").await;
    assert_eq!(scene.issuer.exchanges().len(), 1);
    scene.get("google", "/x").await;
    let exchanges = scene.issuer.exchanges();
    assert_eq!(exchanges.len(), 2);
    let last = scene.issuer.asked().pop().expect("a request");
    assert_eq!(last.authorization, format!("Bearer {}", exchanges[1].token));
}

#[tokio::test]
async fn a_changed_key_file_means_a_new_token() {
    let scene = scene().await;
    scene.apply().await;
    scene.get("google", "/x").await;
    scene.write(&key_file("key-2", &scene.issuer.token_url()).to_string());
    scene.get("google", "/x").await;
    let used: Vec<_> = scene.issuer.exchanges().into_iter().map(|e| e.key_id).collect();
    assert_eq!(used, [Some("key-1".to_owned()), Some("key-2".to_owned())]);
}

#[tokio::test]
async fn a_refusal_is_told_with_its_mend_and_nothing_is_sent() {
    let mut scene = scene().await;
    scene.spec.config["subject"] = json!("person@project.test");
    scene.apply().await;
    for (status, error, kind, mend) in [
        (400, "invalid_grant", "Refused(", "make a new key"),
        (401, "unauthorized_client", "Refused(", "domain-wide delegation"),
        (400, "invalid_scope", "Refused(", "check the scopes"),
        (401, "invalid_client", "Refused(", "make a new key"),
        (302, "", "Refused(", "check `token_uri` of the key file"),
        (429, "slow_down", "Unavailable(", "answered 429 slow_down"),
        (503, "", "Unavailable(", "answered 503"),
    ] {
        let body = json!({"error": error, "error_description": "Google's own words"});
        scene.issuer.refuse(status, body.to_string());
        let told = scene.refusal("google").await;
        assert!(told.starts_with(kind) && told.contains(mend), "{status}: {told}");
        assert!(told.contains("Google's own words"), "{told}");
    }
    assert!(scene.issuer.asked().is_empty(), "the vendor saw no request");
    assert!(scene.issuer.exchanges().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_no_token_is_not_used() {
    let scene = scene().await;
    scene.apply().await;
    for (body, words) in [
        ("x".repeat(65 << 10), "larger than 64 KiB"),
        ("{}".to_owned(), "without an access token"),
        (json!({"access_token": "a b"}).to_string(), "no header can hold"),
    ] {
        scene.issuer.refuse(200, body);
        let told = scene.refusal("google").await;
        assert!(told.starts_with("Unavailable(") && told.contains(words), "{told}");
    }
}

#[tokio::test]
async fn a_wrong_clock_is_told_with_both_times() {
    let scene = scene().await;
    scene.apply().await;
    // The issuer's clock is the yard's own; a second issuer goes by another.
    let behind = super::issuer::clock();
    behind.advance(Duration::from_hours(2));
    let ahead = Issuer::start(&behind).await;
    scene.write(&key_file("key-1", &ahead.token_url()).to_string());
    let told = scene.refusal("google").await;
    assert!(
        told.starts_with("Refused(") && told.contains("short-lived"),
        "{told}"
    );
    let clocks = format!(
        "check this machine's clock, which shows {} while the issuer's shows {}",
        scene.clock.now(),
        behind.now()
    );
    assert!(told.contains(&clocks), "{told}");
}

#[tokio::test]
async fn a_token_that_an_issuer_repeats_is_masked() {
    let scene = scene().await;
    scene.apply().await;
    scene.get("google", "/x").await;
    let token = scene.issuer.exchanges()[0].token.clone();
    scene.clock.advance(Duration::from_hours(2));
    let words = json!({"error": "invalid_grant", "error_description": format!("{token} is over")});
    scene.issuer.refuse(400, words.to_string());
    let told = scene.refusal("google").await;
    let stars = format!("invalid_grant {} is over", "*".repeat(token.len()));
    assert!(told.contains(&stars), "{told}");
}

#[tokio::test]
async fn refused_requests_for_a_token_are_counted() {
    let mut scene = scene().await;
    scene.spec.grants.private_network = PrivateNetwork::None;
    scene.apply().await;
    scene.refusal("google").await;
    let metrics = scene.yard.metrics.text().expect("text");
    let counted = "hookyard_plugin_requests_refused_total{plugin=\"http\",reason=\"Right\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn a_token_goes_only_to_the_origins_the_secret_is_bound_to() {
    let mut scene = scene().await;
    scene.grant("google").to = Some(vec!["https://sheets.invalid".parse().expect("an origin")]);
    scene.apply().await;
    let (output, run) = scene.get("google", "/x").await;
    assert!(output["answers"][0]["error"].is_string(), "{output}");
    let last = run.calls.last().and_then(|call| call.error.as_deref());
    assert!(
        last.is_some_and(|error| error.contains("may not be sent to")),
        "{run:?}"
    );
    assert!(scene.issuer.asked().is_empty());
}

#[tokio::test]
async fn the_token_endpoint_needs_the_grant_of_private_addresses_too() {
    let mut scene = scene().await;
    let mirror = Mirror::start().await;
    scene.spec.grants.private_network = PrivateNetwork::Only(vec![mirror.base.parse().expect("an origin")]);
    scene.apply().await;
    let told = scene.refusal("google").await;
    assert!(
        told.starts_with("Refused(") && told.contains("private-network"),
        "{told}"
    );
    let port = scene.issuer.base.rsplit(':').next().expect("a port");
    let uri = format!("https://127.0.0.1:{port}/token");
    scene.write(&key_file("key-1", &uri).to_string());
    let told = scene.refusal("google").await;
    assert!(
        told.starts_with("Refused(") && told.contains("may not reach"),
        "{told}"
    );
    assert!(scene.issuer.exchanges().is_empty());
}

#[tokio::test]
async fn a_malformed_key_file_names_the_field() {
    let scene = scene().await;
    scene.apply().await;
    let mut file = key_file("key-1", &scene.issuer.token_url());
    file["private_key"] = json!("hush-hush");
    scene.write(&file.to_string());
    let told = scene.refusal("google").await;
    assert!(
        told.starts_with("Refused(") && told.contains("`private_key`") && !told.contains("hush-hush"),
        "{told}"
    );
}

#[tokio::test]
async fn a_kind_that_is_not_the_manifests_is_refused_with_both() {
    let mut scene = scene().await;
    scene.grant("google").kind = Some(SecretKind::Plain);
    let status = scene.yard.apply(scene.spec.clone()).await;
    assert_ne!(status.state, PluginState::Ready);
    let error = status.error.expect("a reason");
    assert!(
        error.contains("`kind = \"plain\"`") && error.contains("kind google-service-account"),
        "{error}"
    );
}
