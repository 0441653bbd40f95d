//! `retry.order-by`: one at a time and in order per value, told while it waits.

use serde_json::{Value, json};

use super::{attempts, reason, section};
use crate::support::pipeline::Pipeline;

fn ordered() -> String {
    let retry = "[plugins.fail.retry]\nschedule = [\"2s\", \"2s\", \"2s\"]\norder-by = \"/customer/id\"";
    section("fail", "fail", retry)
}

fn payload(customer: u32, mut what: Value) -> Value {
    what["customer"] = json!({"id": customer});
    what
}

fn started(attempt: &Value) -> &str {
    attempt["started_at"].as_str().expect("a moment")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_holds_its_key_and_nobody_else() {
    let pipeline = Pipeline::start(&ordered()).await;
    let slow = payload(1, json!({"do": "ok-on-attempt", "attempt": 3}));
    let first = pipeline.send("fail", "x", &slow).await;
    let second = pipeline.send("fail", "x", &payload(1, json!({"do": "ok"}))).await;
    let other = pipeline.send("fail", "x", &payload(2, json!({"do": "ok"}))).await;
    let keyless = pipeline.send("fail", "x", &json!({"do": "ok"})).await;
    let event = pipeline.event(&second).await;
    assert_eq!(reason(&event), "turn", "{event:#}");
    for id in [&other, &keyless] {
        pipeline.wait_status(id, "processed").await;
    }
    assert_eq!(
        pipeline.event(&first).await["status"],
        "processing",
        "the others did not wait for it"
    );
    let first = pipeline.wait_status(&first, "processed").await;
    let second = pipeline.wait_status(&second, "processed").await;
    assert_eq!((attempts(&first).len(), attempts(&second).len()), (3, 1));
    assert!(
        started(&attempts(&first)[2]) <= started(&attempts(&second)[0]),
        "{second:#}"
    );
    assert_eq!(reason(&second), &Value::Null);
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_that_cannot_be_looked_into_do_not_pass_each_other() {
    let more =
        "[plugins.echo.retry]\norder-by = \"/customer/id\"\n[plugins.echo.limits]\nrate = \"1/h\"\nburst = 1";
    let pipeline = Pipeline::start(&section("echo", "echo", more)).await;
    let free = pipeline.send("echo", "x", &json!(1)).await;
    pipeline.wait_status(&free, "processed").await;
    let unreadable = [
        r#"{"customer": {"id": 1}, "n": 1e999}"#,
        r#"{"customer": {"id": 2}, "t": "\ud800"}"#,
    ];
    for (text, waits_for) in unreadable.into_iter().zip(["rate", "turn"]) {
        let id = pipeline.send_text("echo", "x", text.to_owned()).await;
        pipeline.wait_event(&id, |event| reason(event) == waits_for).await;
    }
    let other = pipeline.send("echo", "x", &payload(1, json!({}))).await;
    pipeline.wait_event(&other, |event| reason(event) == "rate").await;
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_frees_its_key() {
    let pipeline = Pipeline::start(&ordered()).await;
    let dead = pipeline
        .send("fail", "x", &payload(1, json!({"do": "reject"})))
        .await;
    let next = pipeline.send("fail", "x", &payload(1, json!({"do": "ok"}))).await;
    pipeline.wait_status(&dead, "failed").await;
    pipeline.wait_status(&next, "processed").await;
    pipeline.stop().await;
}
