//! What a plugin's section of `plugins.toml` says, for people.

use std::time::Duration;

use super::super::mask;
use crate::domain::plugin::PluginSpec;
use crate::domain::retry::Backoff;

/// The section.
pub struct SectionView {
    pub routes: Vec<RouteRow>,
    /// What the plugin sees of a payload, when that is not all of it.
    pub map: Option<String>,
    pub facts: Vec<Fact>,
    /// The configuration as JSON, with what sounds like a secret masked.
    pub config: String,
}

/// One route.
pub struct RouteRow {
    pub source: String,
    pub event_type: String,
    /// Its condition; may be empty.
    pub when: String,
}

/// Something with its name.
pub struct Fact {
    pub label: &'static str,
    pub text: String,
}

impl SectionView {
    /// Of this section.
    #[must_use]
    pub fn of(spec: &PluginSpec) -> Self {
        let routes = spec.routes.iter().map(|route| RouteRow {
            source: route.source().to_owned(),
            event_type: route.event_type().to_owned(),
            when: route
                .condition()
                .map_or_else(String::new, |condition| condition.text().to_owned()),
        });
        let config = mask::config(&spec.config);
        Self {
            routes: routes.collect(),
            map: spec.map.as_ref().map(|map| map.text().to_owned()),
            facts: facts(spec),
            // With line breaks; what was read from TOML can be written.
            config: serde_json::to_string_pretty(&config).unwrap_or_default(),
        }
    }
}

fn facts(spec: &PluginSpec) -> Vec<Fact> {
    let fact = |label, text: String| Fact { label, text };
    let or_none = |text: Option<String>, otherwise: &str| text.unwrap_or_else(|| otherwise.to_owned());
    let key = spec.signed_by.as_ref().map(|path| path.display().to_string());
    let order = spec.order_by.as_ref().map(ToString::to_string);
    let trial = spec
        .rollback_after
        .map(|count| format!("after {count} failed deliveries"));
    let breaker = spec.breaker.map(|policy| {
        format!(
            "after {} failures within {}, for {} at first",
            policy.failures,
            time(policy.window),
            time(policy.open)
        )
    });
    vec![
        fact("Retries", backoff(&spec.retry.backoff)),
        fact("Given up at the age of", time(spec.retry.max_age)),
        fact("When an outcome is unknown", spec.on_unknown.to_string()),
        fact("One at a time and in order by", or_none(order, "no order")),
        fact("Breaker opens", or_none(breaker, "never")),
        fact("Pinned to", or_none(spec.sha256.clone(), "no build")),
        fact("Signed by", or_none(key, "nobody in particular")),
        fact("Rolled back by itself", or_none(trial, "never")),
    ]
}

fn backoff(backoff: &Backoff) -> String {
    match backoff {
        Backoff::Schedule(waits) if waits.is_empty() => "none".to_owned(),
        Backoff::Schedule(waits) => {
            let waits: Vec<_> = waits.iter().copied().map(time).collect();
            format!("after {}", waits.join(", "))
        }
        Backoff::Exponential { base, max, attempts } => format!(
            "{attempts} attempts, waits from {} doubling up to {}, each with jitter",
            time(*base),
            time(*max)
        ),
    }
}

fn time(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}
