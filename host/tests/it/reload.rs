//! Builds and settings change under way; nothing that serves is lost.

mod drafts;
mod files;
mod history;
mod many;
mod pins;
mod rights;
mod rollback;
mod trials;
mod variables;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hookyard::environment::Environment;
use hookyard::wasm::{PluginState, RunEnd, Runtime};
use serde_json::json;

use crate::support::plugins::{Yard, component, fixture, grant_secret, name, spec};

/// A plugin whose file a test may replace.
async fn replaceable(yard: &Yard, first: &str) -> PathBuf {
    let file = yard.dir.path().join("plugin.wasm");
    fs::copy(component(first), &file).expect("copied");
    yard.apply_ready(vec![spec("version", file.clone())]).await;
    file
}

/// Replaces a file as a careful deployer does.
fn replace(file: &std::path::Path, bytes: &[u8]) {
    let new = file.with_extension("new");
    fs::write(&new, bytes).expect("written");
    fs::rename(&new, file).expect("renamed");
}

async fn summary(yard: &Yard) -> String {
    match yard.run("version", &json!({})).await.end {
        RunEnd::Succeeded { summary, .. } => summary,
        other => panic!("no success: {other:?}"),
    }
}

#[tokio::test]
async fn a_replaced_component_runs_the_new_code_and_a_broken_one_changes_nothing() {
    let yard = Yard::new(Environment::default()).await;
    let file = replaceable(&yard, "version_one").await;
    assert_eq!(summary(&yard).await, "version one");

    let held = yard.registry.plugin(&name("version")).expect("loaded");
    replace(&file, &fs::read(component("version_two")).expect("read"));
    let status = yard.registry.refresh(&name("version")).await.expect("known");
    assert_eq!((status.state, status.generation), (PluginState::Ready, Some(2)));
    assert_eq!(summary(&yard).await, "version two");
    let run = crate::support::plugins::run_one(&held, crate::support::plugins::webhook(&json!({}))).await;
    assert!(matches!(&run.end, RunEnd::Succeeded { summary, .. } if summary == "version one"));

    for broken in [
        &b"half a file"[..],
        b"\0asm\x01\0\0\0",
        b"\0asm\x0d\0\x01\0rubbish",
    ] {
        replace(&file, broken);
        let status = yard.registry.refresh(&name("version")).await.expect("known");
        assert_eq!(
            (status.state, status.generation),
            (PluginState::LastGood, Some(2))
        );
        assert!(status.error.is_some());
        assert_eq!(summary(&yard).await, "version two");
    }
    replace(&file, &fs::read(component("version_one")).expect("read"));
    let status = yard.registry.refresh(&name("version")).await.expect("known");
    assert_eq!((status.state, status.error), (PluginState::Ready, None));
    assert_eq!(summary(&yard).await, "version one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_run_fails_while_the_component_is_replaced() {
    let yard = Arc::new(Yard::new(Environment::default()).await);
    let file = replaceable(&yard, "version_one").await;
    let runner = {
        let yard = yard.clone();
        tokio::spawn(async move {
            let mut before = 0;
            while summary(&yard).await == "version one" {
                before += 1;
            }
            before
        })
    };
    replace(&file, &fs::read(component("version_two")).expect("read"));
    yard.registry.refresh(&name("version")).await.expect("known");
    let before = tokio::time::timeout(Duration::from_mins(1), runner).await;
    before.expect("the new code in time").expect("no run failed");
}

#[tokio::test]
async fn a_restart_with_a_broken_file_starts_from_the_last_good_build() {
    let mut yard = Yard::new(Environment::default()).await;
    let file = replaceable(&yard, "version_one").await;
    replace(&file, b"rubbish");
    yard.restart();
    let status = yard.apply(spec("version", file)).await;
    assert_eq!(status.state, PluginState::LastGood, "{status:?}");
    assert_eq!(summary(&yard).await, "version one");
}

#[tokio::test]
async fn settings_take_effect_without_a_new_generation() {
    let yard = Yard::with(fixture("echo")).await;
    let mut changed = fixture("echo");
    changed.config = json!({"a": 1});
    let status = yard.apply(changed).await;
    assert_eq!((status.state, status.generation), (PluginState::Ready, Some(1)));
    let (output, _) = yard.output("echo", &json!({})).await;
    assert_eq!(output["config"], json!({"a": 1}));
}

#[tokio::test]
async fn a_configuration_that_does_not_fit_keeps_the_old_one() {
    let yard = Yard::new(Environment::default()).await;
    let good = crate::support::plugins::http_fixture("http://127.0.0.1:9", &[]);
    yard.apply_ready(vec![good.clone()]).await;
    let mut bad = good;
    bad.config = json!({"base": 7});
    let status = yard.apply(bad).await;
    assert_eq!(status.state, PluginState::LastGood);
    let error = status.error.expect("an error");
    assert!(
        error.contains("[plugins.http.config]") && error.contains("`base`"),
        "{error}"
    );
}

#[tokio::test]
async fn an_endless_describe_and_a_foreign_world_are_refused_with_a_reason() {
    let yard = Yard::new(Environment::default()).await;
    let status = yard.apply(fixture("describe_loop")).await;
    assert_eq!(status.state, PluginState::Broken);
    let error = status.error.expect("an error");
    assert!(error.contains("`describe` failed: cpu:"), "{error}");

    let status = yard.apply(fixture("wrong_world")).await;
    let error = status.error.expect("an error");
    assert!(error.contains("does not export `describe:"), "{error}");
    assert!(yard.registry.plugin(&name("wrong-world")).is_none());
}

#[tokio::test]
async fn disabled_and_removed_plugins_are_gone_and_paused_ones_wait() {
    let yard = Yard::with(fixture("echo")).await;
    let mut changed = fixture("echo");
    changed.paused = true;
    assert_eq!(yard.apply(changed.clone()).await.state, PluginState::Paused);
    assert!(yard.registry.plugin(&name("echo")).expect("loaded").spec().paused);
    changed.enabled = false;
    assert_eq!(yard.apply(changed).await.state, PluginState::Disabled);
    assert!(yard.registry.plugin(&name("echo")).is_none());
    let report = yard.registry.apply(Vec::new()).await;
    assert_eq!(report.removed, [name("echo")]);
    assert!(yard.registry.names().is_empty());
}

#[tokio::test]
async fn an_altered_cache_entry_is_never_loaded_but_made_anew() {
    let mut yard = Yard::with(fixture("echo")).await;
    let entry = cached(&yard).expect("an entry");
    let good = fs::read(&entry).expect("an entry");
    let mut altered = good.clone();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    fs::write(&entry, &altered).expect("altered");
    yard.restart();
    yard.apply_ready(vec![fixture("echo")]).await;
    assert_ne!(fs::read(&entry).expect("an entry"), altered);
    yard.output("echo", &json!({})).await;

    // An entry that is whole, but under the name of another component.
    yard.apply_ready(vec![fixture("version_one")]).await;
    let digest = yard
        .registry
        .plugin(&name("version-one"))
        .expect("loaded")
        .digest()
        .to_owned();
    fs::write(entry.with_file_name(format!("{digest}.cwasm")), &good).expect("exchanged");
    yard.restart();
    yard.apply_ready(vec![fixture("version_one")]).await;
    let run = yard.run("version-one", &json!({})).await;
    assert!(
        matches!(&run.end, RunEnd::Succeeded { summary, .. } if summary == "version one"),
        "{run:?}"
    );
}

/// The one entry of the code cache, if there is one.
fn cached(yard: &Yard) -> Option<PathBuf> {
    let engines: Vec<PathBuf> = fs::read_dir(yard.dir.path().join("cache"))
        .expect("a cache")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .collect();
    let entries = fs::read_dir(&engines[0]).expect("an engine's entries");
    entries.map(|entry| entry.expect("an entry").path()).next()
}

#[tokio::test]
async fn inspect_shows_what_a_component_asks_for() {
    let runtime = Runtime::new().expect("a runtime");
    let inspection = runtime.inspect(&component("http")).await.expect("a plugin");
    assert_eq!(inspection.manifest.name, "http");
    assert_eq!(inspection.digest.len(), 64);
    assert!(
        inspection
            .imports
            .iter()
            .any(|import| import.starts_with("wasi:http/outgoing-handler"))
    );
    let data = tempfile::tempdir().expect("a directory");
    let mut with_secret = crate::support::plugins::http_fixture("http://127.0.0.1:9", &[]);
    grant_secret(&mut with_secret, "plain", "NOT_SET_ANYWHERE");
    let warnings = runtime
        .check(&with_secret, &Environment::default(), data.path())
        .await;
    let warnings = warnings.expect("loads").join("\n");
    assert!(
        warnings.contains("NOT_SET_ANYWHERE") && warnings.contains("is asked for and not granted"),
        "{warnings}"
    );
}
