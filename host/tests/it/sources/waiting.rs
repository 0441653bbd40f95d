//! Loads that wait for a network or for room hold nothing up, and are tried again.

use std::time::Duration;

use hookyard::wasm::{Pool, RunEnd};

use super::*;
use crate::support::pipeline::Pipeline;
use crate::support::plugins::{fixture, name, run_one, webhook};

fn sections(shop: &Shop) -> String {
    format!(
        "[plugins.version]\ncomponent = \"http://{}/version.wasm\"\nsha256 = \"{}\"\nroutes = [{{ source = \
         \"*\" }}]\n\n[plugins.echo]\nenabled = true\ncomponent = \"{}\"\n",
        shop.host,
        digest(&version("version_one")),
        component("echo").display()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_and_edits_do_not_wait_for_a_server_that_does_not_answer() {
    let shop = Shop::open().await;
    shop.put("/version.wasm", version("version_one"));
    shop.answers.send_replace(false);
    let pipeline = Pipeline::start(&sections(&shop)).await;
    pipeline.wait_plugin("version", "fetching").await;
    pipeline.wait_plugin("echo", "ready").await;
    let id = pipeline.send("github", "push", &json!({})).await;
    for (edit, state) in [("disable", "disabled"), ("enable", "ready")] {
        let (status, answer) = pipeline
            .post(&format!("/api/plugins/echo/{edit}/"), &json!({}))
            .await;
        assert_eq!((status, &answer["state"]), (200, &json!(state)), "{answer}");
    }
    pipeline.wait_plugin("version", "fetching").await;
    assert_eq!(
        pipeline.event(&id).await["status"],
        "pending",
        "its delivery waits"
    );
    shop.answers.send_replace(true);
    pipeline.wait_status(&id, "processed").await;
    assert_eq!(
        shop.asked("/version.wasm"),
        1,
        "an edit of another section does not begin it anew"
    );
    pipeline.stop().await;
}

/// The longest fetch takes longer than a stop may: the test fails when the stop is not clean.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_a_fetch() {
    let shop = Shop::open().await;
    shop.answers.send_replace(false);
    let pipeline = Pipeline::start(&sections(&shop)).await;
    pipeline.wait_plugin("version", "fetching").await;
    while shop.asked("/version.wasm") == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    pipeline.stop().await;
}

#[tokio::test]
async fn a_load_that_found_no_room_is_tried_again() {
    /// Room for a few components of Rust, which have about four core instances each.
    const POOL: Pool = Pool {
        runs: 64,
        core_instances: 12,
    };
    let mut yard = Yard::new(Environment::default()).await;
    yard.restart_with(POOL);
    let mut sleeper = fixture("misbehave");
    sleeper.limits.timeout = Duration::from_mins(10);
    yard.apply_ready(vec![sleeper.clone()]).await;
    let plugin = yard.registry.plugin(&name("misbehave")).expect("loaded");
    let mut sleeping: tokio::task::JoinSet<_> = (0..=POOL.core_instances)
        .map(|_| {
            let plugin = plugin.clone();
            async move { run_one(&plugin, webhook(&json!({"do": "sleep"}))).await.end }
        })
        .collect();
    let end = sleeping.join_next().await.expect("an end").expect("no panic");
    assert!(matches!(end, RunEnd::Defer { .. }), "the pool is full: {end:?}");
    yard.registry.apply(vec![sleeper, fixture("echo")]).await;
    let status = yard.registry.status(&name("echo")).expect("known");
    let error = status.error.expect("why");
    assert!(error.contains("the pool of instances was full"), "{error}");
    let waiting: Vec<_> = yard
        .registry
        .waiting()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(waiting, [name("echo")]);
    sleeping.shutdown().await;
    let status = yard.registry.try_again(&name("echo")).await.expect("known");
    assert_eq!(status.state, PluginState::Ready, "{status:?}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_tried_again_and_rubbish_is_not() {
    let yard = Yard::new(Environment::default()).await;
    let file = yard.dir.path().join("version.wasm");
    expect_refused(&yard, spec("version", file.clone()), "cannot read").await;
    assert_eq!(yard.registry.waiting().len(), 1);
    fs::write(&file, b"rubbish").expect("written");
    let status = yard.registry.try_again(&name("version")).await.expect("known");
    assert_eq!(status.state, PluginState::Broken);
    assert!(yard.registry.waiting().is_empty());
}
