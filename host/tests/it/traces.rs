//! One trace from the sender through intake, delivery and plugin to the vendor, received by a collector, and the ids in
//! every line of the log.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::collector::{Served, collector, post, sender, write_plugins};
use crate::support::pipeline::PATIENCE;
use crate::support::plugins::Mirror;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Sends an event whose plugin asks the vendor, with the sender's place in a trace, and waits for the vendor.
async fn send(url: &str, mirror: &Mirror, traceparent: &str) -> String {
    let token = sender(url).await;
    let request = json!({"method": "POST", "url": format!("{}/api/x", mirror.base), "body": "hello"});
    let event = post(
        format!("{url}/api/webhooks/receive/?source=s&type=t"),
        Some(&token),
        &json!({ "requests": [request] }),
        Some(traceparent),
    )
    .await;
    mirror.arrived(1).await;
    event["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{event}"))
        .to_owned()
}

fn contains(bytes: &[u8], sought: &[u8]) -> bool {
    bytes.windows(sought.len()).any(|window| window == sought)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_sender_to_the_vendor() {
    let (mirror, (base, exports)) = (Mirror::start().await, collector().await);
    let dir = tempfile::tempdir().expect("a directory");
    write_plugins(dir.path(), &mirror);
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", base.as_str()),
        ("OTEL_METRICS_EXPORTER", "none"),
        // Milliseconds, of the specification.
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    let server = Served::start(dir.path(), &variables);
    let event = send(&server.url, &mirror, &format!("00-{TRACE}-00f067aa0ba902b7-01")).await;

    // The vendor is told of the same trace, and of another span than the sender's.
    let seen = &mirror.requests()[0];
    let told = seen.headers["traceparent"].to_str().expect("text").to_owned();
    assert!(told.starts_with(&format!("00-{TRACE}-")), "{told}");
    assert!(!told.contains("00f067aa0ba902b7"), "{told}");

    // The collector has the spans of all parts, in that trace.
    let trace = hex::decode(TRACE).expect("digits");
    let began = Instant::now();
    loop {
        let spans = exports.lock().expect("no panic").clone();
        let all: Vec<u8> = spans.iter().flat_map(|sent| sent.body.clone()).collect();
        let named = ["request", "deliver", "outbound"]
            .iter()
            .all(|name| contains(&all, name.as_bytes()));
        if named && contains(&all, &trace) {
            for sent in &spans {
                assert_eq!(sent.path, "/v1/traces");
                assert_eq!(sent.headers["content-type"], "application/x-protobuf");
            }
            assert!(contains(&all, b"hookyard"), "the service is named");
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the spans did not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // Each attempt's line has its delivery and event, and says in which span it was logged.
    let log = tokio::task::spawn_blocking(move || server.stop())
        .await
        .expect("no panic");
    let attempt = log
        .iter()
        .find(|line| line["message"] == "attempt")
        .expect("it was logged");
    assert_eq!(attempt["event"], event, "{attempt}");
    let spans = attempt["spans"].as_array().expect("spans");
    assert!(
        spans
            .iter()
            .any(|span| span["name"] == "deliver" && span["event"] == event),
        "{attempt}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_nothing_is_traced() {
    let mirror = Mirror::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    write_plugins(dir.path(), &mirror);
    let server = Served::start(dir.path(), &[]);
    send(&server.url, &mirror, &format!("00-{TRACE}-00f067aa0ba902b7-01")).await;
    assert!(!mirror.requests()[0].headers.contains_key("traceparent"));
    tokio::task::spawn_blocking(move || server.stop())
        .await
        .expect("no panic");
}

#[test]
fn a_collector_that_is_no_address_is_refused_at_the_start() {
    let yard = crate::support::command::hookyard("");
    let wrong = [("OTEL_EXPORTER_OTLP_ENDPOINT", "nowhere")];
    let ran = yard.run_with(&wrong, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(
        ran.status == 1 && ran.err.contains("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "{}",
        ran.err
    );
}
