//! `plugins.toml` in force: read, applied as a whole, re-read when it changes, edited on request.

mod add;
mod again;
mod edit;
mod peers;
mod switch;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use std::collections::BTreeMap;

use self::again::Again;
use crate::domain::plugin::{PluginName, PluginSpec, SharedSpecs, changes};
use crate::domain::retention::SharedRetention;
use crate::domain::route::{RouteTable, SharedRoutes};
use crate::domain::source::{self, SharedSources, SourceTable};
use crate::lifecycle::Lifecycle;
use crate::manifest::{PluginsFile, PluginsFileError};
use crate::wasm::Registry;
use crate::watcher::{Change, Watcher};

pub use add::NewSection;
pub use edit::EditError;
use edit::Edited;
pub use peers::Peers;
pub use switch::{Preview, Switch};

/// How often loads are tried again that failed for a reason that may pass, and journals that could not be
/// written: registries come back, disks are cleared, and both mind being asked all the time.
const AGAIN: Duration = Duration::from_secs(30);

/// The operator's file and what follows from it.
pub struct Operator {
    path: PathBuf,
    registry: Arc<Registry>,
    specs: SharedSpecs,
    routes: SharedRoutes,
    retention: SharedRetention,
    sources: SharedSources,
    /// Why the file on disk is not what is in force.
    rejected: ArcSwapOption<String>,
    digest: ArcSwapOption<String>,
    /// Applies and edits happen one after the other.
    turn: Mutex<()>,
    peers: Option<Peers>,
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
            sources: SharedSources::default(),
            rejected: ArcSwapOption::empty(),
            digest: ArcSwapOption::empty(),
            turn: Mutex::new(()),
            peers: None,
        }
    }

    /// The same among other nodes, if there may be any: edits are refused while their files differ.
    #[must_use]
    pub fn among(self, peers: Option<Peers>) -> Self {
        Self { peers, ..self }
    }

    /// Also puts the rules of retention in force here.
    #[must_use]
    pub fn keeping(self, retention: SharedRetention) -> Self {
        Self { retention, ..self }
    }

    /// Also puts the sources in force here.
    #[must_use]
    pub fn serving(self, sources: SharedSources) -> Self {
        Self { sources, ..self }
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

    /// SHA-256 in hex of the file as it was read last, right or wrong; `None` before it was.
    #[must_use]
    pub fn digest(&self) -> Option<Arc<String>> {
        self.digest.load_full()
    }

    /// Reads the file and puts it in force as a whole. What it says of a plugin that cannot be
    /// loaded shows in the registry's status of that plugin.
    ///
    /// # Errors
    /// When the file is wrong; then what was in force stays so.
    pub async fn reload(&self) -> Result<PluginsFile, String> {
        let _turn = self.turn.lock().await;
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || {
            let text = PluginsFile::text(&path)?;
            Ok::<_, PluginsFileError>((digest(&text), PluginsFile::parse(&text, &path)))
        });
        let parsed = match read.await.map_err(|error| error.to_string())? {
            Ok((digest, parsed)) => {
                self.digest.store(Some(Arc::new(digest)));
                parsed
            }
            Err(error) => Err(error),
        };
        match parsed {
            Ok(file) => {
                self.apply(&file).await;
                Ok(file)
            }
            Err(error) => {
                let text = error.to_string();
                self.rejected.store(Some(Arc::new(text.clone())));
                Err(text)
            }
        }
    }

    async fn apply(&self, file: &PluginsFile) {
        self.rejected.store(None);
        tell_changes(&self.specs.load(), file);
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
        self.apply_sources(file);
        self.registry.apply(file.plugins.clone()).await;
    }

    /// Puts the file's sources in force, and logs what that changes.
    fn apply_sources(&self, file: &PluginsFile) {
        let new = SourceTable::new(&file.sources);
        for change in source::changes(&self.sources.load(), &new) {
            tracing::info!(%change, "the plugins file changed");
        }
        self.sources.store(Arc::new(new));
    }

    /// Adds a section to the file and puts it in force. What the operator should know of how the file was
    /// written comes back.
    ///
    /// # Errors
    /// When the file is wrong, has a section of this name, would be wrong with this one, or cannot be
    /// written; then it is unchanged.
    pub async fn add(self: &Arc<Self>, section: NewSection) -> Result<Option<String>, EditError> {
        self.edit(move |path| section.add_to(path, None)).await
    }

    /// Edits the file and puts what was written in force: what somebody else saves after that has its own
    /// turn. Once begun it ends, although the caller goes away.
    async fn edit(
        self: &Arc<Self>,
        change: impl FnOnce(&Path) -> Result<Edited, EditError> + Send + 'static,
    ) -> Result<Option<String>, EditError> {
        let this = Arc::clone(self);
        let task = tokio::spawn(async move {
            let _turn = this.turn.lock().await;
            this.check_peers().await?;
            let path = this.path.clone();
            let edited = tokio::task::spawn_blocking(move || change(&path)).await;
            let edited = edited.map_err(|error| EditError::Broken(error.to_string()))??;
            this.digest.store(Some(Arc::new(digest(&edited.text))));
            this.apply(&edited.file).await;
            Ok::<_, EditError>(edited.note)
        });
        task.await.map_err(|error| EditError::Broken(error.to_string()))?
    }

    async fn check_peers(&self) -> Result<(), EditError> {
        let Some(peers) = &self.peers else {
            return Ok(());
        };
        let path = self.path.clone();
        // One that is not there yet is like no other.
        let text = tokio::task::spawn_blocking(move || PluginsFile::text(&path).unwrap_or_default()).await;
        let text = text.map_err(|error| EditError::Broken(error.to_string()))?;
        peers.check(&digest(&text)).await
    }

    /// The files that tell what the plugins that are switched on run: their components, and where these
    /// must be signed their signatures and the keys.
    fn components(&self) -> Vec<(PluginName, PathBuf)> {
        let specs = self.specs.load();
        let enabled = specs.values().filter(|spec| spec.enabled);
        enabled
            .flat_map(|spec| {
                let signature = spec
                    .component
                    .signature_file()
                    .filter(|_| spec.signed_by.is_some());
                let files = [
                    spec.component.file().map(Path::to_owned),
                    signature,
                    spec.signed_by.clone(),
                ];
                files
                    .into_iter()
                    .flatten()
                    .map(move |file| (spec.name.clone(), file))
            })
            .collect()
    }

    /// Tries once more to write the journals that could not be written.
    async fn save_again(&self) {
        for name in self.registry.unsaved() {
            self.registry.refresh(&name).await;
        }
    }

    /// Follows the file and the components until the soft stop, and gets the components that are to be
    /// fetched.
    pub async fn follow(
        self: Arc<Self>,
        watcher: Watcher,
        mut changes: mpsc::Receiver<Change>,
        life: Lifecycle,
    ) {
        watcher.watch_components(self.components());
        let mut tries = Again::new(Arc::clone(&self.registry), life.clone());
        let mut statuses = self.registry.changes();
        let mut again = interval_at(Instant::now() + AGAIN, AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tries.begin(self.registry.unfetched());
            let change = tokio::select! {
                () = life.soft.cancelled() => return,
                _ = again.tick() => {
                    tries.begin(self.registry.waiting());
                    self.save_again().await;
                    continue;
                }
                Ok(()) = statuses.changed() => continue,
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

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
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
