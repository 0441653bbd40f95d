//! The breaker: opens on failures, costs what waits nothing, tries one, shows itself.

use serde_json::json;

use super::{attempts, get, plugin, reason, section};
use crate::support::pipeline::Pipeline;

/// A plugin that waits long after its own failures, with this breaker.
fn failing(breaker: &str) -> String {
    let retry = "[plugins.fail.retry]\nschedule = [\"1h\", \"1h\"]";
    section("fail", "fail", &format!("{breaker}\n{retry}"))
}

/// Fails twice and waits until the breaker has seen it.
async fn open(pipeline: &Pipeline) {
    for _ in 0..2 {
        let id = pipeline.send("fail", "x", &json!({"do": "retry"})).await;
        pipeline
            .wait_event(&id, |event| event["deliveries"][0]["state"] == "retrying")
            .await;
    }
}

async fn gauge(pipeline: &Pipeline) -> String {
    let metrics = get(pipeline, "/metrics").await.text().await.expect("text");
    let mut lines = metrics.lines();
    let line = lines.find(|line| line.starts_with("hookyard_plugin_breaker{plugin=\"fail\"}"));
    line.expect("the gauge").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_opens_holds_what_comes_and_can_be_switched_off() {
    let breaker = "[plugins.fail.breaker]\nfailures = 2\nopen = \"1h\"\nmax-open = \"1h\"";
    let text = failing(breaker) + &section("echo", "echo", "");
    let pipeline = Pipeline::start(&text).await;
    open(&pipeline).await;
    let held = pipeline.send("fail", "x", &json!({"do": "ok"})).await;
    let event = pipeline
        .wait_event(&held, |event| reason(event) == "breaker")
        .await;
    assert!(attempts(&event).is_empty(), "{event:#}");
    assert!(!event["deliveries"][0]["waiting_for"]["until"].is_null());
    let lane = plugin(&pipeline, "fail").await["lane"].clone();
    assert_eq!(lane["breaker"], "open", "{lane}");
    assert_eq!(
        gauge(&pipeline).await,
        "hookyard_plugin_breaker{plugin=\"fail\"} 2"
    );
    // Others run.
    let free = pipeline.send("echo", "x", &json!(1)).await;
    pipeline.wait_status(&free, "processed").await;

    pipeline.write_plugins(&(failing("breaker = \"off\"") + &section("echo", "echo", "")));
    let event = pipeline.wait_status(&held, "processed").await;
    assert_eq!(
        (attempts(&event).len(), &attempts(&event)[0]["number"]),
        (1, &json!(1))
    );
    assert_eq!(
        gauge(&pipeline).await,
        "hookyard_plugin_breaker{plugin=\"fail\"} 0"
    );
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_time_one_is_tried_and_a_success_closes_it() {
    let breaker = "[plugins.fail.breaker]\nfailures = 2\nopen = \"300ms\"";
    let pipeline = Pipeline::start(&failing(breaker)).await;
    open(&pipeline).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(pipeline.send("fail", "x", &json!({"do": "ok"})).await);
    }
    for id in ids {
        let event = pipeline.wait_status(&id, "processed").await;
        assert_eq!(attempts(&event).len(), 1, "{event:#}");
    }
    assert_eq!(plugin(&pipeline, "fail").await["lane"]["breaker"], "closed");
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rejections_do_not_open_it() {
    let breaker = "[plugins.fail.breaker]\nfailures = 1\nopen = \"1h\"\nmax-open = \"1h\"";
    let pipeline = Pipeline::start(&failing(breaker)).await;
    for _ in 0..3 {
        let id = pipeline.send("fail", "x", &json!({"do": "reject"})).await;
        pipeline.wait_status(&id, "failed").await;
    }
    let id = pipeline.send("fail", "x", &json!({"do": "ok"})).await;
    pipeline.wait_status(&id, "processed").await;
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_that_always_trap_do_not_open_it() {
    let breaker = "[plugins.misbehave.breaker]\nfailures = 1\nopen = \"1h\"\nmax-open = \"1h\"";
    let retry = "[plugins.misbehave.retry]\nattempts = 1";
    let pipeline = Pipeline::start(&section("misbehave", "misbehave", &format!("{breaker}\n{retry}"))).await;
    for _ in 0..2 {
        let id = pipeline.send("misbehave", "x", &json!({"do": "panic"})).await;
        pipeline.wait_status(&id, "failed").await;
    }
    let id = pipeline
        .send("misbehave", "x", &json!({"do": "sleep", "ms": 0}))
        .await;
    pipeline.wait_status(&id, "processed").await;
    assert_eq!(plugin(&pipeline, "misbehave").await["lane"]["breaker"], "closed");
    pipeline.stop().await;
}
