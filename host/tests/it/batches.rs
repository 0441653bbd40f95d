//! Webhooks that wait together are handed over in one call, and none suffers for its neighbour.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::pipeline::Pipeline;
use crate::support::plugins::component;

/// The fixture behind one slot; `more` goes into its section.
fn plugins(paused: bool, more: &str) -> String {
    format!(
        "[plugins.batch]\npaused = {paused}\ncomponent = \"{}\"\nroutes = [{{ source = \"batch\" }}]\n\
         retry = {{ schedule = [\"10ms\"] }}\n[plugins.batch.limits]\nconcurrency = 1\n{more}\n",
        component("batch").display()
    )
}

/// Sends while the plugin is paused, lets it go, and gives each event once it is over.
async fn run_together(more: &str, bodies: &[Value]) -> Vec<Value> {
    let pipeline = Pipeline::start(&plugins(true, more)).await;
    let mut ids = Vec::new();
    for body in bodies {
        ids.push(pipeline.send("batch", "x", body).await);
    }
    pipeline.write_plugins(&plugins(false, more));
    let mut events = Vec::new();
    for id in &ids {
        let over = |event: &Value| ["processed", "failed"].contains(&event["status"].as_str().unwrap_or(""));
        events.push(pipeline.wait_event(id, over).await);
    }
    pipeline.stop().await;
    events
}

fn attempts(event: &Value) -> &Vec<Value> {
    let attempts = event["deliveries"][0]["attempts"].as_array();
    attempts.expect("attempts")
}

/// How many shared the last attempt's call, as the plugin saw it and as the host recorded it.
fn jobs(event: &Value) -> (Value, Value) {
    let attempt = attempts(event).last().expect("an attempt");
    (
        attempt["output"]["jobs"].clone(),
        attempt["batch"]["size"].clone(),
    )
}

fn outcomes(event: &Value) -> Vec<(&str, u64)> {
    let told = |attempt: &'_ Value| attempt["number"].as_u64().expect("a number");
    let attempts = attempts(event).iter();
    attempts
        .map(|attempt| (attempt["outcome"].as_str().expect("an outcome"), told(attempt)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_together_arrives_together() {
    let events = run_together("", &vec![json!({"do": "ok"}); 10]).await;
    let mut indices = BTreeSet::new();
    let mut batches = BTreeSet::new();
    for event in &events {
        assert_eq!(jobs(event), (json!(10), json!(10)), "{event:#}");
        let attempt = &attempts(event)[0];
        indices.insert(attempt["output"]["index"].as_u64());
        batches.insert(attempt["batch"]["id"].as_str());
        assert_eq!(attempt["logs"][0]["message"], "10 jobs");
    }
    assert_eq!(indices.len(), 10, "each has the outcome of its own");
    assert_eq!(batches.len(), 1, "all name the same call");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_bounds_a_call() {
    for (limit, expected) in [("batch = 4", vec![4, 4, 4, 4, 2, 2]), ("batch = 1", vec![1; 6])] {
        let events = run_together(limit, &vec![json!({"do": "ok"}); 6]).await;
        let sizes: Vec<_> = events.iter().map(|event| jobs(event).0).collect();
        assert_eq!(sizes, expected, "{limit}");
    }
    assert!(attempts(&run_together("", &[json!({"do": "ok"})]).await[0])[0]["batch"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_has_no_more_bytes_than_an_instance_has_room_for() {
    let body = json!({"do": "ok", "filler": "x".repeat(900 << 10)});
    let events = run_together("memory = \"128MiB\"\ncpu = \"20s\"", &vec![body; 6]).await;
    let sizes: Vec<_> = events.iter().map(|event| jobs(event).0).collect();
    assert_eq!(sizes, [4, 4, 4, 4, 2, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_job_has_an_outcome_of_its_own() {
    let bodies = ["ok", "retry", "reject"].map(|what| json!({"do": what}));
    let events = run_together("", &bodies).await;
    assert_eq!(outcomes(&events[0]), [("succeeded", 1)]);
    assert_eq!(outcomes(&events[1]), [("retry", 1), ("retry", 2)]);
    assert_eq!(outcomes(&events[2]), [("rejected", 1)]);
    for event in &events {
        assert_eq!(attempts(event)[0]["batch"]["size"], 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_the_call_takes_no_neighbour_with_it() {
    for (what, together, by_itself) in [
        ("panic", "trapped", "trapped"),
        ("loop", "limit", "limit"),
        ("too-few", "rejected", "rejected"),
        ("too-many", "rejected", "rejected"),
    ] {
        let bodies = ["ok", what, "ok", "ok"].map(|what| json!({"do": what}));
        let events = run_together("", &bodies).await;
        for (at, event) in events.iter().enumerate() {
            let seen = outcomes(event);
            assert_eq!(seen[0], (together, 1), "{what}: {event:#}");
            let error = attempts(event)[0]["error"].as_str().expect("an error");
            assert!(error.contains("each now runs by itself"), "{error}");
            let rest = if at == 1 {
                // The policy has two attempts, and it ran by itself before it was given up.
                (by_itself, 2)
            } else {
                ("succeeded", 2)
            };
            assert_eq!(seen[1..], [rest], "{what}: {event:#}");
            assert!(attempts(event)[1]["batch"].is_null(), "{event:#}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_slot_keeps_to_the_settings_of_the_time_it_runs() {
    let pipeline = Pipeline::start(&plugins(true, "memory = \"128MiB\"\ncpu = \"20s\"")).await;
    // More bytes than a call takes: four go first and hold the slot, two wait in a call of their own.
    let filler = "x".repeat(900 << 10);
    let mut ids = Vec::new();
    for n in 0..6 {
        let what = if n == 0 { "sleep" } else { "ok" };
        let body = json!({"do": what, "ms": 8_000, "filler": filler});
        ids.push(pipeline.send("batch", "x", &body).await);
    }
    pipeline.write_plugins(&plugins(false, "memory = \"128MiB\"\ncpu = \"20s\""));
    let running = |event: &Value| event["status"] == "processing";
    pipeline.wait_event(&ids[0], running).await;
    let alone = plugins(false, "memory = \"128MiB\"\ncpu = \"20s\"\nbatch = 1");
    let mark = format!(
        "{alone}[plugins.mark]\nenabled = false\ncomponent = \"{}\"\n",
        component("echo").display()
    );
    pipeline.write_plugins(&mark);
    pipeline.wait_plugin("mark", "disabled").await;
    assert_eq!(pipeline.event(&ids[0]).await["status"], "processing");
    let first = pipeline.wait_status(&ids[1], "processed").await;
    assert_eq!(jobs(&first), (json!(4), json!(4)));
    for id in &ids[4..] {
        let event = pipeline.wait_status(id, "processed").await;
        assert_eq!(jobs(&event), (json!(1), Value::Null), "{event:#}");
    }
    pipeline.stop().await;
}
