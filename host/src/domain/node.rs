//! The `hookyard` processes that share a database.

use std::collections::BTreeMap;
use std::time::Duration;

use super::id::NodeId;
use super::plugin::PluginName;
use super::time::Timestamp;
use super::words::words;

/// How long a node may go unheard before it counts as gone: as long as a lease, after which others have
/// its deliveries too.
pub const NODE_GONE: Duration = Duration::from_secs(20);

/// Which of the work a node does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeRole {
    #[default]
    All,
    /// Takes webhooks and the other requests, and stores them.
    Intake,
    /// Brings deliveries to plugins.
    Worker,
    /// Makes the events of schedules and removes what is old.
    Scheduler,
}

words!(NodeRole, "role of a node" {
    All = "all",
    Intake = "intake",
    Worker = "worker",
    Scheduler = "scheduler",
});

impl NodeRole {
    /// Whether it answers more than questions about its health.
    #[must_use]
    pub const fn takes_requests(self) -> bool {
        matches!(self, Self::All | Self::Intake)
    }

    /// Whether it runs plugins.
    #[must_use]
    pub const fn delivers(self) -> bool {
        matches!(self, Self::All | Self::Worker)
    }

    /// Whether it ticks schedules and does what is done now and then.
    #[must_use]
    pub const fn keeps_time(self) -> bool {
        matches!(self, Self::All | Self::Scheduler)
    }
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    pub id: NodeId,
    /// The name of its machine.
    pub host: String,
    /// Of `hookyard`.
    pub version: String,
    pub role: NodeRole,
    /// SHA-256 in hex of its `plugins.toml` as it was read last; `None` before it was.
    pub plugins_digest: Option<String>,
    /// The builds that serve on it, by SHA-256 in hex.
    pub builds: BTreeMap<PluginName, String>,
}

/// A node as the others know it. Times are the database's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub report: NodeReport,
    pub started_at: Timestamp,
    pub seen_at: Timestamp,
    /// How long ago that is.
    pub unseen: Duration,
}

impl Node {
    /// Whether it still works, as far as can be told.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.unseen < NODE_GONE
    }
}
