//! What an operator's edit of `plugins.toml` changes, in words for the log. Names of secrets' sources
//! may show; values of `config` do not, since people put there what they should not.

use std::collections::BTreeSet;
use std::fmt::Display;

use serde_json::Value;

use super::{Limits, PluginSpec};
use crate::domain::grant::{Grants, PrivateNetwork};

/// The changes from `old` to `new`, one text each; empty when there are none.
#[must_use]
pub fn changes(old: &PluginSpec, new: &PluginSpec) -> Vec<String> {
    let mut told = Vec::new();
    told.extend(value("enabled", &old.enabled, &new.enabled));
    told.extend(value("paused", &old.paused, &new.paused));
    told.extend(value("component", &old.component, &new.component));
    told.extend(option("sha256", old.sha256.as_ref(), new.sha256.as_ref()));
    if old.signed_by != new.signed_by {
        told.push("signed-by changed".to_owned());
    }
    told.extend(option(
        "rollback-after",
        old.rollback_after.as_ref(),
        new.rollback_after.as_ref(),
    ));
    told.extend(grants(&old.grants, &new.grants));
    told.extend(config(&old.config, &new.config));
    told.extend(limits(&old.limits, &new.limits));
    for (name, changed) in [
        ("routes", old.routes != new.routes),
        ("schedules", old.schedules != new.schedules),
        ("map", old.map != new.map),
        (
            "retry",
            old.retry != new.retry || old.on_unknown != new.on_unknown || old.order_by != new.order_by,
        ),
        ("breaker", old.breaker != new.breaker),
    ] {
        if changed {
            told.push(format!("{name} changed"));
        }
    }
    told
}

fn value<T: PartialEq + Display>(name: &str, old: &T, new: &T) -> Option<String> {
    (old != new).then(|| format!("{name}: {old} → {new}"))
}

fn option<T: PartialEq + Display>(name: &str, old: Option<&T>, new: Option<&T>) -> Option<String> {
    let shown = |value: Option<&T>| value.map_or_else(|| "none".to_owned(), ToString::to_string);
    (old != new).then(|| format!("{name}: {} → {}", shown(old), shown(new)))
}

/// What is only in one of two sets.
fn sets(name: &str, old: &BTreeSet<String>, new: &BTreeSet<String>) -> Vec<String> {
    let gone = old.difference(new).map(|item| format!("{name}: - {item}"));
    let come = new.difference(old).map(|item| format!("{name}: + {item}"));
    gone.chain(come).collect()
}

fn grants(old: &Grants, new: &Grants) -> Vec<String> {
    let patterns = |grants: &Grants| grants.http.iter().map(ToString::to_string).collect();
    let permissions = |grants: &Grants| grants.permissions.iter().map(ToString::to_string).collect();
    let secrets = |grants: &Grants| grants.secrets.keys().cloned().collect::<BTreeSet<_>>();
    let mut told = sets("grants.http", &patterns(old), &patterns(new));
    told.extend(sets("grants.permissions", &permissions(old), &permissions(new)));
    told.extend(sets("grants.secrets", &secrets(old), &secrets(new)));
    let both = old.secrets.iter().filter(|(name, grant)| {
        let now = new.secrets.get(*name);
        now.is_some_and(|now| now != *grant)
    });
    told.extend(both.map(|(name, _)| format!("grants.secrets.{name} changed")));
    told.extend(value(
        "grants.private-network",
        &reach(&old.private_network),
        &reach(&new.private_network),
    ));
    told
}

fn reach(network: &PrivateNetwork) -> String {
    match network {
        PrivateNetwork::None => "false".to_owned(),
        PrivateNetwork::All => "true".to_owned(),
        PrivateNetwork::Only(origins) => {
            let origins: Vec<String> = origins.iter().map(ToString::to_string).collect();
            format!("[{}]", origins.join(", "))
        }
    }
}

/// The keys whose values differ.
fn config(old: &Value, new: &Value) -> Vec<String> {
    let keys = |value: &Value| -> BTreeSet<String> {
        let members = value.as_object().into_iter().flatten();
        members.map(|(key, _)| key.clone()).collect()
    };
    let (before, after) = (keys(old), keys(new));
    let mut told = sets("config", &before, &after);
    let both = before.intersection(&after);
    told.extend(
        both.filter(|key| old[key.as_str()] != new[key.as_str()])
            .map(|key| format!("config.{key} changed")),
    );
    told
}

fn limits(old: &Limits, new: &Limits) -> Vec<String> {
    let time = |time| humantime::format_duration(time).to_string();
    let size = |bytes| bytesize::ByteSize(bytes).to_string();
    [
        value("limits.memory", &size(old.memory), &size(new.memory)),
        value("limits.timeout", &time(old.timeout), &time(new.timeout)),
        value("limits.cpu", &time(old.cpu), &time(new.cpu)),
        value("limits.concurrency", &old.concurrency, &new.concurrency),
        value("limits.requests", &old.requests, &new.requests),
        value(
            "limits.request-bytes",
            &size(old.request_bytes),
            &size(new.request_bytes),
        ),
        value(
            "limits.response-bytes",
            &size(old.response_bytes),
            &size(new.response_bytes),
        ),
        value("limits.log-bytes", &size(old.log_bytes), &size(new.log_bytes)),
        value("limits.batch", &old.batch, &new.batch),
        option("limits.rate", old.rate.as_ref(), new.rate.as_ref()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::grant::{SecretGrant, SecretSource};

    #[test]
    fn changes_are_told_without_the_values_of_the_configuration() {
        let mut old = PluginSpec::named(
            "echo".parse().expect("a name"),
            std::path::PathBuf::from("echo.wasm"),
        );
        assert_eq!(changes(&old, &old), [""; 0]);
        old.config = serde_json::json!({"a": "hidden", "b": 1});
        let mut new = old.clone();
        new.enabled = false;
        new.config = serde_json::json!({"a": "other", "c": 1});
        new.grants.http = vec!["POST https://a.com/x".parse().expect("a pattern")];
        new.limits.requests = 7;
        let grant = SecretGrant::of(SecretSource::Env("TOKEN".to_owned()));
        new.grants.secrets.insert("token".to_owned(), grant);
        new.grants.private_network = PrivateNetwork::All;
        assert_eq!(
            changes(&old, &new),
            [
                "enabled: true → false",
                "grants.http: + POST https://a.com/x",
                "grants.secrets: + token",
                "grants.private-network: false → true",
                "config: - b",
                "config: + c",
                "config.a changed",
                "limits.requests: 50 → 7",
            ]
        );
    }
}
