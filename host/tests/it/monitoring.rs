//! What the dashboard and the alerts ask for, `/metrics` has.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hookyard::domain::attempt::AttemptOutcome;
use hookyard::domain::breaker::BreakerState;
use hookyard::domain::delivery::DeliveryState;
use hookyard::domain::node::NodeRole;
use hookyard::domain::plugin::PluginName;
use hookyard::domain::rejected::Check;
use hookyard::domain::replay::DeliveryCount;
use hookyard::metrics::{Metrics, RefusedBecause};

fn ops() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ops")
}

/// Every counter with a value: one that was never used is not shown.
fn used() -> Metrics {
    let metrics = Metrics::of(NodeRole::Worker);
    let plugin: PluginName = "echo".parse().expect("a name");
    metrics.request_refused(&plugin, RefusedBecause::Right);
    metrics.events_purged(1);
    metrics.events_redacted(1);
    metrics.breaker(&plugin, BreakerState::Open);
    metrics.route_failed(&plugin);
    metrics.request_rejected(&"github".parse().expect("a name"), Check::Signature);
    metrics.rejection_not_kept(1);
    metrics.webhook_unauthorized();
    let took = Duration::from_millis(20);
    metrics.request_answered(&http::Method::POST, http::StatusCode::OK, took);
    metrics.events_accepted(1);
    metrics.attempt_recorded(&plugin, AttemptOutcome::Succeeded, took);
    let dead = DeliveryCount {
        plugin,
        state: DeliveryState::Dead,
        count: 2,
    };
    metrics.stored(&[dead], 1);
    metrics.waiting(0);
    metrics.database(true);
    metrics
}

/// The names of samples, as queries write them.
fn samples(text: &str) -> BTreeSet<&str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split(['{', ' ']).next()).collect()
}

/// Every word of a text that begins as our metrics do.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("hookyard_")).collect()
}

#[test]
fn every_metric_that_is_asked_for_exists() {
    let text = used().text().expect("text");
    let there = samples(&text);
    for file in ["alerts.yml", "grafana-dashboard.json"] {
        let asked = std::fs::read_to_string(ops().join(file)).expect("readable");
        let asked = named(&asked);
        assert!(asked.len() > 5, "the search is broken: {asked:?}");
        let missing: Vec<_> = asked.difference(&there).collect();
        assert!(
            missing.is_empty(),
            "{file} asks for {missing:?}; there are {there:?}"
        );
    }
}

#[test]
fn names_and_labels_follow_the_conventions() {
    let text = used().text().expect("text");
    assert!(
        text.contains("hookyard_build_info{version=\"") && text.contains("role=\"worker\""),
        "{text}"
    );
    assert!(
        text.contains("hookyard_http_requests_total{method=\"POST\",status=\"2xx\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("hookyard_deliveries{plugin=\"echo\",state=\"dead\"} 2"),
        "{text}"
    );
    for name in samples(&text) {
        assert!(name.starts_with("hookyard_"), "{name}");
        assert!(
            !name.contains("_ms") && !name.contains("milli"),
            "{name}: seconds"
        );
    }
}

/// A method that somebody makes up must not become a label.
#[test]
fn labels_are_bounded() {
    let metrics = Metrics::default();
    for word in ["BREW", "WHEN", "PROPFIND"] {
        let method = http::Method::from_bytes(word.as_bytes()).expect("a method");
        metrics.request_answered(&method, http::StatusCode::IM_A_TEAPOT, Duration::ZERO);
    }
    let text = metrics.text().expect("text");
    assert!(
        text.contains("hookyard_http_requests_total{method=\"other\",status=\"4xx\"} 3"),
        "{text}"
    );
}

#[test]
fn the_dashboard_is_json() {
    let text = std::fs::read_to_string(ops().join("grafana-dashboard.json")).expect("readable");
    let dashboard: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(
        dashboard["panels"]
            .as_array()
            .is_some_and(|panels| panels.len() > 10)
    );
}
