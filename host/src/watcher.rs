//! Tells when `plugins.toml` or a component may have changed.
//!
//! Directories are watched, not files: a rename over the file, a swapped symbolic link (the last one or
//! one in the middle of the path) and an editor's temporary file all show there. What else happens in
//! them is passed over. A slow poll backs that up where the system tells
//! nothing (network file systems, mounted single files), and now and then their digests are
//! compared. False alarms are cheap: the reader compares digests too. A file that was not watched
//! before counts as changed.

mod look;
#[cfg(test)]
mod tests;
mod way;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{Notify, mpsc};
use tokio_util::task::AbortOnDropHandle;

use self::look::{DirectoryLook, Look};
use self::way::Way;
use crate::domain::plugin::PluginName;

/// Quiet time after the last sign of a change: writers of large files pause for less.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// Quiet time after a sign that a file is whole, closed by its writer or moved into place: its signature
/// may come right behind it.
const SHORT_DEBOUNCE: Duration = Duration::from_millis(50);
/// Longest time a stream of changes may put off telling.
const MAX_DEBOUNCE: Duration = Duration::from_secs(2);
/// How often the files are looked at when nothing was told.
const POLL: Duration = Duration::from_secs(5);
/// How often their digests are compared as well: reading tens of MiB is not for every poll.
const DIGEST_POLL: Duration = Duration::from_mins(1);
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
    /// The names whose changes count. Apart from the state: whoever tells of changes must not wait
    /// for whoever looks at them.
    marks: ArcSwap<BTreeSet<PathBuf>>,
    bell: Notify,
    /// Whether the last sign said that a file is whole.
    whole: AtomicBool,
}

struct State {
    plugins_file: PathBuf,
    components: Vec<(PluginName, PathBuf)>,
    /// What was last seen of each file.
    seen: BTreeMap<PathBuf, Option<Look>>,
    /// Their digests when those were last compared.
    digests: BTreeMap<PathBuf, look::Digest>,
    /// The directories under watch: another one of the same name is not.
    directories: BTreeMap<PathBuf, Option<DirectoryLook>>,
    /// `None` where the system cannot watch; then only the poll works.
    system: Option<RecommendedWatcher>,
}

impl Watcher {
    /// Begins to watch `plugins_file`. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the path cannot be made absolute.
    pub fn start(plugins_file: &Path) -> std::io::Result<(Self, mpsc::Receiver<Change>)> {
        Self::start_at(plugins_file, POLL, DIGEST_POLL)
    }

    fn start_at(
        plugins_file: &Path,
        poll: Duration,
        digest_poll: Duration,
    ) -> std::io::Result<(Self, mpsc::Receiver<Change>)> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                plugins_file: std::path::absolute(plugins_file)?,
                components: Vec::new(),
                seen: BTreeMap::new(),
                digests: BTreeMap::new(),
                directories: BTreeMap::new(),
                system: None,
            }),
            marks: ArcSwap::default(),
            bell: Notify::new(),
            whole: AtomicBool::new(false),
        });
        let system = system_watcher(&shared);
        let mut state = shared.lock();
        state.system = system;
        state.watch_directories(&shared.marks);
        // The caller reads the plugins file after this.
        state.changes();
        drop(state);
        let (sender, receiver) = mpsc::channel(QUEUE);
        let task = tokio::spawn(follow(Arc::clone(&shared), sender, poll, digest_poll));
        let watcher = Self {
            shared,
            _task: AbortOnDropHandle::new(task),
        };
        Ok((watcher, receiver))
    }

    /// Watches these components from now on, in place of those before. Those that are new count as
    /// changed: they may have, since the caller loaded them.
    pub fn watch_components(&self, components: Vec<(PluginName, PathBuf)>) {
        self.shared.lock().components = components;
        self.shared.bell.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at everything. Blocks.
    fn look(&self, with_digests: bool) -> BTreeSet<Change> {
        let (mut changes, paths) = {
            let mut state = self.lock();
            // First, so that what changes from here on is told or seen below.
            state.watch_directories(&self.marks);
            (state.changes(), state.paths())
        };
        if with_digests {
            let read = |path: PathBuf| Some((path.clone(), look::digest(&path)?));
            let digests = paths.into_iter().filter_map(read).collect();
            changes.extend(self.lock().digest_changes(digests));
        }
        changes
    }
}

impl State {
    fn paths(&self) -> Vec<PathBuf> {
        let components = self.components.iter().map(|(_, path)| path.clone());
        std::iter::once(self.plugins_file.clone())
            .chain(components)
            .collect()
    }

    /// Watches the directory of every file, and of every symbolic link on the way to it; where one is
    /// not there, the nearest one above, which tells when it comes back.
    fn watch_directories(&mut self, marks: &ArcSwap<BTreeSet<PathBuf>>) {
        let mut way = Way::default();
        for path in self.paths() {
            way.add(&path);
        }
        marks.store(Arc::new(way.marks));
        let wanted: BTreeMap<PathBuf, Option<DirectoryLook>> = way
            .directories
            .into_iter()
            .map(|directory| (directory.clone(), look::directory(&directory)))
            .collect();
        let Some(system) = &mut self.system else {
            return;
        };
        let old = std::mem::take(&mut self.directories);
        for (gone, look) in &old {
            if wanted.get(gone) != Some(look) {
                // The directory may be gone already, and its watch with it.
                let _ = system.unwatch(gone);
            }
        }
        for (directory, look) in wanted {
            let known = old.get(&directory) == Some(&look);
            match if known {
                Ok(())
            } else {
                system.watch(&directory, RecursiveMode::NonRecursive)
            } {
                Ok(()) => {
                    self.directories.insert(directory, look);
                }
                Err(error) => {
                    tracing::debug!(directory = %directory.display(), %error, "watched by polling only");
                }
            }
        }
    }

    /// Looks at every file and says which differ from before.
    fn changes(&mut self) -> BTreeSet<Change> {
        let paths: BTreeSet<PathBuf> = self.paths().into_iter().collect();
        let altered = paths.iter().filter(|path| self.differs(path)).cloned().collect();
        self.seen.retain(|path, _| paths.contains(path));
        self.named(&altered)
    }

    fn differs(&mut self, path: &Path) -> bool {
        let now = look::file(path);
        let before = self.seen.insert(path.to_owned(), now.clone());
        before != Some(now)
    }

    /// Says which files have another digest than when this was last asked. A file that has none
    /// from then was looked at meanwhile.
    fn digest_changes(&mut self, now: BTreeMap<PathBuf, look::Digest>) -> BTreeSet<Change> {
        let before = std::mem::replace(&mut self.digests, now);
        let altered = self
            .digests
            .iter()
            .filter(|(path, digest)| before.get(*path).is_some_and(|old| old != *digest))
            .map(|(path, _)| path.clone())
            .collect();
        self.named(&altered)
    }

    /// What these files are to the reader.
    fn named(&self, altered: &BTreeSet<PathBuf>) -> BTreeSet<Change> {
        let components = self.components.iter();
        let file = altered
            .contains(&self.plugins_file)
            .then_some(Change::PluginsFile);
        components
            .filter(|(_, path)| altered.contains(path))
            .map(|(name, _)| Change::Component(name.clone()))
            .chain(file)
            .collect()
    }
}

fn system_watcher(shared: &Arc<Shared>) -> Option<RecommendedWatcher> {
    let weak = Arc::downgrade(shared);
    let handler = move |event: notify::Result<notify::Event>| {
        if let Some(shared) = weak.upgrade()
            && counts(&event, &shared.marks.load())
        {
            let whole = event.as_ref().is_ok_and(is_whole);
            shared.whole.store(whole, Ordering::Relaxed);
            shared.bell.notify_one();
        }
    };
    notify::recommended_watcher(handler)
        .inspect_err(|error| tracing::warn!(%error, "files are watched by polling only"))
        .ok()
}

/// Whether what the system tells may be about one of the files. Reading is no change; an error, or a
/// queue that ran over, may hide one.
fn counts(event: &notify::Result<notify::Event>, marks: &BTreeSet<PathBuf>) -> bool {
    let Ok(event) = event else { return true };
    let read = matches!(event.kind, EventKind::Access(_)) && !is_whole(event);
    if read {
        return false;
    }
    event.need_rescan() || event.paths.is_empty() || event.paths.iter().any(|path| marks.contains(path))
}

/// Whether it says that a writer has closed a file, or that one was moved to where it is.
fn is_whole(event: &notify::Event) -> bool {
    matches!(
        event.kind,
        EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both))
    )
}

/// Waits for a sign or the poll, lets writers finish, looks, and tells.
async fn follow(shared: Arc<Shared>, sender: mpsc::Sender<Change>, poll: Duration, digest_poll: Duration) {
    let mut digested: Option<Instant> = None;
    loop {
        if tokio::time::timeout(poll, shared.bell.notified()).await.is_ok() {
            settle(&shared).await;
        }
        let with_digests = digested.is_none_or(|at| at.elapsed() >= digest_poll);
        if with_digests {
            digested = Some(Instant::now());
        }
        let looked = Arc::clone(&shared);
        let changes = tokio::task::spawn_blocking(move || looked.look(with_digests));
        for change in changes.await.unwrap_or_default() {
            if sender.send(change).await.is_err() {
                return;
            }
        }
    }
}

async fn settle(shared: &Shared) {
    let pause = || {
        let whole = shared.whole.load(Ordering::Relaxed);
        if whole { SHORT_DEBOUNCE } else { DEBOUNCE }
    };
    let quiet = async {
        while tokio::time::timeout(pause(), shared.bell.notified())
            .await
            .is_ok()
        {}
    };
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
