//! Counters for `/metrics`, with names by Prometheus's conventions and bounded labels.

mod work;

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use self::work::Work;
use crate::domain::attempt::AttemptOutcome;
use crate::domain::breaker::BreakerState;
use crate::domain::node::NodeRole;
use crate::domain::plugin::PluginName;
use crate::domain::rejected::Check;
use crate::domain::replay::DeliveryCount;
use crate::domain::source::SourceName;

/// Why a plugin's request did not leave, or its answer did not come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum RefusedBecause {
    /// It was not asked for, not granted, or would have carried a secret elsewhere.
    Right,
    /// The host has an address that plugins may not reach.
    Address,
    /// A limit of the plugin was used up.
    Limit,
    /// It is no request that could be sent.
    Malformed,
    /// Its answer may hold a secret and was coded so that it cannot be looked for.
    Unsearchable,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    plugin: String,
    reason: RefusedBecause,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPlugin {
    plugin: String,
}

impl OfPlugin {
    fn of(plugin: &PluginName) -> Self {
        Self {
            plugin: plugin.to_string(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Rejected {
    source: String,
    check: &'static str,
}

/// All counters of this process.
pub struct Metrics {
    registry: Registry,
    refused: Family<Refused, Counter>,
    events_purged: Counter,
    events_redacted: Counter,
    breakers: Family<OfPlugin, Gauge>,
    routes_failed: Family<OfPlugin, Counter>,
    rejected: Family<Rejected, Counter>,
    rejections_not_kept: Counter,
    unauthorized: Counter,
    work: Work,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::of(NodeRole::default())
    }
}

impl Metrics {
    /// The counters of a node of this role, at zero.
    #[must_use]
    pub fn of(role: NodeRole) -> Self {
        let mut registry = Registry::with_prefix("hookyard");
        let work = Work::registered(&mut registry);
        work::register_build(&mut registry, role);
        let refused = Family::default();
        registry.register(
            "plugin_requests_refused",
            "Outbound requests of plugins that a rule was in the way of",
            Family::clone(&refused),
        );
        let (events_purged, events_redacted) = (Counter::default(), Counter::default());
        registry.register(
            "events_purged",
            "Finished events that were removed by the rules of retention",
            events_purged.clone(),
        );
        registry.register(
            "events_redacted",
            "Stored events whose rule of redaction was applied",
            events_redacted.clone(),
        );
        let breakers = Family::default();
        registry.register(
            "plugin_breaker",
            "Breakers of plugins on this node: 0 closed, 1 half-open, 2 open",
            Family::clone(&breakers),
        );
        let routes_failed = Family::default();
        registry.register(
            "route_conditions_failed",
            "Events that a route's `when` could not be worked out for, which therefore did not match",
            Family::clone(&routes_failed),
        );
        let rejected = Family::default();
        registry.register(
            "source_requests_rejected",
            "Requests to sources that were refused, by the check they did not pass",
            Family::clone(&rejected),
        );
        let rejections_not_kept = Counter::default();
        registry.register(
            "source_rejections_not_kept",
            "Refused requests that were not kept for people to look at, since too many came",
            rejections_not_kept.clone(),
        );
        let unauthorized = Counter::default();
        registry.register(
            "webhooks_unauthorized",
            "Webhooks without a valid access token or API key",
            unauthorized.clone(),
        );
        Self {
            registry,
            refused,
            events_purged,
            events_redacted,
            breakers,
            routes_failed,
            rejected,
            rejections_not_kept,
            unauthorized,
            work,
        }
    }

    /// Counts an answer to a request and how long it took.
    pub fn request_answered(&self, method: &http::Method, status: http::StatusCode, took: Duration) {
        self.work.request(method, status, took);
    }

    /// Counts stored events.
    pub fn events_accepted(&self, events: usize) {
        self.work
            .events_accepted(u64::try_from(events).unwrap_or(u64::MAX));
    }

    /// Counts a recorded attempt and how long it took.
    pub fn attempt_recorded(&self, plugin: &PluginName, outcome: AttemptOutcome, took: Duration) {
        self.work.attempt(plugin, outcome, took);
    }

    /// Shows how many deliveries the database holds, and how many nodes share it.
    pub fn stored(&self, counts: &[DeliveryCount], nodes: usize) {
        self.work.stored(counts, nodes);
    }

    /// Shows how many events wait for a commit.
    pub fn waiting(&self, events: usize) {
        self.work.waiting(events);
    }

    /// Shows whether the database answers.
    pub fn database(&self, answers: bool) {
        self.work.database(answers);
    }

    /// Counts a refused request. Names of plugins are few: they come from `plugins.toml`.
    pub fn request_refused(&self, plugin: &PluginName, reason: RefusedBecause) {
        let labels = Refused {
            plugin: plugin.to_string(),
            reason,
        };
        self.refused.get_or_create(&labels).inc();
    }

    /// Counts events that were removed with age.
    pub fn events_purged(&self, events: u64) {
        self.events_purged.inc_by(events);
    }

    /// Counts events that were redacted with age.
    pub fn events_redacted(&self, events: u64) {
        self.events_redacted.inc_by(events);
    }

    /// Shows how a plugin's breaker stands.
    pub fn breaker(&self, plugin: &PluginName, state: BreakerState) {
        let value = match state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        };
        self.breakers.get_or_create(&OfPlugin::of(plugin)).set(value);
    }

    /// No longer shows the breaker of a plugin that is gone.
    pub fn forget_breaker(&self, plugin: &PluginName) {
        self.breakers.remove(&OfPlugin::of(plugin));
    }

    /// Counts an event for which a plugin's `when` could not be worked out.
    pub fn route_failed(&self, plugin: &PluginName) {
        self.routes_failed.get_or_create(&OfPlugin::of(plugin)).inc();
    }

    /// Counts a refused request to a source. Names of sources are few: they come from `plugins.toml`.
    pub fn request_rejected(&self, source: &SourceName, check: Check) {
        let labels = Rejected {
            source: source.to_string(),
            check: check.as_str(),
        };
        self.rejected.get_or_create(&labels).inc();
    }

    /// Counts refused requests that were not kept.
    pub fn rejection_not_kept(&self, requests: usize) {
        self.rejections_not_kept
            .inc_by(u64::try_from(requests).unwrap_or(u64::MAX));
    }

    /// Counts a webhook without a valid access token or API key.
    pub fn webhook_unauthorized(&self) {
        self.unauthorized.inc();
    }

    /// The counters as Prometheus reads them (the text format `OpenMetrics` 1.0).
    ///
    /// # Errors
    /// When a value cannot be written as text.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}
