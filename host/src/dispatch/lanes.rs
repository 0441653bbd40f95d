//! How the lanes of this node stand, for whoever asks what a delivery waits for, and what their runs used.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::clock::SharedClock;
use crate::domain::delivery::Delivery;
use crate::domain::plugin::{PluginName, SharedSpecs};
use crate::domain::waiting::{LaneState, Standing, Waiting, waiting};
use crate::wasm::{PluginState, Registry, Run};

/// The last word of each lane. Bounded by the number of plugins.
#[derive(Debug, Default)]
pub struct Lanes {
    states: RwLock<BTreeMap<PluginName, LaneState>>,
    used: RwLock<BTreeMap<PluginName, Used>>,
}

/// The most that one run of a build has used since this node loaded it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// The generation that ran.
    pub generation: u64,
    pub runs: u64,
    /// Bytes of linear memory.
    pub memory: u64,
    pub duration: Duration,
    pub cpu: Duration,
    /// Outbound requests.
    pub requests: usize,
    /// Bytes of log messages.
    pub log_bytes: usize,
}

impl Used {
    /// With this run.
    fn and(self, run: &Run) -> Self {
        let log_bytes = run.logs.iter().map(|line| line.message.len()).sum();
        Self {
            generation: self.generation,
            runs: self.runs.saturating_add(1),
            memory: self.memory.max(run.memory_peak),
            duration: self.duration.max(run.duration),
            cpu: self.cpu.max(run.cpu),
            requests: self.requests.max(run.calls.len()),
            log_bytes: self.log_bytes.max(log_bytes),
        }
    }
}

impl Lanes {
    /// How a plugin's lane stands; `None` when this node has none.
    #[must_use]
    pub fn state(&self, plugin: &PluginName) -> Option<LaneState> {
        let states = self.states.read().unwrap_or_else(PoisonError::into_inner);
        states.get(plugin).copied()
    }

    pub(super) fn tell(&self, plugin: &PluginName, state: LaneState) {
        let mut states = self.states.write().unwrap_or_else(PoisonError::into_inner);
        states.insert(plugin.clone(), state);
    }

    pub(super) fn forget(&self, plugin: &PluginName) {
        let mut states = self.states.write().unwrap_or_else(PoisonError::into_inner);
        states.remove(plugin);
        drop(states);
        let mut used = self.used.write().unwrap_or_else(PoisonError::into_inner);
        used.remove(plugin);
    }

    /// The most that one run of the build that ran last has used here; `None` before the first.
    #[must_use]
    pub fn used(&self, plugin: &PluginName) -> Option<Used> {
        let used = self.used.read().unwrap_or_else(PoisonError::into_inner);
        used.get(plugin).copied()
    }

    /// Takes in what a run of this generation used. An older one that ends late tells nothing of the build that serves.
    pub(super) fn note_run(&self, plugin: &PluginName, generation: u64, run: &Run) {
        let mut used = self.used.write().unwrap_or_else(PoisonError::into_inner);
        let known = used.entry(plugin.clone()).or_default();
        if known.generation < generation {
            *known = Used {
                generation,
                ..Used::default()
            };
        }
        if known.generation == generation {
            *known = known.and(run);
        }
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
