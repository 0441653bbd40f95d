//! A new build serves as a draft until its optimised code is there.

use std::time::Duration;

use hookyard::environment::Environment;
use hookyard::wasm::{Grade, RunEnd};
use serde_json::{Value, json};

use super::cached;
use super::files::wait;
use crate::support::pipeline::Pipeline;
use crate::support::plugins::{Yard, component, fixture, name};

/// The processor limit that ended a run.
async fn limit(yard: &Yard, payload: &Value) -> String {
    let run = yard.run("misbehave", payload).await;
    match run.end {
        RunEnd::Limit(text) if text.starts_with("cpu: ") => text,
        end => panic!("no processor limit: {end:?}"),
    }
}

#[tokio::test]
async fn a_draft_runs_within_its_limits_and_gives_way_without_a_new_generation() {
    let mut yard = Yard::new(Environment::default()).await;
    let plugin = name("misbehave");
    let mut spec = fixture("misbehave");
    spec.limits.cpu = Duration::from_millis(200);
    yard.registry.draft_first();
    let draft = yard.apply(spec.clone()).await;
    assert_eq!(draft.code, Some(Grade::Draft), "{draft:?}");
    assert!(cached(&yard).is_none(), "a draft is not kept");
    let looped = json!({"do": "loop"});
    let stopped = limit(&yard, &looped).await;
    assert!(
        stopped.contains("800ms") && stopped.contains("four times limits.cpu"),
        "{stopped}"
    );

    yard.registry.optimise().await;
    let optimised = yard.registry.status(&plugin).expect("a plugin");
    assert_eq!(optimised.code, Some(Grade::Optimised), "{optimised:?}");
    assert_eq!(
        (optimised.generation, &optimised.loaded_at),
        (draft.generation, &draft.loaded_at)
    );
    assert!(cached(&yard).is_some());
    let stopped = limit(&yard, &looped).await;
    assert!(
        stopped.contains("200ms") && stopped.contains("(limits.cpu)"),
        "{stopped}"
    );
    assert_eq!(yard.registry.reloads(&plugin).expect("loads").len(), 1);

    yard.restart();
    yard.registry.draft_first();
    let restarted = yard.apply(spec).await;
    assert_eq!(restarted.code, Some(Grade::Optimised), "from the cache");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_optimises_what_it_serves() {
    let dir = tempfile::tempdir().expect("a directory");
    let section = format!(
        "[plugins.version]\ncomponent = \"{}\"\nroutes = [{{ source = \"*\" }}]\n",
        component("version_one").display()
    );
    let env = Environment::default();
    let pipeline = Pipeline::start_in(dir.path(), &section, env).await;
    let optimised = wait(&pipeline, "optimised", |plugin| plugin["code"] == "optimised").await;
    assert_eq!(optimised["generation"], 1, "{optimised:#}");
    let loads = pipeline.registry.reloads(&name("version")).expect("loads");
    assert_eq!(loads[0].phases.code, Some(Grade::Draft), "{loads:?}");
    pipeline.stop().await;
}
