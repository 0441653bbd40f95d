//! Events for a plugin that cannot run wait, and are told to be waiting.

use serde_json::{Value, json};

use super::{reason, section};
use crate::support::pipeline::Pipeline;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_keeps_a_plugin_from_running_is_told() {
    let echo = |more: &str| section("echo", "echo", "").replace("component", &format!("{more}\ncomponent"));
    let pipeline = Pipeline::start(&echo("paused = true")).await;
    let id = pipeline.send("echo", "x", &json!(1)).await;
    let wait_for = async |wanted: &'static str| {
        let event = pipeline.wait_event(&id, |event| reason(event) == wanted).await;
        assert!(
            event["deliveries"][0]["waiting_for"]["text"].is_string(),
            "{event:#}"
        );
        assert_eq!(event["deliveries"][0]["attempts"], json!([]));
    };
    wait_for("paused").await;
    pipeline.write_plugins(&echo("enabled = false"));
    wait_for("disabled").await;
    pipeline.write_plugins(&echo(&format!("sha256 = \"{}\"", "0".repeat(64))));
    wait_for("broken").await;
    pipeline.write_plugins(&section("other", "echo", ""));
    wait_for("removed").await;
    pipeline.write_plugins(&echo(""));
    let event = pipeline.wait_status(&id, "processed").await;
    assert_eq!(reason(&event), &Value::Null);
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_waits_for_its_time_and_a_taken_slot_is_told() {
    let more = "[plugins.fail.retry]\nschedule = [\"1h\"]";
    let busy = "[plugins.busy.limits]\nconcurrency = 1\ntimeout = \"30s\"\ncpu = \"2s\"\n[plugins.busy.retry]\nattempts = 1";
    let text = section("fail", "fail", more) + &section("busy", "misbehave", busy);
    let pipeline = Pipeline::start(&text).await;
    let id = pipeline.send("fail", "x", &json!({"do": "retry"})).await;
    let event = pipeline.wait_event(&id, |event| reason(event) == "due").await;
    let delivery = &event["deliveries"][0];
    assert_eq!(delivery["waiting_for"]["until"], delivery["due_at"]);

    let endless = pipeline.send("busy", "x", &json!({"do": "loop"})).await;
    pipeline
        .wait_event(&endless, |event| event["deliveries"][0]["state"] == "running")
        .await;
    let behind = pipeline.send("busy", "x", &json!({"do": "panic"})).await;
    pipeline
        .wait_event(&behind, |event| reason(event) == "concurrency")
        .await;
    pipeline.stop().await;
}
