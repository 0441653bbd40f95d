//! GitHub Apps.

use std::time::Duration;

use hookyard::clock::Clock;
use serde_json::json;

use super::issuer::{Issuer, pkcs1_pem};
use super::{Scene, request};

fn key(_: &Issuer) -> String {
    pkcs1_pem()
}

async fn scene() -> Scene {
    let mut scene = Scene::new("app", key).await;
    let config = &mut scene.spec.config;
    config["api-base"] = json!(scene.issuer.base);
    config["app-id"] = json!("77");
    config["installation-id"] = json!("4242");
    scene
}

#[tokio::test]
async fn the_api_gets_an_installation_token_and_the_guest_nothing() {
    let scene = scene().await;
    scene.apply().await;
    let mut payload = request(&scene.issuer, "app", "/x");
    payload["references"] = json!(["app"]);
    let (output, run) = scene.yard.output("http", &payload).await;
    assert_eq!(output["answers"][0]["status"], 200, "{output}");
    let exchange = &scene.issuer.exchanges()[0];
    assert_eq!(exchange.path, "/app/installations/4242/access_tokens");
    let now = scene.clock.now().as_millis() / 1_000;
    assert_eq!(
        exchange.claims,
        json!({"iss": "77", "iat": now - 60, "exp": now + 540})
    );
    assert_eq!(exchange.headers["accept"], "application/vnd.github+json");
    assert_eq!(exchange.headers["x-github-api-version"], "2022-11-28");
    assert!(exchange.headers.contains_key("user-agent"));
    let asked = &scene.issuer.asked()[0];
    assert_eq!(asked.path, "/x");
    assert_eq!(asked.authorization, format!("Bearer {}", exchange.token));
    let seen = format!("{output} {run:?}");
    assert!(!seen.contains(&exchange.token) && !seen.contains("PRIVATE KEY") && !seen.contains("eyJ"));
}

#[tokio::test]
async fn a_token_serves_until_a_minute_before_the_end_that_github_names() {
    let scene = scene().await;
    scene.apply().await;
    scene.get("app", "/x").await;
    scene
        .clock
        .advance(Duration::from_mins(59) - Duration::from_secs(1));
    scene.get("app", "/x").await;
    assert_eq!(scene.issuer.exchanges().len(), 1);
    scene.clock.advance(Duration::from_secs(1));
    scene.get("app", "/x").await;
    assert_eq!(scene.issuer.exchanges().len(), 2);
}

#[tokio::test]
async fn a_refusal_is_told_with_its_mend() {
    let scene = scene().await;
    scene.apply().await;
    for (status, kind, mend) in [
        (401, "Refused(", "make a new private key"),
        (403, "Refused(", "suspended"),
        (404, "Refused(", "`installation-id` 4242"),
        (502, "Unavailable(", "answered 502"),
    ] {
        scene
            .issuer
            .refuse(status, json!({"message": "GitHub's own words"}).to_string());
        let told = scene.refusal("app").await;
        assert!(told.starts_with(kind) && told.contains(mend), "{status}: {told}");
        assert!(told.contains("GitHub's own words"), "{told}");
    }
    assert!(scene.issuer.asked().is_empty());
}

#[tokio::test]
async fn a_claim_goes_only_to_an_origin_the_secret_is_bound_to() {
    let mut scene = scene().await;
    scene.grant("app").to = Some(vec!["https://api.invalid".parse().expect("an origin")]);
    scene.apply().await;
    let told = scene.refusal("app").await;
    assert!(
        told.starts_with("Refused(") && told.contains("`api-base`"),
        "{told}"
    );
    assert!(scene.issuer.exchanges().is_empty());
}

#[tokio::test]
async fn a_missing_number_and_a_malformed_key_are_named() {
    let mut scene = scene().await;
    scene.apply().await;
    scene.write("hush-hush");
    let told = scene.refusal("app").await;
    assert!(
        told.contains("not a private RSA key") && !told.contains("hush"),
        "{told}"
    );
    for (value, part) in [
        (json!("../x"), "not a number"),
        (json!(""), "[plugins.http.config]"),
    ] {
        scene.spec.config["installation-id"] = value;
        scene.apply().await;
        let told = scene.refusal("app").await;
        assert!(
            told.contains("`installation-id`") && told.contains(part),
            "{told}"
        );
    }
}
