//! The plugins that are loaded. Every change is one swap; every failure keeps what served before.

mod archive;
mod fetching;
mod journal;
mod reload;
mod slot;
mod status;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::StreamExt;
use tokio::sync::{Mutex, watch};

use self::archive::Archive;
pub use self::fetching::Fetch;
pub(super) use self::journal::Journal;
pub use self::reload::{Phases, Reload, ReloadCause, ReloadResult, RollbackError};
use self::slot::Slot;
pub use self::status::{ApplyReport, PluginState, PluginStatus};
pub(super) use self::trial::Trial;
use super::engine::Runtime;
use super::plugin::Plugin;
use crate::clock::SharedClock;
use crate::domain::attempt::AttemptOutcome;
use crate::domain::plugin::{PluginName, PluginSpec};
use crate::environment::Environment;
use crate::metrics::Metrics;
use crate::store::SharedStore;
use crate::vault::Vault;
use crate::wasm::source::{Signer, Sources};
use crate::wasm::tape::Wire;

/// Components loaded at the same time: compiling already uses every processor.
const PARALLEL_LOADS: usize = 2;

/// What plugins need of the application.
pub struct RegistryDeps {
    pub store: SharedStore,
    pub environment: Arc<Environment>,
    pub vault: Vault,
    pub metrics: Arc<Metrics>,
    pub wire: Arc<Wire>,
    pub clock: SharedClock,
    /// Holds `plugins/`, the kept builds and journals.
    pub data_dir: PathBuf,
}

/// What every slot shares.
struct Workshop {
    runtime: Arc<Runtime>,
    deps: Arc<RegistryDeps>,
    archive: Arc<Archive>,
    sources: Sources,
    /// Shared by whoever loads; taken alone to clear away what no plugin names.
    loads: tokio::sync::RwLock<()>,
}

/// All plugins by name.
pub struct Registry {
    workshop: Arc<Workshop>,
    slots: RwLock<BTreeMap<PluginName, Arc<Slot>>>,
    /// One `apply` at a time, or two could undo each other.
    applying: Mutex<()>,
    changes: watch::Sender<u64>,
}

impl Registry {
    /// A registry without plugins.
    #[must_use]
    pub fn new(runtime: Arc<Runtime>, deps: RegistryDeps) -> Self {
        let archive = Arc::new(Archive::new(&deps.data_dir));
        Self {
            workshop: Arc::new(Workshop {
                runtime,
                sources: Sources::new(&deps.data_dir, &deps.environment),
                deps: Arc::new(deps),
                archive,
                loads: tokio::sync::RwLock::default(),
            }),
            slots: RwLock::default(),
            applying: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Makes the plugins what `specs` says: loads new ones and those whose file changed, puts
    /// changed settings in force without compiling, drops those that are gone once their runs end.
    /// What the new settings take away is gone at once; what they add counts once they fit. Asks no
    /// network: plugins whose component is to be fetched are [`Self::unfetched`] afterwards.
    pub async fn apply(&self, specs: Vec<PluginSpec>) -> ApplyReport {
        let _turn = self.applying.lock().await;
        let mut report = ApplyReport {
            removed: self.drop_others(&specs),
            ..ApplyReport::default()
        };
        // All at once, before the first load: what is taken away must not wait for a compiler.
        let mut slots = Vec::with_capacity(specs.len());
        for spec in specs {
            let signer = Signer::of(&spec).await;
            slots.push(self.announce(spec, signer));
        }
        let statuses: Vec<PluginStatus> = {
            let _load = self.workshop.loads.read().await;
            futures_util::stream::iter(slots)
                .map(|slot| async move { slot.refresh(&self.workshop, None).await })
                .buffered(PARALLEL_LOADS)
                .collect()
                .await
        };
        report.statuses = statuses;
        self.end_load().await;
        report
    }

    /// Looks at a plugin's file again and loads it if it changed. `None` when there is no such
    /// plugin.
    pub async fn refresh(&self, name: &PluginName) -> Option<PluginStatus> {
        self.load(name, None).await
    }

    async fn load(&self, name: &PluginName, fetch: Option<Fetch>) -> Option<PluginStatus> {
        let slot = self.find(name)?;
        let status = {
            let _load = self.workshop.loads.read().await;
            slot.refresh(&self.workshop, fetch).await
        };
        self.end_load().await;
        Some(status)
    }

    /// The generation that serves, if one does. Runs keep what they were given.
    #[must_use]
    pub fn plugin(&self, name: &PluginName) -> Option<Arc<Plugin>> {
        self.find(name)?.current()
    }

    /// Lets the build before the newest serve. The newest is not loaded again, by the poll or after a
    /// restart, until [`Self::accept`] or a pin asks for it; another build in its file is.
    ///
    /// # Errors
    /// When there is no such plugin, or no earlier build that may and can serve; then nothing has
    /// changed.
    pub async fn roll_back(&self, name: &PluginName, by: &str) -> Result<PluginStatus, RollbackError> {
        let slot = self
            .find(name)
            .ok_or_else(|| RollbackError::Unknown(name.clone()))?;
        let why = format!("rolled back by {by}");
        let status = {
            let _load = self.workshop.loads.read().await;
            slot.roll_back(&self.workshop, ReloadCause::Rollback, &why, None)
                .await
        };
        self.end_load().await;
        status
    }

    /// Takes a rollback back: loads the build in the plugin's file.
    ///
    /// # Errors
    /// When there is no such plugin, or its file holds a build that was not rolled back.
    pub async fn accept(&self, name: &PluginName) -> Result<PluginStatus, RollbackError> {
        let slot = self
            .find(name)
            .ok_or_else(|| RollbackError::Unknown(name.clone()))?;
        // Should it have gone from the data directory.
        slot.fetch(&self.workshop).await.result?;
        let status = {
            let _load = self.workshop.loads.read().await;
            slot.accept(&self.workshop).await
        };
        self.end_load().await;
        status
    }

    /// Counts what came of a delivery for the trial of the build that ran it, and rolls that build
    /// back when it has failed its trial (`rollback-after`).
    pub async fn judge(&self, plugin: &Plugin, outcome: AttemptOutcome) {
        let failed = match outcome {
            AttemptOutcome::Succeeded => false,
            AttemptOutcome::Retry
            | AttemptOutcome::Rejected
            | AttemptOutcome::Trapped
            | AttemptOutcome::Limit => true,
            // These tell nothing of the build.
            _ => return,
        };
        let allowed = plugin.spec().rollback_after;
        if !plugin.trial.note(failed, allowed) {
            return;
        }
        let (name, digest) = (plugin.name(), plugin.digest());
        let why = format!(
            "its first {} deliveries all failed (rollback-after)",
            allowed.unwrap_or_default()
        );
        let Some(slot) = self.find(name) else { return };
        let rolled_back = {
            let _load = self.workshop.loads.read().await;
            slot.roll_back(&self.workshop, ReloadCause::Failures, &why, Some(digest))
                .await
        };
        if let Err(error) = rolled_back {
            tracing::warn!(plugin = %name, %error, "{why}, and it could not be rolled back");
        }
        self.end_load().await;
    }

    /// The remembered loads of a plugin, newest first. `None` when there is no such plugin.
    #[must_use]
    pub fn reloads(&self, name: &PluginName) -> Option<Vec<Reload>> {
        Some(self.find(name)?.reloads())
    }

    /// How a plugin stands.
    #[must_use]
    pub fn status(&self, name: &PluginName) -> Option<PluginStatus> {
        Some(self.find(name)?.status())
    }

    /// How all plugins stand, by name.
    #[must_use]
    pub fn statuses(&self) -> Vec<PluginStatus> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.values().map(|slot| slot.status()).collect()
    }

    /// All plugins of the file, loaded or not.
    #[must_use]
    pub fn names(&self) -> Vec<PluginName> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.keys().cloned().collect()
    }

    /// Changes whenever a status may have.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn tell(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn find(&self, name: &PluginName) -> Option<Arc<Slot>> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.get(name).cloned()
    }

    /// Tells of a load, and clears away what no plugin names any more unless another load is under way:
    /// that one does.
    async fn end_load(&self) {
        self.tell();
        let Ok(_alone) = self.workshop.loads.try_write() else {
            return;
        };
        let (mut specs, mut digests) = (Vec::new(), BTreeSet::new());
        {
            let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
            for slot in slots.values() {
                specs.push(slot.wanted());
                digests.extend(slot.digests());
            }
        }
        let workshop = Arc::clone(&self.workshop);
        let swept = tokio::task::spawn_blocking(move || {
            let names = specs.iter().map(|spec| spec.name.clone()).collect();
            digests.extend(workshop.archive.sweep(&names));
            workshop.sources.sweep(&specs);
            workshop.runtime.sweep_cache(&digests);
        });
        if let Err(error) = swept.await {
            tracing::warn!(%error, "the data directory was not cleared of what nothing names");
        }
    }

    fn announce(&self, spec: PluginSpec, signer: Signer) -> Arc<Slot> {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let slot = slots
            .entry(spec.name.clone())
            .or_insert_with(|| Arc::new(Slot::new(&spec, self.workshop.archive.journal(&spec.name))));
        slot.announce(spec, signer);
        Arc::clone(slot)
    }

    fn drop_others(&self, specs: &[PluginSpec]) -> Vec<PluginName> {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<PluginName> = slots
            .keys()
            .filter(|name| !specs.iter().any(|spec| spec.name == **name))
            .cloned()
            .collect();
        for name in &gone {
            if let Some(slot) = slots.remove(name) {
                slot.revoke();
            }
        }
        gone
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.statuses()).finish()
    }
}
