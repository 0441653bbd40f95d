//! `[retention]` in force, through the whole application.

use hookyard::environment::Environment;
use serde_json::json;

use super::{DAY, get, start, wait_sources};
use crate::support::pipeline::Pipeline;
use crate::support::plugins::component;

/// A long token ends sooner than the days that these tests let pass.
fn env() -> Environment {
    Environment::of([("HOOKYARD_ACCESS_TTL", "366d")])
}

/// Puts rules in force by an edit of the file, which also begins a pass.
fn keep(pipeline: &Pipeline, plugins: &str, rules: &str) {
    pipeline.write_plugins(&format!("{plugins}\n{rules}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_events_go_with_age_and_by_number_per_source() {
    let dir = tempfile::tempdir().expect("a directory");
    let (pipeline, clock) = start(dir.path(), "", env()).await;
    for source in ["a", "b", "c"] {
        pipeline.send(source, "t", &json!({})).await;
        clock.advance(DAY);
    }
    for _ in 0..3 {
        pipeline.send("d", "t", &json!({})).await;
        clock.advance(std::time::Duration::from_millis(1));
    }
    keep(
        &pipeline,
        "",
        "[retention]\nmax-age = \"36h\"\n[retention.sources.a]\nmax-age = \"30d\"\n",
    );
    wait_sources(&pipeline, &["d", "d", "d", "c", "a"]).await;
    keep(&pipeline, "", "[retention.sources.d]\nmax-events = 2\n");
    wait_sources(&pipeline, &["d", "d", "c", "a"]).await;
    keep(
        &pipeline,
        "",
        "[retention]\nmax-events = 1\n[retention.sources.d]\nmax-events = 9\n",
    );
    wait_sources(&pipeline, &["d", "d", "c"]).await;
    let (_, metrics) = text(&pipeline, "/metrics").await;
    assert!(metrics.contains("hookyard_events_purged_total 3\n"), "{metrics}");
    pipeline.stop().await;
}

async fn text(pipeline: &Pipeline, path: &str) -> (u16, String) {
    let request = pipeline.client.get(format!("http://{}{path}", pipeline.address));
    let response = request
        .bearer_auth(&pipeline.token)
        .send()
        .await
        .expect("an answer");
    (response.status().as_u16(), response.text().await.expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_or_failed_stays_until_it_is_said_otherwise() {
    let dir = tempfile::tempdir().expect("a directory");
    let plugins = format!(
        "[plugins.fail]\ncomponent = \"{}\"\nroutes = [{{ source = \"failing\" }}]\n\
         [plugins.held]\ncomponent = \"{}\"\npaused = true\nroutes = [{{ source = \"waiting\" }}]\n",
        component("fail").display(),
        component("echo").display()
    );
    let (pipeline, clock) = start(dir.path(), &plugins, env()).await;
    let failing = pipeline.send("failing", "t", &json!({"do": "reject"})).await;
    pipeline.wait_status(&failing, "failed").await;
    pipeline.send("waiting", "t", &json!({})).await;
    pipeline.send("plain", "t", &json!({})).await;
    clock.advance(DAY * 10);
    keep(&pipeline, &plugins, "[retention]\nmax-age = \"1d\"\n");
    wait_sources(&pipeline, &["waiting", "failing"]).await;
    keep(
        &pipeline,
        &plugins,
        "[retention]\nmax-age = \"1d\"\nfailed-max-age = \"30d\"\n",
    );
    pipeline.send("mark", "t", &json!({})).await;
    clock.advance(DAY * 2);
    keep(
        &pipeline,
        &plugins,
        "[retention]\nmax-age = \"1d\"\nfailed-max-age = \"31d\"\n",
    );
    wait_sources(&pipeline, &["waiting", "failing"]).await;
    keep(
        &pipeline,
        &plugins,
        "[retention]\nmax-age = \"1d\"\npurge-failed = true\n",
    );
    wait_sources(&pipeline, &["waiting"]).await;
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_taken_out_before_anything_is_stored() {
    let dir = tempfile::tempdir().expect("a directory");
    let secret = uuid::Uuid::new_v4().to_string();
    let plugins = format!(
        "[plugins.echo]\ncomponent = \"{}\"\nroutes = [{{ source = \"shop\" }}]\n\
         [retention.sources.shop]\nredact = [\"/card/number\", \"/items/*/code\"]\n",
        component("echo").display()
    );
    let (pipeline, _clock) = start(dir.path(), &plugins, env()).await;
    let payload = json!({"card": {"number": secret, "year": 30}, "items": [{"code": secret}, {"n": 1}]});
    let id = pipeline.send("shop", "order", &payload).await;
    let event = pipeline.wait_status(&id, "processed").await;
    let wanted =
        json!({"card": {"number": "[redacted]", "year": 30}, "items": [{"code": "[redacted]"}, {"n": 1}]});
    assert_eq!(event["payload"], wanted);
    assert_eq!(event["redacted"], json!(["/card/number", "/items/*/code"]));
    // The plugin saw what is stored.
    assert!(!event.to_string().contains(&secret), "{event:#}");
    let other = pipeline.send("other", "order", &payload).await;
    let (_, other) = get(&pipeline, &format!("/api/webhooks/{other}/")).await;
    assert_eq!((&other["payload"], &other["redacted"]), (&payload, &json!([])));
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_and_whole_bodies_are_taken_out_later() {
    let dir = tempfile::tempdir().expect("a directory");
    let (pipeline, clock) = start(dir.path(), "", env()).await;
    let shop = pipeline
        .send("shop", "order", &json!({"name": "ada", "n": 1}))
        .await;
    let mail = pipeline.send("mail", "in", &json!({"text": "dear ada"})).await;
    clock.advance(DAY * 8);
    let young = pipeline.send("shop", "order", &json!({"name": "eve"})).await;
    keep(
        &pipeline,
        "",
        "[retention.sources.shop]\nredact-after = { age = \"7d\", pointers = [\"/name\"] }\n\
         [retention.sources.mail]\nredact-after = { age = \"7d\", pointers = \"body\" }\n",
    );
    let event = pipeline
        .wait_event(&shop, |event| event["redacted"] != json!([]))
        .await;
    assert_eq!(event["payload"], json!({"name": "[redacted]", "n": 1}));
    assert_eq!(event["redacted"], json!(["/name"]));
    let event = pipeline
        .wait_event(&mail, |event| event["redacted"] != json!([]))
        .await;
    assert_eq!(
        (&event["payload"], &event["headers"]),
        (&json!("[redacted]"), &json!([]))
    );
    assert_eq!(event["redacted"], json!(["body"]));
    let (_, event) = get(&pipeline, &format!("/api/webhooks/{young}/")).await;
    assert_eq!(event["payload"], json!({"name": "eve"}));
    // A rule that takes more is applied to what was redacted before.
    keep(
        &pipeline,
        "",
        "[retention.sources.shop]\nredact-after = { age = \"7d\", pointers = [\"/name\", \"/n\"] }\n",
    );
    let wanted = json!({"name": "[redacted]", "n": "[redacted]"});
    pipeline
        .wait_event(&shop, |event| event["payload"] == wanted)
        .await;
    pipeline.stop().await;
}
