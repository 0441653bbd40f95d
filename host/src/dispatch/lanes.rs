//! How the lanes of this node stand, for whoever asks what a delivery waits for.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::clock::SharedClock;
use crate::domain::delivery::Delivery;
use crate::domain::plugin::{PluginName, SharedSpecs};
use crate::domain::waiting::{LaneState, Standing, Waiting, waiting};
use crate::wasm::{PluginState, Registry};

/// The last word of each lane. Bounded by the number of plugins.
#[derive(Debug, Default)]
pub struct Lanes(RwLock<BTreeMap<PluginName, LaneState>>);

impl Lanes {
    /// How a plugin's lane stands; `None` when this node has none.
    #[must_use]
    pub fn state(&self, plugin: &PluginName) -> Option<LaneState> {
        let states = self.0.read().unwrap_or_else(PoisonError::into_inner);
        states.get(plugin).copied()
    }

    pub(super) fn tell(&self, plugin: &PluginName, state: LaneState) {
        let mut states = self.0.write().unwrap_or_else(PoisonError::into_inner);
        states.insert(plugin.clone(), state);
    }

    pub(super) fn forget(&self, plugin: &PluginName) {
        let mut states = self.0.write().unwrap_or_else(PoisonError::into_inner);
        states.remove(plugin);
    }
}

/// Answers what deliveries wait for. Cheap to clone.
#[derive(Clone)]
pub struct Waits {
    pub specs: SharedSpecs,
    pub registry: Arc<Registry>,
    pub lanes: Arc<Lanes>,
    pub clock: SharedClock,
    /// Whether `specs` are those of a file that was read; else nobody can say what holds a delivery.
    pub file_read: bool,
}

impl Waits {
    /// What this delivery waits for, as far as this node knows; `None` when nothing holds it.
    #[must_use]
    pub fn of(&self, delivery: &Delivery) -> Option<Waiting> {
        if !self.file_read {
            return None;
        }
        let specs = self.specs.load();
        let status = self.registry.status(&delivery.plugin);
        waiting(
            delivery,
            Standing {
                spec: specs.get(&delivery.plugin).map(AsRef::as_ref),
                serves: status.is_some_and(|status| {
                    !matches!(status.state, PluginState::Broken | PluginState::Fetching)
                }),
                lane: self.lanes.state(&delivery.plugin),
                now: self.clock.now(),
            },
        )
    }
}
