//! Plugins by name, and what the operator lets them do.

mod changes;
mod component;
mod digest;

pub use changes::changes;
pub use component::{ComponentSource, InvalidSource, OciSource};
pub use digest::{DigestPrefix, InvalidDigest};

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

use super::breaker::BreakerPolicy;
use super::delivery::OnUnknown;
use super::expression::Map;
use super::grant::Grants;
use super::order::OrderBy;
use super::rate::Rate;
use super::retry::RetryPolicy;
use super::route::Route;
use super::schedule::ScheduleSpec;

/// The name of a plugin in `plugins.toml`: 1 to 64 of `a-z`, `0-9` and `-`, beginning with a
/// letter. It is a column, a metric label and part of URLs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginName(String);

/// A text that is no plugin name.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a plugin name: use 1 to 64 of a-z, 0-9 and -, beginning with a letter")]
pub struct InvalidPluginName(String);

impl PluginName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PluginName {
    type Err = InvalidPluginName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=64).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPluginName(text.to_owned()))
        }
    }
}

impl TryFrom<String> for PluginName {
    type Error = InvalidPluginName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PluginName> for String {
    fn from(name: PluginName) -> Self {
        name.0
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One plugin as the operator wants it: a section `[plugins.NAME]` of `plugins.toml`, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginSpec {
    pub name: PluginName,
    /// Disabled plugins get no new deliveries, and waiting ones are held.
    pub enabled: bool,
    /// Paused plugins get new deliveries, which wait.
    pub paused: bool,
    /// Where the component comes from; a file's path is absolute.
    pub component: ComponentSource,
    /// SHA-256 in hex that the component must have.
    pub sha256: Option<String>,
    /// The public key (PEM) of whoever must have signed the component.
    pub signed_by: Option<PathBuf>,
    /// A build that took another's place is rolled back when this many of its first deliveries have
    /// all failed; `None`: it is not.
    pub rollback_after: Option<u32>,
    pub routes: Vec<Route>,
    /// What the plugin sees of a webhook's payload; `None`: all of it, as it was sent.
    pub map: Option<Map>,
    /// Each under a name of its own.
    pub schedules: Vec<ScheduleSpec>,
    pub grants: Grants,
    /// The table `config` as JSON (always an object).
    pub config: serde_json::Value,
    pub limits: Limits,
    pub retry: RetryPolicy,
    pub on_unknown: OnUnknown,
    /// Deliveries with one value there run one at a time and in order.
    pub order_by: Option<OrderBy>,
    /// When to stop for failures; `None`: never.
    pub breaker: Option<BreakerPolicy>,
}

impl PluginSpec {
    /// A section with nothing but its component: switched on, no rights, the usual limits.
    #[must_use]
    pub fn named(name: PluginName, component: impl Into<ComponentSource>) -> Self {
        Self {
            name,
            enabled: true,
            paused: false,
            component: component.into(),
            sha256: None,
            signed_by: None,
            rollback_after: None,
            routes: Vec::new(),
            map: None,
            schedules: Vec::new(),
            grants: Grants::default(),
            config: serde_json::json!({}),
            limits: Limits::default(),
            retry: RetryPolicy::default(),
            on_unknown: OnUnknown::default(),
            order_by: None,
            breaker: Some(BreakerPolicy::default()),
        }
    }

    /// Whether a component of this SHA-256, in hex, may run: there is no pin, or it is this one.
    #[must_use]
    pub fn allows_digest(&self, digest: &str) -> bool {
        self.sha256
            .as_ref()
            .is_none_or(|pin| pin.eq_ignore_ascii_case(digest))
    }

    /// Whether both ask for a component from the same place, with the same pin and the same key's
    /// signature.
    #[must_use]
    pub fn asks_for_the_build_of(&self, other: &Self) -> bool {
        self.component == other.component && self.sha256 == other.sha256 && self.signed_by == other.signed_by
    }

    /// This section with what `new` takes away gone: its switches, its pin, its key, and the lesser of
    /// both sections' grants and limits. All else stays.
    #[must_use]
    pub fn narrowed_to(&self, new: &Self) -> Self {
        Self {
            enabled: new.enabled,
            paused: new.paused,
            sha256: new.sha256.clone().or_else(|| self.sha256.clone()),
            signed_by: new.signed_by.clone().or_else(|| self.signed_by.clone()),
            grants: self.grants.narrowed_to(&new.grants),
            limits: self.limits.narrowed_to(&new.limits),
            ..self.clone()
        }
    }
}

/// All plugins of the file in force, swapped as a whole when it changes.
pub type SharedSpecs = Arc<ArcSwap<BTreeMap<PluginName, Arc<PluginSpec>>>>;

/// What one run of a plugin may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory of the whole instance.
    pub memory: u64,
    /// Wall time of one run, waiting included.
    pub timeout: Duration,
    /// Time one run may keep a processor busy.
    pub cpu: Duration,
    /// Runs at the same time on this node.
    pub concurrency: u32,
    /// Outbound requests of one run.
    pub requests: u32,
    /// Bytes all request bodies of one run may hold together.
    pub request_bytes: u64,
    /// Bytes all responses of one run may bring.
    pub response_bytes: u64,
    /// Bytes of log kept with one attempt.
    pub log_bytes: u64,
    /// Most webhooks handed over in one call, where the plugin welcomes several.
    pub batch: u32,
    /// Deliveries in a span of time on this node; `None`: as many as come.
    pub rate: Option<Rate>,
}

/// Most webhooks of one call: bounds the bodies held in memory for it.
pub const MAX_BATCH: u32 = 64;

impl Limits {
    /// The lesser of each.
    fn narrowed_to(&self, new: &Self) -> Self {
        Self {
            memory: self.memory.min(new.memory),
            timeout: self.timeout.min(new.timeout),
            cpu: self.cpu.min(new.cpu),
            concurrency: self.concurrency.min(new.concurrency),
            requests: self.requests.min(new.requests),
            request_bytes: self.request_bytes.min(new.request_bytes),
            response_bytes: self.response_bytes.min(new.response_bytes),
            log_bytes: self.log_bytes.min(new.log_bytes),
            batch: self.batch.min(new.batch),
            rate: match (self.rate, new.rate) {
                (Some(one), Some(other)) => Some(one.narrowed_to(other)),
                (one, other) => one.or(other),
            },
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            timeout: Duration::from_secs(30),
            cpu: Duration::from_secs(1),
            concurrency: 4,
            requests: 50,
            request_bytes: 8 << 20,
            response_bytes: 8 << 20,
            log_bytes: 64 << 10,
            batch: MAX_BATCH,
            rate: None,
        }
    }
}
