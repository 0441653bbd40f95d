//! This node among those that share its database: what it reports, and what the others do.
//!
//! A node is known by what it says of itself, every few seconds. Nobody is told of another's end: who is
//! not heard for [`NODE_GONE`](crate::domain::node::NODE_GONE) counts as gone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::domain::id::NodeId;
use crate::domain::node::{Node, NodeReport, NodeRole};
use crate::domain::plugin::PluginName;
use crate::domain::time::Timestamp;
use crate::lifecycle::Lifecycle;
use crate::operator::Operator;
use crate::store::{SharedStore, StoreResult};
use crate::wasm::Registry;

/// How often a node says that it is there: four times before it would count as gone.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// How long a node that is gone is still shown: who is on call sees what it ran.
const FORGET_AFTER: Duration = Duration::from_hours(1);

/// Where Linux tells the machine's name.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// What there is to say of this node, and where.
#[derive(Clone)]
pub struct Nodes {
    pub store: SharedStore,
    pub registry: Arc<Registry>,
    pub operator: Arc<Operator>,
    pub node: NodeId,
    pub role: NodeRole,
}

/// A node, for people.
#[derive(Debug, Serialize)]
pub struct NodeView {
    pub id: NodeId,
    /// Whether it is the one that answers.
    pub this: bool,
    /// Whether it was heard within the last 20 seconds.
    pub live: bool,
    pub host: String,
    pub version: String,
    /// Which of the work it does: all, intake, worker or scheduler.
    pub role: NodeRole,
    pub started_at: Timestamp,
    pub seen_at: Timestamp,
    /// SHA-256 of its `plugins.toml`. While live nodes have different ones, edits are refused.
    pub plugins_digest: Option<String>,
    /// The builds that serve on it, by plugin.
    pub builds: BTreeMap<PluginName, String>,
}

impl Nodes {
    /// The nodes, oldest first, with those that are gone since an hour at most.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self) -> StoreResult<Vec<NodeView>> {
        let nodes = self.store.nodes().await?.into_iter();
        Ok(nodes.map(|node| self.view(node)).collect())
    }

    fn view(&self, node: Node) -> NodeView {
        NodeView {
            this: node.report.id == self.node,
            live: node.is_live(),
            id: node.report.id,
            host: node.report.host,
            version: node.report.version,
            role: node.report.role,
            started_at: node.started_at,
            seen_at: node.seen_at,
            plugins_digest: node.report.plugins_digest,
            builds: node.report.builds,
        }
    }

    /// Reports until the soft stop: every few seconds, and at once when a plugin or the file has changed.
    pub async fn report(self, life: Lifecycle) {
        let mut changes = self.registry.changes();
        let host = tokio::fs::read_to_string(HOST_NAME).await.unwrap_or_default();
        let mut is_known = true;
        loop {
            // One warning for as long as the database is away; others tell of it too.
            match self
                .store
                .report_node(&self.told(host.trim()), FORGET_AFTER)
                .await
            {
                Ok(()) => is_known = true,
                Err(error) if is_known => {
                    is_known = false;
                    tracing::warn!(%error, "cannot tell other nodes of this one; trying again");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = life.soft.cancelled() => break,
                () = tokio::time::sleep(REPORT_INTERVAL) => {}
                told = changes.changed() => if told.is_err() { break },
            }
        }
        if let Err(error) = self.store.remove_node(self.node).await {
            tracing::debug!(%error, "this node stays in the list until it is forgotten");
        }
    }

    fn told(&self, host: &str) -> NodeReport {
        let statuses = self.registry.statuses().into_iter();
        NodeReport {
            id: self.node,
            host: host.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            role: self.role,
            plugins_digest: self.operator.digest().map(|digest| digest.as_ref().clone()),
            builds: statuses
                .filter_map(|status| Some((status.name, status.digest?)))
                .collect(),
        }
    }
}
