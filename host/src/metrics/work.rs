//! What the service does and what waits, for `/metrics`: requests, events, attempts, deliveries by state, nodes.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::OfPlugin;
use crate::domain::attempt::AttemptOutcome;
use crate::domain::node::NodeRole;
use crate::domain::plugin::PluginName;
use crate::domain::replay::DeliveryCount;

/// Seconds of requests: an answer takes milliseconds, and a sender gives up after 10 to 30 s.
const REQUEST_SECONDS: [f64; 9] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];
/// Seconds of attempts: up to the usual `limits.timeout` of 30 s, and past it.
const ATTEMPT_SECONDS: [f64; 9] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    method: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAttempt {
    plugin: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfState {
    plugin: String,
    state: &'static str,
}

/// The families of one process.
pub(super) struct Work {
    requests: Family<OfRequest, Counter>,
    request_seconds: Histogram,
    events_accepted: Counter,
    attempts: Family<OfAttempt, Counter>,
    attempt_seconds: Family<OfPlugin, Histogram>,
    deliveries: Family<OfState, Gauge>,
    waiting: Gauge,
    nodes: Gauge,
    database_up: Gauge,
}

impl Work {
    /// The families, registered.
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let work = Self {
            requests: Family::default(),
            request_seconds: Histogram::new(REQUEST_SECONDS),
            events_accepted: Counter::default(),
            attempts: Family::default(),
            attempt_seconds: Family::new_with_constructor(|| Histogram::new(ATTEMPT_SECONDS)),
            deliveries: Family::default(),
            waiting: Gauge::default(),
            nodes: Gauge::default(),
            database_up: Gauge::default(),
        };
        registry.register(
            "http_requests",
            "Requests that were answered, by method and class of status",
            Family::clone(&work.requests),
        );
        registry.register(
            "http_request_duration_seconds",
            "How long answers took",
            work.request_seconds.clone(),
        );
        registry.register(
            "events_accepted",
            "Events that were stored by this node",
            work.events_accepted.clone(),
        );
        registry.register(
            "attempts",
            "Attempts of deliveries that were recorded by this node, by their outcome",
            Family::clone(&work.attempts),
        );
        registry.register(
            "attempt_duration_seconds",
            "How long attempts took",
            Family::clone(&work.attempt_seconds),
        );
        registry.register(
            "deliveries",
            "Deliveries in the database by plugin and state, of all nodes",
            Family::clone(&work.deliveries),
        );
        registry.register(
            "commit_queue_events",
            "Events that wait for a commit on this node",
            work.waiting.clone(),
        );
        registry.register(
            "nodes_live",
            "Nodes that share the database and were heard lately",
            work.nodes.clone(),
        );
        registry.register(
            "database_up",
            "Whether the database answered when this was read: 1 or 0",
            work.database_up.clone(),
        );
        work
    }

    /// Counts an answer.
    pub(super) fn request(&self, method: &http::Method, status: http::StatusCode, took: Duration) {
        let labels = OfRequest {
            method: method_label(method),
            status: match status.as_u16() / 100 {
                1 => "1xx",
                2 => "2xx",
                3 => "3xx",
                4 => "4xx",
                _ => "5xx",
            },
        };
        self.requests.get_or_create(&labels).inc();
        self.request_seconds.observe(took.as_secs_f64());
    }

    pub(super) fn events_accepted(&self, events: u64) {
        self.events_accepted.inc_by(events);
    }

    pub(super) fn attempt(&self, plugin: &PluginName, outcome: AttemptOutcome, took: Duration) {
        let labels = OfAttempt {
            plugin: plugin.to_string(),
            outcome: outcome.as_str(),
        };
        self.attempts.get_or_create(&labels).inc();
        self.attempt_seconds
            .get_or_create(&OfPlugin::of(plugin))
            .observe(took.as_secs_f64());
    }

    /// Shows what the database holds now. Names of plugins are few: they come from `plugins.toml`.
    pub(super) fn stored(&self, counts: &[DeliveryCount], nodes: usize) {
        self.deliveries.clear();
        for count in counts {
            let labels = OfState {
                plugin: count.plugin.to_string(),
                state: count.state.as_str(),
            };
            let deliveries = i64::try_from(count.count).unwrap_or(i64::MAX);
            self.deliveries.get_or_create(&labels).set(deliveries);
        }
        self.nodes.set(i64::try_from(nodes).unwrap_or(i64::MAX));
    }

    pub(super) fn waiting(&self, events: usize) {
        self.waiting.set(i64::try_from(events).unwrap_or(i64::MAX));
    }

    pub(super) fn database(&self, answers: bool) {
        self.database_up.set(i64::from(answers));
    }
}

/// The methods there are, and one word for what somebody makes up.
fn method_label(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Tells which version runs and what it does.
pub(super) fn register_build(registry: &mut Registry, role: NodeRole) {
    let labels = vec![
        ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("role".to_owned(), role.to_string()),
    ];
    registry.register(
        "build",
        "The version and the role of this node",
        Info::new(labels),
    );
}
