//! A vendor that says when it wants to be asked again: never earlier, nothing lost, nobody else held up.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use hookyard::domain::time::Timestamp;
use hookyard::environment::Environment;
use serde_json::{Value, json};

use super::{attempts, plugin, reason, section};
use crate::support::pipeline::Pipeline;
use crate::support::plugins::shipped;

/// What the vendor asks for.
#[derive(Clone, Copy)]
struct Limit {
    /// Each time.
    retry_after: Duration,
    /// For how long from its start.
    lasts: Duration,
}

/// A vendor that limits everybody for a while. Its clock is that of its own process: this one.
#[derive(Default)]
struct Vendor {
    /// When each request came, and whether it was let through.
    seen: Mutex<Vec<(Instant, bool)>>,
    texts: Mutex<Vec<String>>,
    /// It limits nobody any more.
    free: AtomicBool,
}

impl Vendor {
    async fn start(limit: Limit) -> (Arc<Self>, String) {
        let vendor = Arc::new(Self::default());
        let (shared, until) = (vendor.clone(), Instant::now() + limit.lasts);
        let answer = move |body: String| {
            let vendor = shared.clone();
            async move {
                let now = Instant::now();
                let limited = now < until && !vendor.free.load(Ordering::Relaxed);
                vendor.seen.lock().expect("no panic").push((now, !limited));
                if limited {
                    let after = limit.retry_after.as_secs().to_string();
                    return (
                        StatusCode::TOO_MANY_REQUESTS,
                        [("retry-after", after)],
                        "rate_limited",
                    )
                        .into_response();
                }
                vendor.texts.lock().expect("no panic").push(body);
                (StatusCode::OK, "ok").into_response()
            }
        };
        let app = axum::Router::new().fallback(answer);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await.expect("served") });
        (vendor, base)
    }
}

fn limited_plugin(base: &str) -> String {
    format!(
        r#"
[plugins.slack-webhook]
component = "{component}"
routes = [{{ source = "shop" }}]
[plugins.slack-webhook.grants]
http = ["POST {base}/services/**"]
secrets = {{ webhook-url = "env:HOOK" }}
private-network = true
[plugins.slack-webhook.config]
message = "n is {{{{ body.n }}}}"
[plugins.slack-webhook.limits]
concurrency = 1
[plugins.slack-webhook.retry]
schedule = ["10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms", "10ms"]
"#,
        component = shipped("slack_webhook").display()
    )
}

async fn start(dir: &Path, base: &str) -> Pipeline {
    let environment = Environment::of([("HOOK", &*format!("{base}/services/T0/B0/x"))]);
    let text = limited_plugin(base) + &section("echo", "echo", "");
    Pipeline::start_in(dir, &text, environment).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendors_wait_is_kept_by_the_whole_plugin() {
    let limit = Limit {
        retry_after: Duration::from_secs(2),
        lasts: Duration::from_secs(7),
    };
    the_wait_is_kept(limit).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute; `cargo xtask verify` runs it"]
async fn a_minute_of_limits_is_waited_out() {
    let limit = Limit {
        retry_after: Duration::from_secs(7),
        lasts: Duration::from_mins(1),
    };
    the_wait_is_kept(limit).await;
}

async fn the_wait_is_kept(limit: Limit) {
    const EVENTS: usize = 12;
    let (vendor, base) = Vendor::start(limit).await;
    let dir = tempfile::tempdir().expect("a directory");
    let pipeline = start(dir.path(), &base).await;
    let mut ids = Vec::new();
    for n in 0..EVENTS {
        ids.push(pipeline.send("shop", "order", &json!({ "n": n })).await);
    }
    // While it waits: it says so, and others are not held up.
    let refused = || {
        vendor
            .seen
            .lock()
            .expect("no panic")
            .iter()
            .any(|(_, through)| !through)
    };
    while !refused() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut shown = HashSet::new();
    while !vendor
        .seen
        .lock()
        .expect("no panic")
        .iter()
        .any(|(_, through)| *through)
    {
        let begun = Instant::now();
        let other = pipeline.send("echo", "x", &json!(1)).await;
        pipeline.wait_status(&other, "processed").await;
        assert!(
            begun.elapsed() < limit.retry_after,
            "another plugin waited: {:?}",
            begun.elapsed()
        );
        let lane = plugin(&pipeline, "slack-webhook").await["lane"]["breaker"].clone();
        shown.insert(lane.as_str().unwrap_or_default().to_owned());
    }
    assert!(shown.contains("open"), "{shown:?}");

    let mut refusals = 0;
    for id in &ids {
        let event = pipeline.wait_status(id, "processed").await;
        let attempts = attempts(&event);
        refusals += attempts.len() - 1;
        assert_eq!(attempts[attempts.len() - 1]["outcome"], "succeeded");
    }
    let seen = vendor.seen.lock().expect("no panic").clone();
    for pair in seen.windows(2) {
        let ((before, through), (then, _)) = (pair[0], pair[1]);
        assert!(
            through || then - before >= limit.retry_after,
            "asked {:?} after a refusal",
            then - before
        );
    }
    assert!(seen.len() > EVENTS, "nothing was refused: {seen:?}");
    assert_eq!(refusals, seen.len() - EVENTS, "each request is an attempt");
    let texts: HashSet<String> = vendor.texts.lock().expect("no panic").iter().cloned().collect();
    assert_eq!(texts.len(), EVENTS, "each once: {texts:?}");
    pipeline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_of_days_is_kept_and_disabling_the_plugin_forgets_it() {
    let limit = Limit {
        retry_after: Duration::from_hours(48),
        lasts: Duration::from_hours(1),
    };
    let (vendor, base) = Vendor::start(limit).await;
    let dir = tempfile::tempdir().expect("a directory");
    let pipeline = start(dir.path(), &base).await;
    let told = pipeline.send("shop", "order", &json!({"n": 1})).await;
    let event = pipeline
        .wait_event(&told, |event| event["deliveries"][0]["state"] == "retrying")
        .await;
    let moment = |value: &Value| Timestamp::parse(value.as_str().expect("a moment")).expect("a moment");
    let delivery = &event["deliveries"][0];
    let waits = moment(&delivery["due_at"]).since(moment(&attempts(&event)[0]["started_at"]));
    assert!(waits >= limit.retry_after, "{waits:?}: {event:#}");
    let held = pipeline.send("shop", "order", &json!({"n": 2})).await;
    let event = pipeline
        .wait_event(&held, |event| reason(event) == "breaker")
        .await;
    let until = moment(&event["deliveries"][0]["waiting_for"]["until"]);
    assert!(
        until.since(moment(&event["deliveries"][0]["created_at"])) > Duration::from_hours(47),
        "{event:#}"
    );

    vendor.free.store(true, Ordering::Relaxed);
    let enabled = limited_plugin(&base) + &section("echo", "echo", "");
    pipeline.write_plugins(&enabled.replace("component = ", "enabled = false\ncomponent = "));
    pipeline
        .wait_event(&held, |event| reason(event) == "disabled")
        .await;
    while !plugin(&pipeline, "slack-webhook").await["lane"].is_null() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    pipeline.write_plugins(&enabled);
    pipeline.wait_status(&held, "processed").await;
    let event = pipeline.event(&told).await;
    assert_eq!(reason(&event), "due", "its own wait stands: {event:#}");
    pipeline.stop().await;
}
