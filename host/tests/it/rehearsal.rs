//! `plugins test` and `plugins add`, as an author uses them.

use std::fs;

use serde_json::{Value, json};

use crate::support::command::{Ran, Yard, hookyard};
use crate::support::plugins::{Mirror, component, shipped};

fn event(yard: &Yard, content: &Value) -> String {
    let file = yard.path().join("event.json");
    fs::write(&file, content.to_string()).expect("written");
    file.display().to_string()
}

/// Runs the command off the runtime, which serves the vendor meanwhile.
async fn ran(yard: &std::sync::Arc<Yard>, args: Vec<String>) -> Ran {
    let yard = yard.clone();
    let run = move || yard.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.expect("no panic")
}

fn args(yard: &Yard, base: &str, request: &Value, more: &[&str]) -> Vec<String> {
    let event = event(yard, &json!({"payload": {"requests": [request]}}));
    let config = json!({ "base": base }).to_string();
    let file = component("http").display().to_string();
    let mut args: Vec<String> = [
        "--json", "plugins", "test", &file, "--event", &event, "--config", &config,
    ]
    .map(str::to_owned)
    .into();
    args.extend(more.iter().map(|text| (*text).to_owned()));
    args
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_run_is_replayed_without_a_network_and_without_its_secret() {
    let mirror = Mirror::start().await;
    let yard = std::sync::Arc::new(hookyard(""));
    let secret = crate::support::plugins::secret_value();
    fs::write(yard.path().join("token"), secret).expect("written");
    let tape = yard.path().join("tape").display().to_string();
    let request = json!({"method": "POST", "url": format!("{}/x", mirror.base), "body": "hello",
        "headers": {"authorization": "Bearer {secret:plain}"}});
    let more = [
        "--private-network",
        "--secret",
        "plain=file:token",
        "--record",
        &tape,
    ];
    let Ran { status, out, err } = ran(&yard, args(&yard, &mirror.base, &request, &more)).await;
    assert_eq!(status, 0, "{out}{err}");
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(told["outcome"], "succeeded");
    assert_eq!(told["calls"][0]["status"], 200);
    assert!(
        told["memory_peak"].as_u64().is_some_and(|bytes| bytes > 65_536),
        "{told}"
    );
    assert_eq!(
        mirror.requests()[0].headers["authorization"],
        format!("Bearer {secret}")
    );
    let kept = fs::read_to_string(yard.path().join("tape/exchanges.json")).expect("a tape");
    assert!(kept.contains("mirrored") && !kept.contains(secret), "{kept}");

    let more = ["--replay", &tape];
    let Ran { status, out, err } = ran(&yard, args(&yard, &mirror.base, &request, &more)).await;
    assert_eq!(status, 0, "{out}{err}");
    let again: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(again["output"]["answers"][0]["body"], "mirrored", "{again}");
    assert_eq!(mirror.requests().len(), 1, "nothing went out");

    let other = json!({"method": "POST", "url": format!("{}/y", mirror.base), "body": "hello"});
    let Ran { status, out, .. } = ran(&yard, args(&yard, &mirror.base, &other, &more)).await;
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(status, 1, "{told}");
    let fault = told["faults"][0].as_str().expect("a fault");
    assert!(
        fault.starts_with("request 1 is POST") && fault.contains("and on the tape"),
        "{fault}"
    );
}

#[test]
fn schedules_actions_and_malformed_events_are_told_apart() {
    let yard = hookyard("");
    let file = component("echo").display().to_string();
    for (content, status) in [
        (json!({"payload": {"a": 1}, "headers": {"X-A": "b"}}), 0),
        (json!({"schedule": "0 3 * * *", "input": {"a": 1}}), 0),
        (json!({"action": "echo", "input": {"a": 1}}), 0),
        (json!({"payload": {}, "action": "echo"}), 1),
        (json!({"body": {}}), 1),
    ] {
        let event = event(&yard, &content);
        let ran = yard.run(&["plugins", "test", &file, "--event", &event]);
        assert_eq!(ran.status, status, "{content}: {}{}", ran.out, ran.err);
        if status == 0 {
            assert!(
                ran.out.starts_with("outcome  succeeded") && ran.out.contains("of memory at most"),
                "{}",
                ran.out
            );
        }
    }
}

#[test]
fn the_exit_code_of_a_test_tells_retry_from_rejection() {
    let yard = hookyard("");
    let file = component("fail").display().to_string();
    for (ending, code) in [("ok", 0), ("retry", 75), ("reject", 1)] {
        let event = event(&yard, &json!({"payload": {"do": ending, "reason": "because"}}));
        let ran = yard.run(&["plugins", "test", &file, "--event", &event]);
        assert_eq!(ran.status, code, "{}{}", ran.out, ran.err);
    }
}

#[test]
fn a_component_is_added_with_what_it_asks_for_and_loads() {
    let yard = hookyard("# mine\n");
    let file = shipped("slack_webhook").display().to_string();
    let unsure = yard.run(&["plugins", "add", &file]);
    assert!(
        unsure.status == 1 && unsure.err.contains("--yes"),
        "{}{}",
        unsure.out,
        unsure.err
    );
    assert!(unsure.out.contains("secret"), "{}", unsure.out);
    let add = [
        "plugins",
        "add",
        &file,
        "--yes",
        "--origin",
        "webhook-url=https://hooks.example.com",
    ];
    let added = yard.run(&[&add[..], &["--pin", "--source", "github"]].concat());
    assert_eq!(added.status, 0, "{}{}", added.out, added.err);
    let text = fs::read_to_string(yard.path().join("plugins.toml")).expect("read");
    assert!(
        text.starts_with("# mine\n") && text.contains("sha256 = "),
        "{text}"
    );
    let listed = yard.run(&["--json", "plugins", "list"]);
    let listed: Value = serde_json::from_str(&listed.out).expect("JSON");
    assert_eq!(listed["plugins"][0]["state"], "ready", "{listed:#}");
    let again = yard.run(&add);
    assert!(
        again.status == 1 && again.err.contains("already"),
        "{}",
        again.err
    );
}
