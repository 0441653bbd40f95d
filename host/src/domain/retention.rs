//! How long events are kept, how many, and what is taken out of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::redaction::Pointer;

/// When redaction has taken place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedactAfter {
    pub age: Duration,
    pub what: RedactWhat,
}

/// What a later redaction takes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedactWhat {
    /// The values at these places of the payload.
    Pointers(Vec<Pointer>),
    /// The whole body and the headers.
    Body,
}

/// The rule of one source. Nothing set: everything is kept as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetentionRule {
    /// Finished events go when they are older.
    pub max_age: Option<Duration>,
    /// Finished events beyond so many go, oldest first.
    pub max_events: Option<u64>,
    /// Whether failed events (and held ones) go like processed ones.
    pub purge_failed: bool,
    /// Failed events go when they are older than this, whatever `purge_failed` says.
    pub failed_max_age: Option<Duration>,
    /// Taken out of the payload before it is stored.
    pub redact: Vec<Pointer>,
    /// Taken out later, once nothing is to be delivered any more.
    pub redact_after: Option<RedactAfter>,
}

/// The rules in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Of every source that has none of its own.
    pub general: RetentionRule,
    /// Of the sources that are named.
    pub sources: BTreeMap<String, RetentionRule>,
    /// Entries of the audit log go when they are older.
    pub audit_max_age: Option<Duration>,
}

/// The rules in force, swapped as a whole when `plugins.toml` changes.
pub type SharedRetention = Arc<ArcSwap<Retention>>;

impl Retention {
    /// The rule of a source.
    #[must_use]
    pub fn of(&self, source: &str) -> &RetentionRule {
        self.sources.get(source).unwrap_or(&self.general)
    }

    /// Every rule with the sources it is for.
    pub fn scopes(&self) -> impl Iterator<Item = (Scope, &RetentionRule)> {
        let named = self
            .sources
            .iter()
            .map(|(name, rule)| (Scope::Source(name.clone()), rule));
        let others = Scope::Others(self.sources.keys().cloned().collect());
        named.chain(std::iter::once((others, &self.general)))
    }
}

/// Which events a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Of this source.
    Source(String),
    /// Of all but these.
    Others(Vec<String>),
}
