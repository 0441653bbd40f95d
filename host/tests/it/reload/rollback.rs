//! Going back to an earlier build by a person, and forward again.

use std::fs;

use hookyard::domain::plugin::DigestPrefix;
use hookyard::environment::Environment;
use hookyard::wasm::{PluginState, RollbackError};

use super::files::{bytes, digest};
use super::{replace, replaceable, summary};
use crate::support::pipeline::PATIENCE;
use crate::support::plugins::{Yard, name, spec};

#[tokio::test]
async fn a_rolled_back_build_stays_away_over_polls_and_restarts_until_it_is_taken_back() {
    let mut yard = Yard::new(Environment::default()).await;
    let version = name("version");
    let file = replaceable(&yard, "version_one").await;
    let error = yard
        .registry
        .roll_back(&version, "ann", None)
        .await
        .expect_err("nothing earlier");
    assert!(matches!(error, RollbackError::NothingEarlier(_)), "{error}");

    replace(&file, &bytes("version_two"));
    yard.registry.refresh(&version).await.expect("known");
    let status = yard
        .registry
        .roll_back(&version, "ann", None)
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

    let status = yard.registry.accept(&version, "bob").await.expect("taken back");
    assert_eq!(status.state, PluginState::Ready);
    assert_eq!(summary(&yard).await, "version two");
    let error = yard
        .registry
        .accept(&version, "bob")
        .await
        .expect_err("not rejected");
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
        .roll_back(&version, "ann", None)
        .await
        .expect("rolled back");
    let mut pinned = spec("version", file);
    pinned.sha256 = newest.digest;
    assert_eq!(yard.apply(pinned).await.state, PluginState::Ready);
    assert_eq!(summary(&yard).await, "version two");
    let error = yard
        .registry
        .roll_back(&version, "ann", None)
        .await
        .expect_err("pinned");
    assert!(matches!(error, RollbackError::Pinned(_)), "{error}");
    assert_eq!(summary(&yard).await, "version two");
}

/// A caller that goes away, as an HTTP client may, leaves nothing half done.
#[tokio::test]
async fn a_rollback_ends_without_its_caller_and_outlives_a_restart() {
    let mut yard = Yard::new(Environment::default()).await;
    let version = name("version");
    let file = replaceable(&yard, "version_one").await;
    replace(&file, &bytes("version_two"));
    yard.registry.refresh(&version).await.expect("known");
    let mut changes = yard.registry.changes();
    let asked = yard.registry.roll_back(&version, "ann", None);
    let gone = tokio::time::timeout(std::time::Duration::ZERO, asked).await;
    assert!(gone.is_err(), "done before the caller could go away");
    let told = tokio::time::timeout(PATIENCE, changes.changed()).await;
    told.expect("it ended").expect("a registry");
    assert_eq!(summary(&yard).await, "version one");

    yard.restart();
    let status = yard.apply(spec("version", file)).await;
    assert_eq!(status.state, PluginState::LastGood, "{status:?}");
    assert_eq!(summary(&yard).await, "version one");
}

#[tokio::test]
async fn a_rollback_that_cannot_be_written_down_says_so_until_it_is() {
    let mut yard = Yard::new(Environment::default()).await;
    let version = name("version");
    let file = replaceable(&yard, "version_one").await;
    replace(&file, &bytes("version_two"));
    yard.registry.refresh(&version).await.expect("known");
    // A directory in its place cannot be replaced by a file, whoever asks.
    let journal = yard.dir.path().join("plugins/version.json");
    fs::remove_file(&journal).expect("removed");
    fs::create_dir(&journal).expect("made");
    let status = yard.registry.roll_back(&version, "ann", None).await;
    let status = status.expect("the earlier build serves anyway");
    assert_eq!(summary(&yard).await, "version one");
    let told = status.warnings.join("\n");
    assert!(told.contains("a restart would not know of a rollback"), "{told}");
    assert_eq!(yard.registry.unsaved(), std::slice::from_ref(&version));

    fs::remove_dir(&journal).expect("removed");
    let status = yard.registry.refresh(&version).await.expect("known");
    assert_eq!(
        (status.state, status.warnings.len()),
        (PluginState::LastGood, 0),
        "{status:?}"
    );
    yard.restart();
    let status = yard.apply(spec("version", file)).await;
    assert_eq!(status.state, PluginState::LastGood, "{status:?}");
}

#[tokio::test]
async fn asked_twice_from_the_same_build_it_goes_back_once() {
    let yard = Yard::new(Environment::default()).await;
    let version = name("version");
    let file = replaceable(&yard, "echo").await;
    for fixture in ["version_one", "version_two"] {
        replace(&file, &bytes(fixture));
        yard.registry.refresh(&version).await.expect("known");
    }
    let from: DigestPrefix = digest(&bytes("version_two"))[..12].parse().expect("a digest");
    for _ in 0..2 {
        let status = yard.registry.roll_back(&version, "ann", Some(&from)).await;
        let digest_now = status.expect("rolled back").digest;
        assert_eq!(digest_now, Some(digest(&bytes("version_one"))));
    }
    let other: DigestPrefix = digest(b"another").parse().expect("a digest");
    let error = yard.registry.roll_back(&version, "ann", Some(&other)).await;
    let error = error.expect_err("another serves");
    assert!(matches!(error, RollbackError::NotServing { .. }), "{error}");
    assert_eq!(summary(&yard).await, "version one");
    assert!("12345".parse::<DigestPrefix>().is_err() && "XYZXYZXYZXYZ".parse::<DigestPrefix>().is_err());
}

#[tokio::test]
async fn what_is_switched_off_or_cannot_be_read_is_not_taken_back() {
    let mut yard = Yard::new(Environment::default()).await;
    let version = name("version");
    let file = replaceable(&yard, "version_one").await;
    replace(&file, &bytes("version_two"));
    yard.registry.refresh(&version).await.expect("known");
    let rolled_back = yard.registry.roll_back(&version, "ann", None).await;
    rolled_back.expect("rolled back");
    let mut off = spec("version", file.clone());
    off.enabled = false;
    yard.apply(off.clone()).await;
    for error in [
        yard.registry.accept(&version, "bob").await,
        yard.registry.roll_back(&version, "bob", None).await,
    ] {
        let error = error.expect_err("off");
        assert!(matches!(error, RollbackError::Disabled(_)), "{error}");
    }

    yard.apply(spec("version", file.clone())).await;
    let away = file.with_extension("away");
    fs::rename(&file, &away).expect("moved");
    let error = yard.registry.accept(&version, "bob").await.expect_err("no file");
    let error = error.to_string();
    assert!(
        error.contains("cannot be taken back: cannot read") && !error.contains("earlier"),
        "{error}"
    );
    fs::rename(&away, &file).expect("moved");
    yard.registry.accept(&version, "bob").await.expect("taken back");
    yard.restart();
    let status = yard.apply(spec("version", file)).await;
    assert_eq!(status.state, PluginState::Ready, "{status:?}");
    assert_eq!(summary(&yard).await, "version two");
}
