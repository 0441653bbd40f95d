//! `limits.rate`: no more than it says, no attempt lost by waiting, and live on a reload.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{attempts, reason, section};
use crate::support::pipeline::Pipeline;

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_kept_and_costs_no_attempt() {
    let limits = "[plugins.slow.limits]\nrate = \"5/s\"\nburst = 2";
    let text = section("slow", "echo", limits) + &section("free", "echo", "");
    let pipeline = Pipeline::start(&text).await;
    let begun = Instant::now();
    let mut ids = Vec::new();
    for n in 0..9 {
        ids.push(pipeline.send("slow", "x", &json!(n)).await);
    }
    let free = pipeline.send("free", "x", &json!(1)).await;
    pipeline.wait_status(&free, "processed").await;
    for id in &ids {
        let event = pipeline.wait_status(id, "processed").await;
        assert_eq!(attempts(&event).len(), 1, "{event:#}");
    }
    // Two at once, and then five a second.
    assert!(
        begun.elapsed() >= Duration::from_millis(7 * 200),
        "{:?}",
        begun.elapsed()
    );
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_rate_says_so_and_goes_out_when_it_is_lifted() {
    let limits = "[plugins.slow.limits]\nrate = \"1/h\"";
    let pipeline = Pipeline::start(&section("slow", "echo", limits)).await;
    let first = pipeline.send("slow", "x", &json!(1)).await;
    pipeline.wait_status(&first, "processed").await;
    let second = pipeline.send("slow", "x", &json!(2)).await;
    let event = pipeline
        .wait_event(&second, |event| reason(event) == "rate")
        .await;
    assert!(
        !event["deliveries"][0]["waiting_for"]["until"].is_null(),
        "{event:#}"
    );
    assert!(!super::plugin(&pipeline, "slow").await["lane"]["rate_until"].is_null());
    pipeline.write_plugins(&section("slow", "echo", ""));
    let event = pipeline.wait_status(&second, "processed").await;
    assert_eq!(attempts(&event).len(), 1);
    pipeline.stop().await;
}
