//! Whether the nodes that share a database have the same `plugins.toml`. An edit on one of several that
//! differ would be lost, or undo what is about to arrive.

use super::edit::EditError;
use crate::domain::id::NodeId;
use crate::domain::node::Node;
use crate::store::SharedStore;

/// The nodes beside this one.
#[derive(Clone)]
pub struct Peers {
    pub store: SharedStore,
    pub node: NodeId,
}

impl Peers {
    /// Refuses when a live node has another file than this one, whose digest is `ours`.
    pub(super) async fn check(&self, ours: &str) -> Result<(), EditError> {
        let nodes = self.store.nodes().await;
        let nodes = nodes.map_err(|error| EditError::Broken(error.to_string()))?;
        let differs = |node: &Node| {
            node.is_live()
                && node.report.id != self.node
                && node
                    .report
                    .plugins_digest
                    .as_ref()
                    .is_some_and(|theirs| theirs != ours)
        };
        let others: Vec<String> = nodes
            .iter()
            .filter(|node| differs(node))
            .map(|node| format!("{} on {}", node.report.id, node.report.host))
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        Err(EditError::NodesDiffer(others.join(", ")))
    }
}
