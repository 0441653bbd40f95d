//! Going back to an earlier build, by a person or after failures, and the history of loads.

use std::fs;

use hookyard::domain::attempt::AttemptOutcome;
use hookyard::environment::Environment;
use hookyard::wasm::{PluginState, ReloadCause, ReloadResult, RollbackError};

use super::{replace, replaceable, summary};
use crate::support::plugins::{Yard, component, name, spec};

fn bytes(fixture: &str) -> Vec<u8> {
    fs::read(component(fixture)).expect("read")
}

#[tokio::test]
async fn a_rolled_back_build_stays_away_over_polls_and_restarts_until_it_is_taken_back() {
    let mut yard = Yard::new(Environment::default()).await;
    let version = name("version");
    let file = replaceable(&yard, "version_one").await;
    let error = yard
        .registry
        .roll_back(&version, "ann")
        .await
        .expect_err("nothing earlier");
    assert!(matches!(error, RollbackError::NothingEarlier(_)), "{error}");

    replace(&file, &bytes("version_two"));
    yard.registry.refresh(&version).await.expect("known");
    let status = yard
        .registry
        .roll_back(&version, "ann")
        .await
        .expect("rolled back");
    assert_eq!(status.state, PluginState::LastGood);
    let error = status.error.expect("why");
    assert!(
        error.contains("rolled back by ann") && error.contains("plugins rollback version --undo"),
        "{error}"
    );
    assert_eq!(summary(&yard).await, "version one");

    let status = yard.registry.refresh(&version).await.expect("known");
    assert_eq!(status.state, PluginState::LastGood, "the poll");
    yard.restart();
    let status = yard.apply(spec("version", file.clone())).await;
    assert_eq!(status.state, PluginState::LastGood, "a restart");
    assert_eq!(summary(&yard).await, "version one");

    let status = yard.registry.accept(&version).await.expect("taken back");
    assert_eq!(status.state, PluginState::Ready);
    assert_eq!(summary(&yard).await, "version two");
    let error = yard.registry.accept(&version).await.expect_err("not rejected");
    assert!(matches!(error, RollbackError::NotRejected(_)), "{error}");
}

#[tokio::test]
async fn a_pin_asks_for_a_rolled_back_build_and_forbids_a_rollback() {
    let yard = Yard::new(Environment::default()).await;
    let version = name("version");
    let file = replaceable(&yard, "version_one").await;
    replace(&file, &bytes("version_two"));
    let newest = yard.registry.refresh(&version).await.expect("known");
    yard.registry
        .roll_back(&version, "ann")
        .await
        .expect("rolled back");
    let mut pinned = spec("version", file);
    pinned.sha256 = newest.digest;
    assert_eq!(yard.apply(pinned).await.state, PluginState::Ready);
    assert_eq!(summary(&yard).await, "version two");
    let error = yard
        .registry
        .roll_back(&version, "ann")
        .await
        .expect_err("pinned");
    assert!(matches!(error, RollbackError::Pinned(_)), "{error}");
    assert_eq!(summary(&yard).await, "version two");
}

#[tokio::test]
async fn a_new_build_that_fails_its_first_deliveries_is_rolled_back() {
    let yard = Yard::new(Environment::default()).await;
    let version = name("version");
    let file = replaceable(&yard, "version_one").await;
    let mut tried = spec("version", file.clone());
    tried.rollback_after = Some(2);
    yard.apply_ready(vec![tried]).await;
    replace(&file, &bytes("version_two"));
    yard.registry.refresh(&version).await.expect("known");
    let plugin = yard.registry.plugin(&version).expect("loaded");
    yard.registry.judge(&plugin, AttemptOutcome::Trapped).await;
    yard.registry.judge(&plugin, AttemptOutcome::Deferred).await;
    assert_eq!(summary(&yard).await, "version two");
    yard.registry.judge(&plugin, AttemptOutcome::Retry).await;
    assert_eq!(summary(&yard).await, "version one");
    let status = yard.registry.status(&version).expect("known");
    let error = status.error.expect("why");
    assert!(error.contains("its first 2 deliveries all failed"), "{error}");
    let newest = &yard.registry.reloads(&version).expect("known")[0];
    assert_eq!(
        (newest.cause, newest.result),
        (ReloadCause::Failures, ReloadResult::Loaded)
    );

    // What serves now did not take the place of another in this sense: no chain of rollbacks.
    let plugin = yard.registry.plugin(&version).expect("loaded");
    for _ in 0..5 {
        yard.registry.judge(&plugin, AttemptOutcome::Trapped).await;
    }
    assert_eq!(summary(&yard).await, "version one");
}

#[tokio::test]
async fn the_history_tells_each_load_once_with_digests_and_phases() {
    let mut yard = Yard::new(Environment::default()).await;
    let version = name("version");
    let file = replaceable(&yard, "version_one").await;
    summary(&yard).await;
    replace(&file, b"rubbish");
    yard.registry.refresh(&version).await.expect("known");
    yard.registry.refresh(&version).await.expect("known");
    replace(&file, &bytes("version_two"));
    yard.registry.refresh(&version).await.expect("known");
    let mut limited = spec("version", file.clone());
    limited.limits.requests = 7;
    yard.apply_ready(vec![limited.clone()]).await;
    yard.restart();
    yard.apply_ready(vec![limited]).await;

    let history = yard.registry.reloads(&version).expect("known");
    let told: Vec<_> = history.iter().map(|load| (load.cause, load.result)).collect();
    assert_eq!(
        told,
        [
            (ReloadCause::Start, ReloadResult::Loaded),
            (ReloadCause::Section, ReloadResult::Loaded),
            (ReloadCause::File, ReloadResult::Loaded),
            (ReloadCause::File, ReloadResult::Refused),
            (ReloadCause::Start, ReloadResult::Loaded),
        ]
    );
    let [_, _, second, refused, first] = &history[..] else {
        panic!("{history:?}");
    };
    assert_eq!(second.old_digest, first.new_digest);
    assert_ne!(second.new_digest, first.new_digest);
    assert!(second.phases.noticed_ms.is_some(), "{second:?}");
    assert!(first.phases.first_run_ms.is_some(), "{first:?}");
    assert!(
        refused
            .error
            .as_ref()
            .is_some_and(|why| why.contains("not a WebAssembly component"))
    );
    assert_eq!(refused.old_digest, first.new_digest);
}
