//! From the front door to a recorded attempt, with real components.

use hookyard::environment::Environment;
use serde_json::json;

use crate::support::pipeline::Pipeline;
use crate::support::plugins::component as fixture;

fn plugins(sections: &[(&str, &str, &str)]) -> String {
    let section = |(name, component, more): &(&str, &str, &str)| {
        let file = fixture(component);
        let file = file.display();
        format!("[plugins.{name}]\ncomponent = \"{file}\"\nroutes = [{{ source = \"{name}\" }}]\n{more}\n")
    };
    sections
        .iter()
        .map(section)
        .reduce(|all, one| all + &one)
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_becomes_an_attempt() {
    let pipeline = Pipeline::start(&plugins(&[("echo", "echo", "")])).await;
    let id = pipeline
        .send("echo", "greeting", &json!({"hello": "wörld"}))
        .await;
    let event = pipeline.wait_status(&id, "processed").await;
    let delivery = &event["deliveries"][0];
    assert_eq!(
        (&delivery["plugin"], &delivery["state"]),
        (&json!("echo"), &json!("succeeded"))
    );
    let attempt = &delivery["attempts"][0];
    assert_eq!(
        (&attempt["number"], &attempt["outcome"]),
        (&json!(1), &json!("succeeded"))
    );
    assert!(
        attempt["digest"]
            .as_str()
            .is_some_and(|digest| digest.len() == 64),
        "{attempt}"
    );
    assert!(!event["processed_at"].is_null());
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_nobody_wants_is_processed_at_once() {
    let pipeline = Pipeline::start(&plugins(&[("echo", "echo", "")])).await;
    let id = pipeline.send("elsewhere", "x", &json!(1)).await;
    let event = pipeline.event(&id).await;
    assert_eq!(
        (&event["status"], &event["deliveries"]),
        (&json!("processed"), &json!([]))
    );
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_follow_the_policy_and_end_dead_or_done() {
    let retry = "[plugins.fail.retry]\nschedule = [\"10ms\", \"10ms\"]";
    let pipeline = Pipeline::start(&plugins(&[("fail", "fail", retry)])).await;
    let dead = pipeline.send("fail", "x", &json!({"do": "retry"})).await;
    let done = pipeline
        .send("fail", "x", &json!({"do": "ok-on-attempt", "attempt": 2}))
        .await;
    let rejected = pipeline.send("fail", "x", &json!({"do": "reject"})).await;

    let event = pipeline.wait_status(&dead, "failed").await;
    assert_eq!(event["deliveries"][0]["state"], "dead");
    assert_eq!(
        event["deliveries"][0]["attempts"].as_array().map(Vec::len),
        Some(3)
    );
    assert!(
        event["error_message"]
            .as_str()
            .is_some_and(|e| e.contains("given up after attempt 3")),
        "{event}"
    );

    let event = pipeline.wait_status(&done, "processed").await;
    assert_eq!(
        event["deliveries"][0]["attempts"].as_array().map(Vec::len),
        Some(2)
    );

    let event = pipeline.wait_status(&rejected, "failed").await;
    assert_eq!(
        event["deliveries"][0]["attempts"].as_array().map(Vec::len),
        Some(1)
    );
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deferral_costs_no_attempt() {
    let pipeline = Pipeline::start(&plugins(&[("fail", "fail", "")])).await;
    let id = pipeline
        .send("fail", "x", &json!({"do": "defer", "after-ms": 60_000}))
        .await;
    let event = pipeline
        .wait_event(&id, |event| event["deliveries"][0]["state"] == "deferred")
        .await;
    assert_eq!(event["deliveries"][0]["attempts_made"], 0, "{event:#}");
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_misbehaves_says_how_and_disturbs_nobody() {
    let bad = "[plugins.bad.limits]\ncpu = \"200ms\"\nmemory = \"16MiB\"\n[plugins.bad.retry]\nattempts = 1";
    let text = plugins(&[("bad", "misbehave", bad), ("echo", "echo", "")]);
    let pipeline = Pipeline::start(&text).await;
    for (payload, outcome, says) in [
        (json!({"do": "loop"}), "limit", "CPU"),
        (json!({"do": "alloc"}), "limit", "memory"),
        (json!({"do": "panic"}), "trapped", "panic"),
        (json!({"do": "trap"}), "trapped", "unreachable"),
    ] {
        let id = pipeline.send("bad", "x", &payload).await;
        let good = pipeline.send("echo", "x", &json!(1)).await;
        let event = pipeline.wait_status(&id, "failed").await;
        let attempt = &event["deliveries"][0]["attempts"][0];
        assert_eq!(attempt["outcome"], outcome, "{payload}: {attempt:#}");
        let error = attempt["error"].as_str().unwrap_or_default().to_lowercase();
        assert!(error.contains(&says.to_lowercase()), "{payload}: {error}");
        pipeline.wait_status(&good, "processed").await;
    }
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_plugins_wait_and_disabled_ones_get_nothing() {
    let paused = plugins(&[("echo", "echo", "")]).replace("component", "paused = true\ncomponent");
    let pipeline = Pipeline::start(&paused).await;
    let waits = pipeline.send("echo", "x", &json!(1)).await;
    assert_eq!(pipeline.event(&waits).await["status"], "pending");
    pipeline.write_plugins(&plugins(&[("echo", "echo", "")]));
    pipeline.wait_status(&waits, "processed").await;
    pipeline
        .write_plugins(&plugins(&[("echo", "echo", "")]).replace("component", "enabled = false\ncomponent"));
    // The change is live once a new event finds no plugin.
    let event = loop {
        let id = pipeline.send("echo", "x", &json!(1)).await;
        // One taken in just before the change has a delivery, which is held: not waited for.
        let event = pipeline.event(&id).await;
        if event["deliveries"] == json!([]) {
            break event;
        }
    };
    assert_eq!(event["status"], "processed");
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_at_a_stop_is_delivered_by_the_next_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let paused = plugins(&[("echo", "echo", "")]).replace("component", "paused = true\ncomponent");
    let first = Pipeline::start_in(dir.path(), &paused, Environment::default()).await;
    let id = first.send("echo", "x", &json!({"keep": 1.10})).await;
    first.stop().await;
    let second = Pipeline::start_in(
        dir.path(),
        &plugins(&[("echo", "echo", "")]),
        Environment::default(),
    )
    .await;
    second.wait_status(&id, "processed").await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_component_runs_for_later_events_and_none_fails() {
    let dir = tempfile::tempdir().expect("a directory");
    let component = dir.path().join("plugin.wasm");
    std::fs::copy(fixture("version_one"), &component).expect("copied");
    let text = format!(
        "[plugins.swap]\ncomponent = \"{}\"\nroutes = [{{ source = \"swap\" }}]\n",
        component.display()
    );
    let pipeline = Pipeline::start_in(dir.path(), &text, Environment::default()).await;
    let summary = |event: &serde_json::Value| event["deliveries"][0]["attempts"][0]["summary"].clone();
    let id = pipeline.send("swap", "x", &json!(1)).await;
    let old = summary(&pipeline.wait_status(&id, "processed").await);
    let replacement = dir.path().join("plugin.wasm.new");
    std::fs::copy(fixture("version_two"), &replacement).expect("copied");
    std::fs::rename(replacement, &component).expect("renamed");
    let mut ids = Vec::new();
    let (new, generation) = loop {
        let id = pipeline.send("swap", "x", &json!(1)).await;
        let event = pipeline.wait_status(&id, "processed").await;
        ids.push(id);
        if summary(&event) != old {
            break (
                summary(&event),
                event["deliveries"][0]["attempts"][0]["generation"].clone(),
            );
        }
    };
    assert_ne!(new, old);
    assert_eq!(generation, 2);
    // A broken build changes nothing.
    std::fs::write(&component, b"not wasm").expect("written");
    let id = pipeline.send("swap", "x", &json!(1)).await;
    assert_eq!(summary(&pipeline.wait_status(&id, "processed").await), new);
    for id in ids {
        let event = pipeline.event(&id).await;
        assert_eq!(
            event["deliveries"][0]["attempts"].as_array().map(Vec::len),
            Some(1),
            "{event:#}"
        );
    }
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_wait_while_the_pin_asks_for_another_build() {
    let pipeline = Pipeline::start(&plugins(&[("echo", "echo", "")])).await;
    let first = pipeline.send("echo", "x", &json!(1)).await;
    pipeline.wait_status(&first, "processed").await;

    // The second plugin is new in the same file: its first delivery is the mark of the change.
    let pin = format!("sha256 = \"{}\"", "0".repeat(64));
    let pinned = plugins(&[("echo", "echo", &pin), ("mark", "version_one", "")]);
    pipeline.write_plugins(&pinned);
    applied(&pipeline, "mark").await;
    let held = pipeline.send("echo", "x", &json!(2)).await;
    applied(&pipeline, "mark").await;
    let event = pipeline.event(&held).await;
    let delivery = &event["deliveries"][0];
    assert_eq!(
        (&event["status"], &delivery["attempts"]),
        (&json!("pending"), &json!([]))
    );

    pipeline.write_plugins(&plugins(&[("echo", "echo", "")]));
    let event = pipeline.wait_status(&held, "processed").await;
    assert_eq!(event["deliveries"][0]["attempts"][0]["number"], 1, "{event}");
    pipeline.stop().await;
}

/// Waits until a plugin takes the events of a source and has run one.
async fn applied(pipeline: &Pipeline, source: &str) {
    let began = std::time::Instant::now();
    loop {
        let id = pipeline.send(source, "x", &json!(0)).await;
        if pipeline.event(&id).await["deliveries"] != json!([]) {
            pipeline.wait_status(&id, "processed").await;
            return;
        }
        assert!(
            began.elapsed() < crate::support::pipeline::PATIENCE,
            "never applied"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
