//! Tells when `plugins.toml` or a component may have changed.
//!
//! Directories are watched, not files: a rename over the file, a swapped symbolic link and an
//! editor's temporary file all show there. A slow poll backs that up where the system tells
//! nothing (network file systems, mounted single files). False alarms are cheap: the reader
//! compares digests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{Notify, mpsc};
use tokio_util::task::AbortOnDropHandle;

use crate::domain::plugin::PluginName;

/// Quiet time after the last sign of a change: writers of large files pause for less.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// Longest time a stream of changes may put off telling.
const MAX_DEBOUNCE: Duration = Duration::from_secs(2);
/// How often the files are looked at when nothing was told.
const POLL: Duration = Duration::from_secs(5);
/// Changes waiting for the reader. Each is told once, so one per plugin is the most that counts.
const QUEUE: usize = 64;

/// Something that may have changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// `plugins.toml` itself.
    PluginsFile,
    /// A plugin's component.
    Component(PluginName),
}

/// Watches until it is dropped.
pub struct Watcher {
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

struct Shared {
    state: Mutex<State>,
    bell: Notify,
}

struct State {
    plugins_file: PathBuf,
    components: Vec<(PluginName, PathBuf)>,
    /// What was last seen of each file.
    seen: BTreeMap<PathBuf, Option<Look>>,
    directories: BTreeSet<PathBuf>,
    /// `None` where the system cannot watch; then only the poll works.
    system: Option<RecommendedWatcher>,
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    target: Option<PathBuf>,
    length: u64,
    modified: Option<SystemTime>,
    inode: u64,
}

impl Watcher {
    /// Begins to watch `plugins_file`. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the path cannot be made absolute.
    pub fn start(plugins_file: &Path) -> std::io::Result<(Self, mpsc::Receiver<Change>)> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                plugins_file: std::path::absolute(plugins_file)?,
                components: Vec::new(),
                seen: BTreeMap::new(),
                directories: BTreeSet::new(),
                system: None,
            }),
            bell: Notify::new(),
        });
        let system = system_watcher(&shared);
        let mut state = shared.lock();
        state.system = system;
        state.watch_directories();
        state.look();
        drop(state);
        let (sender, receiver) = mpsc::channel(QUEUE);
        let task = tokio::spawn(follow(Arc::clone(&shared), sender));
        let watcher = Self {
            shared,
            _task: AbortOnDropHandle::new(task),
        };
        Ok((watcher, receiver))
    }

    /// Watches these components from now on, in place of those before.
    pub fn watch_components(&self, components: Vec<(PluginName, PathBuf)>) {
        let mut state = self.shared.lock();
        state.components = components;
        state.watch_directories();
        let known: BTreeSet<PathBuf> = state.seen.keys().cloned().collect();
        for path in state.paths() {
            if !known.contains(&path) {
                let look = look(&path);
                state.seen.insert(path, look);
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn paths(&self) -> Vec<PathBuf> {
        let components = self.components.iter().map(|(_, path)| path.clone());
        std::iter::once(self.plugins_file.clone())
            .chain(components)
            .collect()
    }

    /// Watches the directory of every file, and of what a file's symbolic link points to.
    fn watch_directories(&mut self) {
        let wanted: BTreeSet<PathBuf> = self
            .paths()
            .into_iter()
            .flat_map(|path| [path.clone(), path.canonicalize().unwrap_or(path)])
            .filter_map(|path| path.parent().map(Path::to_owned))
            .collect();
        let Some(system) = &mut self.system else {
            return;
        };
        for gone in self.directories.difference(&wanted) {
            // The directory may be gone already, and its watch with it.
            let _ = system.unwatch(gone);
        }
        let mut watched = BTreeSet::new();
        for directory in wanted {
            let known = self.directories.contains(&directory);
            match if known {
                Ok(())
            } else {
                system.watch(&directory, RecursiveMode::NonRecursive)
            } {
                Ok(()) => {
                    watched.insert(directory);
                }
                Err(error) => {
                    tracing::debug!(directory = %directory.display(), %error, "watched by polling only");
                }
            }
        }
        self.directories = watched;
    }

    /// Looks at every file and says which differ from before.
    fn look(&mut self) -> BTreeSet<Change> {
        let mut changes = BTreeSet::new();
        let file = self.plugins_file.clone();
        if self.differs(&file) {
            changes.insert(Change::PluginsFile);
        }
        let altered: BTreeSet<PathBuf> = {
            let paths: BTreeSet<PathBuf> = self.components.iter().map(|(_, path)| path.clone()).collect();
            paths.into_iter().filter(|path| self.differs(path)).collect()
        };
        for (name, path) in &self.components {
            if altered.contains(path) {
                changes.insert(Change::Component(name.clone()));
            }
        }
        let paths: BTreeSet<PathBuf> = self.paths().into_iter().collect();
        self.seen.retain(|path, _| paths.contains(path));
        changes
    }

    fn differs(&mut self, path: &Path) -> bool {
        let now = look(path);
        let before = self.seen.insert(path.to_owned(), now.clone());
        before != Some(now)
    }
}

fn look(path: &Path) -> Option<Look> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    Some(Look {
        target: path.canonicalize().ok(),
        length: metadata.len(),
        modified: metadata.modified().ok(),
        inode: metadata.ino(),
    })
}

fn system_watcher(shared: &Arc<Shared>) -> Option<RecommendedWatcher> {
    let weak = Arc::downgrade(shared);
    let handler = move |event: notify::Result<notify::Event>| {
        // Reading is no change; an error (a queue that ran over) may hide one.
        if event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
            return;
        }
        if let Some(shared) = weak.upgrade() {
            shared.bell.notify_one();
        }
    };
    notify::recommended_watcher(handler)
        .inspect_err(|error| tracing::warn!(%error, "files are watched by polling only"))
        .ok()
}

/// Waits for a sign or the poll, lets writers finish, looks, and tells.
async fn follow(shared: Arc<Shared>, sender: mpsc::Sender<Change>) {
    loop {
        if tokio::time::timeout(POLL, shared.bell.notified()).await.is_ok() {
            settle(&shared.bell).await;
        }
        let looked = Arc::clone(&shared);
        let changes = tokio::task::spawn_blocking(move || {
            let mut state = looked.lock();
            let changes = state.look();
            // A directory that was replaced, or a link that points elsewhere now.
            state.watch_directories();
            changes
        });
        for change in changes.await.unwrap_or_default() {
            if sender.send(change).await.is_err() {
                return;
            }
        }
    }
}

async fn settle(bell: &Notify) {
    let quiet = async { while tokio::time::timeout(DEBOUNCE, bell.notified()).await.is_ok() {} };
    // Past the bound the file is read as it is; a half-written one fails its checks and is read
    // again at the next sign.
    let _ = tokio::time::timeout(MAX_DEBOUNCE, quiet).await;
}

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.shared.lock();
        write!(f, "Watcher({} components)", state.components.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longest wait for a change: a few polls.
    const PATIENCE: Duration = Duration::from_secs(20);

    async fn next(changes: &mut mpsc::Receiver<Change>) -> Change {
        let change = tokio::time::timeout(PATIENCE, changes.recv()).await;
        change.expect("a change in time").expect("a live watcher")
    }

    #[tokio::test]
    async fn a_rename_a_write_in_place_and_a_swapped_link_are_seen() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("plugins.toml"), "").expect("written");
        std::fs::write(path("one.wasm"), "1").expect("written");
        std::fs::write(path("two.wasm"), "22").expect("written");
        std::os::unix::fs::symlink(path("one.wasm"), path("link.wasm")).expect("linked");
        let (watcher, mut changes) = Watcher::start(&path("plugins.toml")).expect("started");
        let name: PluginName = "echo".parse().expect("a name");
        watcher.watch_components(vec![(name.clone(), path("link.wasm"))]);

        std::fs::write(path("new.toml"), "a = 1").expect("written");
        std::fs::rename(path("new.toml"), path("plugins.toml")).expect("renamed");
        assert_eq!(next(&mut changes).await, Change::PluginsFile);

        std::fs::write(path("one.wasm"), "longer").expect("written");
        assert_eq!(next(&mut changes).await, Change::Component(name.clone()));

        std::os::unix::fs::symlink(path("two.wasm"), path("swap")).expect("linked");
        std::fs::rename(path("swap"), path("link.wasm")).expect("renamed");
        assert_eq!(next(&mut changes).await, Change::Component(name));
    }

    #[tokio::test]
    async fn without_the_system_the_poll_sees_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("plugins.toml");
        std::fs::write(&file, "").expect("written");
        let (watcher, mut changes) = Watcher::start(&file).expect("started");
        watcher.shared.lock().system = None;
        std::fs::write(&file, "a = 1").expect("written");
        assert_eq!(next(&mut changes).await, Change::PluginsFile);
    }
}
