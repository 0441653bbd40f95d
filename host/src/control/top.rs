//! How everything stands at one moment: what `hookyard top` shows.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::domain::breaker::BreakerState;
use crate::domain::delivery::DeliveryState;
use crate::domain::node::NodeRole;
use crate::domain::plugin::PluginName;
use crate::domain::time::Timestamp;
use crate::nodes::NodeView;
use crate::store::StoreResult;

/// How the service stands. Counts are of the database and so of all nodes; breakers are of the node that answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// By name.
    pub plugins: Vec<StandingPlugin>,
    /// Oldest first.
    pub nodes: Vec<StandingNode>,
}

/// How the deliveries of one plugin stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingPlugin {
    pub name: String,
    /// Wait for their first attempt.
    pub waiting: u64,
    /// For how long the one that waits longest has been due, in milliseconds; `None` when nothing is due.
    pub oldest_ms: Option<u64>,
    /// Held by a node, whether started or not.
    pub running: u64,
    /// Wait for another attempt, or for a limit to let them through.
    pub retrying: u64,
    pub dead: u64,
    /// Wait for a person to say what became of them.
    pub unknown: u64,
    pub succeeded: u64,
    /// In whatever state: grows with what is taken in, and falls when old events are purged.
    pub deliveries: u64,
    /// `None` where no server runs, or the node that answers runs no plugins.
    pub breaker: Option<BreakerState>,
    /// Until when the breaker is open.
    pub breaker_until: Option<Timestamp>,
}

/// A node that shares the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingNode {
    pub id: String,
    pub host: String,
    pub version: String,
    pub role: NodeRole,
    /// Whether it is the one that answers.
    pub this: bool,
    /// Whether it was heard within the last 20 seconds.
    pub live: bool,
    /// SHA-256 of its `plugins.toml`.
    pub plugins_digest: Option<String>,
}

/// Looks.
pub(super) async fn standing(app: &App) -> StoreResult<Standing> {
    let mut counted: HashMap<PluginName, HashMap<DeliveryState, u64>> = HashMap::new();
    for count in app.store.delivery_counts().await? {
        let of_plugin = counted.entry(count.plugin).or_default();
        *of_plugin.entry(count.state).or_default() += count.count;
    }
    // What the file no longer names may still have deliveries, and a new section has none.
    let mut names: BTreeSet<PluginName> = counted.keys().cloned().collect();
    names.extend(app.specs.load().keys().cloned());
    let mut plugins = Vec::with_capacity(names.len());
    for name in names {
        let counts = counted.remove(&name).unwrap_or_default();
        plugins.push(plugin(app, &name, &counts).await?);
    }
    let nodes = app.nodes().list().await?;
    Ok(Standing {
        plugins,
        nodes: nodes.into_iter().map(StandingNode::from).collect(),
    })
}

async fn plugin(
    app: &App,
    name: &PluginName,
    counts: &HashMap<DeliveryState, u64>,
) -> StoreResult<StandingPlugin> {
    let sum = |states: &[DeliveryState]| states.iter().filter_map(|state| counts.get(state)).sum::<u64>();
    let (waiting, retrying) = (
        sum(&[DeliveryState::Pending]),
        sum(&[DeliveryState::Retrying, DeliveryState::Deferred]),
    );
    // Nothing to look for where nothing waits, which is most plugins most of the time.
    let overdue = if waiting + retrying > 0 {
        app.store.overdue(name).await?
    } else {
        None
    };
    let lane = app.lanes.state(name);
    Ok(StandingPlugin {
        name: name.to_string(),
        waiting,
        oldest_ms: overdue.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        running: sum(&[DeliveryState::Claimed, DeliveryState::Running]),
        retrying,
        dead: sum(&[DeliveryState::Dead]),
        unknown: sum(&[DeliveryState::Unknown]),
        succeeded: sum(&[DeliveryState::Succeeded]),
        deliveries: counts.values().sum(),
        breaker: lane.map(|lane| lane.breaker),
        breaker_until: lane.and_then(|lane| lane.breaker_until),
    })
}

impl From<NodeView> for StandingNode {
    fn from(node: NodeView) -> Self {
        Self {
            id: node.id.to_string(),
            host: node.host,
            version: node.version,
            role: node.role,
            this: node.this,
            live: node.live,
            plugins_digest: node.plugins_digest,
        }
    }
}
