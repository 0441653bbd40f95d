//! The history of a plugin's loads: each once, with its own figures and its reason.

use std::fs;
use std::time::Duration;

use hookyard::environment::Environment;
use hookyard::wasm::{PluginState, ReloadCause, ReloadResult};

use super::files::bytes;
use super::{replace, replaceable, summary};
use crate::support::plugins::{Yard, name, spec};

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
            .why
            .as_ref()
            .is_some_and(|why| why.contains("not a WebAssembly component"))
    );
    assert_eq!(refused.old_digest, first.new_digest);
}

#[tokio::test]
async fn the_first_run_is_told_of_the_load_it_waited_for() {
    let yard = Yard::new(Environment::default()).await;
    let version = name("version");
    let file = replaceable(&yard, "version_one").await;
    let mut limited = spec("version", file.clone());
    limited.limits.requests = 7;
    yard.apply_ready(vec![limited]).await;
    summary(&yard).await;
    let history = yard.registry.reloads(&version).expect("known");
    let [section, first] = &history[..] else {
        panic!("{history:?}");
    };
    assert_eq!(
        (section.cause, first.cause),
        (ReloadCause::Section, ReloadCause::Start)
    );
    assert!(section.phases.first_run_ms.is_none(), "{section:?}");
    assert!(first.phases.first_run_ms.is_some(), "{first:?}");
}

#[tokio::test]
async fn who_rolled_back_and_forward_and_why_stands_in_the_history() {
    let mut yard = Yard::new(Environment::default()).await;
    let version = name("version");
    let file = replaceable(&yard, "version_one").await;
    replace(&file, &bytes("version_two"));
    yard.registry.refresh(&version).await.expect("known");
    let rolled_back = yard.registry.roll_back(&version, "ann", None).await;
    rolled_back.expect("rolled back");
    yard.registry.accept(&version, "bob").await.expect("taken back");
    replace(&file, b"rubbish");
    yard.restart();
    let status = yard.apply(spec("version", file)).await;
    assert_eq!(status.state, PluginState::LastGood);
    let history = yard.registry.reloads(&version).expect("known");
    let told: Vec<_> = history
        .iter()
        .map(|load| (load.cause, load.why.as_deref().unwrap_or("-")))
        .collect();
    assert_eq!(
        told[2..],
        [
            (ReloadCause::Undo, "rollback taken back by bob"),
            (ReloadCause::Rollback, "rolled back by ann"),
            (ReloadCause::File, "-"),
            (ReloadCause::Start, "-"),
        ]
    );
    let (fallback, why) = told[0];
    assert_eq!(fallback, ReloadCause::Fallback);
    assert!(why.contains("not a WebAssembly component"), "{why}");
}

/// The section is put in force over the build that serves, after the file's could not be.
#[tokio::test]
async fn a_section_has_no_figures_of_the_build_that_failed() {
    let yard = Yard::new(Environment::default()).await;
    let version = name("version");
    let file = replaceable(&yard, "version_one").await;
    let mut limited = spec("version", file.clone());
    limited.limits.requests = 7;
    // It compiles and cannot say who it is, which takes the longest of all failures.
    replace(&file, &bytes("describe_loop"));
    yard.apply(limited).await;
    let history = yard.registry.reloads(&version).expect("known");
    let [section, refused, _first] = &history[..] else {
        panic!("{history:?}");
    };
    assert_eq!(
        (section.cause, refused.result),
        (ReloadCause::Section, ReloadResult::Refused)
    );
    assert!(
        section.phases.noticed_ms.is_none() && section.phases.read_ms == 0,
        "{section:?}"
    );
    assert!(section.duration_ms < refused.duration_ms, "{history:?}");
}

/// A file that was made long ago and moved here now was not seen late.
#[tokio::test]
async fn a_moved_file_counts_from_when_it_was_moved() {
    let yard = Yard::new(Environment::default()).await;
    let version = name("version");
    let file = replaceable(&yard, "version_one").await;
    let built = file.with_extension("built");
    fs::write(&built, bytes("version_two")).expect("written");
    let made = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let open = fs::File::options().write(true).open(&built).expect("opened");
    open.set_modified(made).expect("set");
    drop(open);
    fs::rename(&built, &file).expect("moved");
    yard.registry.refresh(&version).await.expect("known");
    let history = yard.registry.reloads(&version).expect("known");
    let noticed = history[0].phases.noticed_ms.expect("just moved");
    assert!(noticed < 25_000, "{:?}", history[0]);
}
