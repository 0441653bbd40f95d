//! The pin `sha256`, and builds kept for a restart.

use std::fs;

use hookyard::environment::Environment;
use hookyard::wasm::{PluginState, RunEnd};
use serde_json::json;

use super::{replace, replaceable, summary};
use crate::support::plugins::{Yard, component, fixture, name, run_one, spec, webhook};

#[tokio::test]
async fn a_pin_that_does_not_match_is_refused_with_both_digests() {
    let yard = Yard::new(Environment::default()).await;
    let mut pinned = fixture("echo");
    pinned.sha256 = Some("0".repeat(64));
    let status = yard.apply(pinned).await;
    let error = status.error.expect("an error");
    assert!(
        error.contains(&"0".repeat(64)) && error.contains("has the SHA-256"),
        "{error}"
    );
}

#[tokio::test]
async fn a_new_pin_stops_a_running_build_of_another_digest() {
    let yard = Yard::new(Environment::default()).await;
    let file = replaceable(&yard, "version_one").await;
    let running = yard.registry.plugin(&name("version")).expect("loaded");
    let mut pinned = spec("version", file.clone());
    pinned.sha256 = Some(digest(&component("version_two")));
    let status = yard.apply(pinned.clone()).await;
    assert_eq!(
        (status.state, status.generation),
        (PluginState::Broken, None),
        "{status:?}"
    );
    let error = status.error.expect("an error");
    assert!(error.contains("has the SHA-256"), "{error}");
    assert!(yard.registry.plugin(&name("version")).is_none());
    let late = run_one(&running, webhook(&json!({}))).await;
    assert!(matches!(late.end, RunEnd::Defer { .. }), "{late:?}");

    replace(&file, &fs::read(component("version_two")).expect("read"));
    let status = yard.registry.refresh(&name("version")).await.expect("known");
    assert_eq!(status.state, PluginState::Ready, "{status:?}");
    assert_eq!(summary(&yard).await, "version two");
}

#[tokio::test]
async fn a_pin_of_the_running_build_keeps_it_when_the_file_is_another() {
    let mut yard = Yard::new(Environment::default()).await;
    let file = replaceable(&yard, "version_one").await;
    replace(&file, &fs::read(component("version_two")).expect("read"));
    let mut pinned = spec("version", file);
    pinned.sha256 = Some(digest(&component("version_one")));
    assert_eq!(yard.apply(pinned.clone()).await.state, PluginState::LastGood);
    assert_eq!(summary(&yard).await, "version one");
    yard.restart();
    assert_eq!(yard.apply(pinned).await.state, PluginState::LastGood);
    assert_eq!(summary(&yard).await, "version one");
}

#[tokio::test]
async fn a_damaged_kept_build_is_written_anew() {
    let mut yard = Yard::new(Environment::default()).await;
    let file = replaceable(&yard, "version_one").await;
    let digest = digest(&component("version_one"));
    let kept = yard.dir.path().join("plugins").join(format!("{digest}.wasm"));
    fs::write(&kept, b"damaged").expect("damaged");
    yard.restart();
    yard.apply_ready(vec![spec("version", file.clone())]).await;
    replace(&file, b"rubbish");
    yard.restart();
    let status = yard.apply(spec("version", file)).await;
    assert_eq!(status.state, PluginState::LastGood, "{status:?}");
    assert_eq!(summary(&yard).await, "version one");
}

/// The SHA-256 of a file, in hex.
fn digest(file: &std::path::Path) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(fs::read(file).expect("read")))
}
