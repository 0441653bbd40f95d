//! The `hookyard` processes that share a database.

use std::collections::BTreeMap;
use std::time::Duration;

use super::id::NodeId;
use super::plugin::PluginName;
use super::time::Timestamp;

/// How long a node may go unheard before it counts as gone: as long as a lease, after which others have
/// its deliveries too.
pub const NODE_GONE: Duration = Duration::from_secs(20);

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    pub id: NodeId,
    /// The name of its machine.
    pub host: String,
    /// Of `hookyard`.
    pub version: String,
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
