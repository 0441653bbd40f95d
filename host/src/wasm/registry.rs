//! The plugins that are loaded. Every change is one swap; every failure keeps what served before.

mod archive;
mod fetching;
mod journal;
mod optimise;
mod reload;
mod rollback;
mod slot;
mod status;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::StreamExt;
use tokio::sync::{Mutex, watch};

use self::archive::Archive;
pub use self::fetching::Fetch;
pub(super) use self::journal::Journal;
pub use self::reload::{Phases, Reload, ReloadCause, ReloadResult, RollbackError};
use self::slot::Slot;
pub use self::status::{ApplyReport, PluginState, PluginStatus};
use super::compiler::Grade;
use super::engine::Runtime;
use super::load;
use super::plugin::Plugin;
use crate::clock::SharedClock;
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
    only_looks: AtomicBool,
    /// Whether what is not in the cache serves as a draft first.
    drafts: AtomicBool,
}

impl Workshop {
    /// Whether this process loads plugins for one command, and not to serve.
    fn only_looks(&self) -> bool {
        self.only_looks.load(Ordering::Relaxed)
    }

    /// How good code must be to serve at first.
    fn grade(&self) -> Grade {
        if self.drafts.load(Ordering::Relaxed) {
            Grade::Draft
        } else {
            Grade::Optimised
        }
    }
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
                only_looks: AtomicBool::new(false),
                drafts: AtomicBool::new(false),
                loads: tokio::sync::RwLock::default(),
            }),
            slots: RwLock::default(),
            applying: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// From now on loads are for one command alone: the journals keep only what it was asked to change.
    /// Otherwise each command would be a start in the history, and push out what a person looks for.
    pub fn only_look(&self) {
        self.workshop.only_looks.store(true, Ordering::Relaxed);
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
        let mut journals = self.journals_of_new(&specs).await;
        // All at once, before the first load: what is taken away must not wait for a compiler.
        let mut slots = Vec::with_capacity(specs.len());
        for spec in specs {
            let signer = Signer::of(&spec).await;
            slots.push(self.announce(spec, signer, &mut journals));
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

    /// The remembered loads of a plugin, newest first. `None` when there is no such plugin.
    #[must_use]
    pub fn reloads(&self, name: &PluginName) -> Option<Vec<Reload>> {
        Some(self.find(name)?.reloads())
    }

    /// The same as it was last written down, whether or not there is such a plugin. Nothing is loaded
    /// for it.
    pub async fn remembered(&self, name: &PluginName) -> Vec<Reload> {
        let (archive, name) = (Arc::clone(&self.workshop.archive), name.clone());
        let read = load::blocking(move || Ok(archive.journal(&name).reloads().cloned().collect()));
        read.await.unwrap_or_default()
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

    /// The plugins whose journal could not be written.
    #[must_use]
    pub fn unsaved(&self) -> Vec<PluginName> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let unsaved = slots.iter().filter(|(_, slot)| slot.is_unsaved());
        unsaved.map(|(name, _)| name.clone()).collect()
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
            digests.extend(workshop.archive.sweep(&names, &digests));
            workshop.sources.sweep(&specs);
            workshop.runtime.sweep_cache(&digests);
        });
        if let Err(error) = swept.await {
            tracing::warn!(%error, "the data directory was not cleared of what nothing names");
        }
    }

    /// The journals of the plugins that have no slot yet, read off the async threads.
    async fn journals_of_new(&self, specs: &[PluginSpec]) -> BTreeMap<PluginName, Journal> {
        let new: Vec<PluginName> = {
            let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
            let names = specs.iter().map(|spec| &spec.name);
            names.filter(|name| !slots.contains_key(*name)).cloned().collect()
        };
        let archive = Arc::clone(&self.workshop.archive);
        let read = load::blocking(move || {
            let journals = new.into_iter().map(|name| (archive.journal(&name), name));
            Ok(journals.map(|(journal, name)| (name, journal)).collect())
        });
        read.await.unwrap_or_default()
    }

    fn announce(
        &self,
        spec: PluginSpec,
        signer: Signer,
        journals: &mut BTreeMap<PluginName, Journal>,
    ) -> Arc<Slot> {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry(spec.name.clone()).or_insert_with(|| {
            let journal = journals.remove(&spec.name);
            // It is there, unless reading it panicked.
            let journal = journal.unwrap_or_else(|| self.workshop.archive.journal(&spec.name));
            Arc::new(Slot::new(&spec, journal))
        });
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
