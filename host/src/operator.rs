//! `plugins.toml` in force: read, applied as a whole, re-read when it changes, edited on request.

mod add;
mod edit;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Mutex, mpsc};
use tokio::time::MissedTickBehavior;

use std::collections::BTreeMap;

use crate::domain::plugin::{PluginName, PluginSpec, SharedSpecs, changes};
use crate::domain::retention::SharedRetention;
use crate::domain::route::{RouteTable, SharedRoutes};
use crate::lifecycle::Lifecycle;
use crate::manifest::PluginsFile;
use crate::wasm::Registry;
use crate::watcher::{Change, Watcher};

pub use add::NewSection;
pub use edit::EditError;

/// How often components that could not be fetched are tried again: registries come back, and mind
/// being asked all the time.
const FETCH_AGAIN: Duration = Duration::from_secs(30);

/// The operator's file and what follows from it.
pub struct Operator {
    path: PathBuf,
    registry: Arc<Registry>,
    specs: SharedSpecs,
    routes: SharedRoutes,
    retention: SharedRetention,
    /// Why the file on disk is not what is in force.
    rejected: ArcSwapOption<String>,
    /// Applies and edits happen one after the other.
    turn: Mutex<()>,
}

impl Operator {
    /// The keeper of the file at `path`; nothing is read yet.
    #[must_use]
    pub fn new(path: PathBuf, registry: Arc<Registry>, specs: SharedSpecs, routes: SharedRoutes) -> Self {
        Self {
            path,
            registry,
            specs,
            routes,
            retention: SharedRetention::default(),
            rejected: ArcSwapOption::empty(),
            turn: Mutex::new(()),
        }
    }

    /// Also puts the rules of retention in force here.
    #[must_use]
    pub fn keeping(self, retention: SharedRetention) -> Self {
        Self { retention, ..self }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why the file on disk is not in force; `None` when it is.
    #[must_use]
    pub fn rejected(&self) -> Option<Arc<String>> {
        self.rejected.load_full()
    }

    /// Reads the file and puts it in force as a whole. What it says of a plugin that cannot be
    /// loaded shows in the registry's status of that plugin.
    ///
    /// # Errors
    /// When the file is wrong; then what was in force stays so.
    pub async fn reload(&self) -> Result<PluginsFile, String> {
        let _turn = self.turn.lock().await;
        self.reload_in_turn().await
    }

    async fn reload_in_turn(&self) -> Result<PluginsFile, String> {
        match PluginsFile::read(&self.path) {
            Ok(file) => {
                self.rejected.store(None);
                tell_changes(&self.specs.load(), &file);
                let specs = file
                    .plugins
                    .iter()
                    .map(|spec| (spec.name.clone(), Arc::new(spec.clone())))
                    .collect();
                self.specs.store(Arc::new(specs));
                self.routes.store(Arc::new(RouteTable::new(&file.plugins)));
                if **self.retention.load() != file.retention {
                    self.retention.store(Arc::new(file.retention.clone()));
                }
                self.registry.apply(file.plugins.clone()).await;
                Ok(file)
            }
            Err(error) => {
                let text = error.to_string();
                self.rejected.store(Some(Arc::new(text.clone())));
                Err(text)
            }
        }
    }

    /// Switches a plugin on or off in the file itself and puts it in force.
    ///
    /// # Errors
    /// When the file is wrong, has no such plugin, or cannot be written; then it is unchanged.
    pub async fn set_enabled(&self, name: &PluginName, enabled: bool) -> Result<(), EditError> {
        let _turn = self.turn.lock().await;
        edit::set_enabled(&self.path, name, enabled)?;
        self.reload_in_turn()
            .await
            .map(|_file| ())
            .map_err(EditError::Rejected)
    }

    /// The files of the plugins that are switched on.
    fn components(&self) -> Vec<(PluginName, PathBuf)> {
        let specs = self.specs.load();
        let enabled = specs.values().filter(|spec| spec.enabled);
        enabled
            .filter_map(|spec| Some((spec.name.clone(), spec.component.file()?.to_owned())))
            .collect()
    }

    /// Tries once more for components that could not be fetched.
    async fn fetch_again(&self) {
        for name in self.registry.unfetched() {
            self.registry.refresh(&name).await;
        }
    }

    /// Follows the file and the components until the soft stop.
    pub async fn follow(
        self: Arc<Self>,
        watcher: Watcher,
        mut changes: mpsc::Receiver<Change>,
        life: Lifecycle,
    ) {
        watcher.watch_components(self.components());
        let mut again = tokio::time::interval(FETCH_AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let change = tokio::select! {
                () = life.soft.cancelled() => return,
                _ = again.tick() => {
                    self.fetch_again().await;
                    continue;
                }
                change = changes.recv() => change,
            };
            match change {
                None => return,
                Some(Change::PluginsFile) => {
                    match self.reload().await {
                        Ok(file) => {
                            tracing::info!(file = %self.path.display(), plugins = file.plugins.len(), "plugins file applied");
                        }
                        Err(error) => {
                            tracing::error!(%error, "the plugins file is wrong; what was in force stays so");
                        }
                    }
                    watcher.watch_components(self.components());
                }
                Some(Change::Component(name)) => {
                    self.registry.refresh(&name).await;
                }
            }
        }
    }
}

/// Logs what an edit of the file changes, a line per plugin.
fn tell_changes(old: &BTreeMap<PluginName, Arc<PluginSpec>>, new: &PluginsFile) {
    if old.is_empty() {
        return;
    }
    for spec in &new.plugins {
        match old.get(&spec.name).map(|old| changes(old, spec)) {
            None => tracing::info!(plugin = %spec.name, "added to the plugins file"),
            Some(told) if told.is_empty() => {}
            Some(told) => {
                tracing::info!(plugin = %spec.name, changes = told.join("; "), "the plugins file changed");
            }
        }
    }
    for name in old.keys().filter(|name| new.plugin(name).is_none()) {
        tracing::info!(plugin = %name, "removed from the plugins file");
    }
}
