//! Brings deliveries to plugins: claim, mark as started, run, record.
//!
//! Each enabled plugin has a lane of its own, so that a saturated or broken one blocks nobody. The
//! started marks and the results of all lanes share commits.

mod call;
mod gate;
mod group;
mod keeper;
mod lane;
mod lanes;
mod recorder;
mod step;
mod verdict;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::SharedClock;
use crate::domain::id::{DeliveryId, NodeId};
use crate::domain::plugin::{PluginName, PluginSpec, SharedSpecs};
use crate::lifecycle::Lifecycle;
use crate::looks::Looks;
use crate::metrics::Metrics;
use crate::store::{SharedStore, StoreResult};
use crate::wake::Wake;
use crate::wasm::Registry;

pub use lanes::{Lanes, Used, Waits};
pub use recorder::Recorder;

/// How long a claim is held before somebody else may take it. Renewed while this node lives, so it
/// is short: it is how long the work of a crashed node waits.
pub const LEASE: Duration = Duration::from_secs(20);

/// How often leases are renewed and ended ones looked for: three chances before one ends.
const KEEP_INTERVAL: Duration = Duration::from_secs(5);

/// How long a lane sleeps at most when nothing wakes it: finds what other nodes accepted or gave
/// back.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// What the dispatcher works with.
#[derive(Clone)]
pub struct Parts {
    pub store: SharedStore,
    pub registry: Arc<Registry>,
    pub specs: SharedSpecs,
    pub clock: SharedClock,
    pub metrics: Arc<Metrics>,
    pub looks: Looks,
    /// Where the lanes tell how they stand.
    pub lanes: Arc<Lanes>,
    pub wake: Arc<Wake>,
    pub node: NodeId,
    pub lifecycle: Lifecycle,
}

impl Parts {
    fn spec(&self, name: &PluginName) -> Option<Arc<PluginSpec>> {
        self.specs.load().get(name).cloned()
    }
}

/// Starts delivering. Everything ends with the lifecycle's tokens.
pub fn start(parts: Parts) {
    let recorder = Recorder::start(&parts);
    let keeper = keeper::Keeper::default();
    parts
        .lifecycle
        .spawn("lease keeper", keeper.clone().keep(parts.clone()));
    let lifecycle = parts.lifecycle.clone();
    lifecycle.spawn("dispatcher", supervise(parts, recorder, keeper));
}

/// What became of a delivery that was to run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Once {
    /// It ran, and what came of it is recorded.
    Ran,
    /// Somebody else took it first.
    Elsewhere,
    /// Its plugin is not loaded here; it waits for somebody else.
    NotLoaded,
}

/// Runs one waiting delivery now and answers when it is recorded. For commands that work without
/// a running server.
pub async fn run_once(parts: &Parts, delivery: DeliveryId) -> StoreResult<Once> {
    let Some(claim) = parts.store.claim_delivery(delivery, parts.node, LEASE).await? else {
        return Ok(Once::Elsewhere);
    };
    let Some(plugin) = parts.registry.plugin(&claim.plugin) else {
        parts.store.release_deliveries(&[claim.lease()]).await?;
        return Ok(Once::NotLoaded);
    };
    let recorder = Recorder::start(parts);
    let keeper = keeper::Keeper::default();
    let caller = call::Caller {
        parts: parts.clone(),
        recorder,
        spec: plugin.spec(),
        plugin,
    };
    let held = vec![call::Held::new(claim, &keeper)];
    tokio::select! {
        () = call::execute(&caller, held, drop) => Ok(Once::Ran),
        never = keeper.keep_renewing(parts) => match never {},
    }
}

/// Keeps one lane per plugin that is in the registry, and passes the wake-ups on.
async fn supervise(parts: Parts, recorder: Recorder, keeper: keeper::Keeper) {
    let mut lanes: HashMap<PluginName, Arc<Notify>> = HashMap::new();
    let mut changes = parts.registry.changes();
    loop {
        for name in parts.specs.load().keys().cloned() {
            lanes.entry(name.clone()).or_insert_with(|| {
                let bell = Arc::new(Notify::new());
                let lane = lane::Lane::new(
                    name,
                    parts.clone(),
                    recorder.clone(),
                    keeper.clone(),
                    bell.clone(),
                );
                parts.lifecycle.spawn("lane", lane.run());
                bell
            });
        }
        tokio::select! {
            () = parts.lifecycle.soft.cancelled() => return,
            told = changes.changed() => {
                if told.is_err() { return }
                for bell in lanes.values() { bell.notify_one() }
            }
            plugins = parts.wake.next() => {
                for plugin in plugins {
                    if let Some(bell) = lanes.get(&plugin) { bell.notify_one() }
                }
            }
        }
    }
}
