//! One plugin's place in the registry: what serves, and how it stands.

mod loading;
mod rollback;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use self::loading::Loading;
use super::journal::Journal;
use super::reload::Reload;
use super::{PluginState, PluginStatus, Workshop};
use crate::domain::plugin::PluginSpec;
use crate::domain::time::Timestamp;
use crate::wasm::load;
use crate::wasm::manifest::Manifest;
use crate::wasm::plugin::Plugin;
use crate::wasm::source::Source;
use crate::wasm::standing::Standing;

/// A plugin of the file, loaded or not.
pub(super) struct Slot {
    standing: Arc<Standing>,
    /// The newest generation; it serves while it fits the section in force.
    newest: ArcSwapOption<Plugin>,
    generations: AtomicU64,
    /// One load at a time.
    loading: Mutex<()>,
    outcome: std::sync::Mutex<Outcome>,
    /// What serves and what was rolled back change only while `loading` is held.
    journal: Arc<std::sync::Mutex<Journal>>,
}

/// How the last load went.
#[derive(Clone, Default)]
struct Outcome {
    error: Option<String>,
    loaded_at: Option<Timestamp>,
    /// Why the journal is not on disk as it is here.
    unsaved: Option<String>,
}

impl Slot {
    /// A place where nothing is loaded yet.
    pub(super) fn new(spec: &PluginSpec, journal: Journal) -> Self {
        Self {
            standing: Standing::new(spec.clone()),
            newest: ArcSwapOption::empty(),
            generations: AtomicU64::new(0),
            loading: Mutex::default(),
            outcome: std::sync::Mutex::default(),
            journal: Arc::new(std::sync::Mutex::new(journal)),
        }
    }

    /// The component's file, when it is one of this machine.
    pub(super) fn component(&self) -> Option<PathBuf> {
        self.standing.wanted().component.file().map(Path::to_owned)
    }

    /// Whether its component is to be fetched and could not be.
    pub(super) fn is_unfetched(&self) -> bool {
        let spec = self.standing.wanted();
        spec.enabled && spec.component.file().is_none() && self.outcome().error.is_some()
    }

    /// Whether its journal could not be written.
    pub(super) fn is_unsaved(&self) -> bool {
        self.outcome().unsaved.is_some()
    }

    /// The generation that serves.
    pub(super) fn current(&self) -> Option<Arc<Plugin>> {
        self.newest.load_full().filter(|plugin| plugin.fits())
    }

    /// Takes every right away: the plugin is no longer in the file.
    pub(super) fn revoke(&self) {
        self.standing.revoke();
    }

    /// Takes a new section of the file; until the next refresh only what it takes away counts.
    pub(super) fn announce(&self, spec: PluginSpec) {
        self.standing.announce(spec);
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the journal, with a build that it names. What fails shows in the status, and is tried
    /// again when the plugin is looked at next.
    async fn save(&self, workshop: &Workshop, build: Option<Source>) {
        let (archive, journal) = (Arc::clone(&workshop.archive), Arc::clone(&self.journal));
        let name = self.standing.name.clone();
        let written = load::blocking(move || Ok(archive.write(&name, &journal, build.as_ref())));
        let error = match written.await {
            Ok(written) => written.err().map(|error| error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(error) = &error {
            tracing::warn!(plugin = %self.standing.name, error, "what became of the plugin is not kept for a restart");
        }
        self.outcome().unsaved = error.map(|error| {
            format!(
                "what became of {} lately is not kept: cannot write in {}: {error}; a restart would not know of a \
                 rollback. Make room there; it is tried again every 30 s",
                self.standing.name,
                workshop.archive.dir().display()
            )
        });
    }

    /// The loads that are remembered, newest first.
    pub(super) fn reloads(&self) -> Vec<Reload> {
        let mut journal = self.journal();
        if let Some(newest) = self.newest.load_full() {
            newest.tell_first_run(&mut journal);
        }
        journal.reloads().cloned().collect()
    }

    /// Puts the section in force and looks at the component's file again.
    pub(super) async fn refresh(&self, workshop: &Workshop) -> PluginStatus {
        let _turn = self.loading.lock().await;
        self.refresh_in_turn(workshop).await;
        self.status()
    }

    async fn refresh_in_turn(&self, workshop: &Workshop) {
        let spec = self.standing.wanted();
        if spec.enabled {
            Loading::new(self, workshop, spec).of_file().await;
        } else {
            self.newest.store(None);
            self.standing.enforce(&spec);
            self.note(None, None);
        }
        if self.is_unsaved() {
            self.save(workshop, None).await;
        }
    }

    fn note(&self, error: Option<String>, loaded_at: Option<Timestamp>) {
        let mut outcome = self.outcome();
        outcome.error = error;
        outcome.loaded_at = loaded_at.or(outcome.loaded_at);
    }

    /// How the plugin stands.
    pub(super) fn status(&self) -> PluginStatus {
        let spec = self.standing.wanted();
        let current = self.current();
        let outcome = self.outcome().clone();
        let mut warnings: Vec<String> = current
            .as_ref()
            .map(|plugin| plugin.settings.load().warnings.clone())
            .unwrap_or_default();
        warnings.extend(outcome.unsaved);
        let state = match (&current, &outcome.error) {
            _ if !spec.enabled => PluginState::Disabled,
            _ if spec.paused => PluginState::Paused,
            (None, _) => PluginState::Broken,
            (Some(_), Some(_)) => PluginState::LastGood,
            (Some(_), None) => PluginState::Ready,
        };
        PluginStatus {
            name: spec.name.clone(),
            component: spec.component.to_string(),
            state,
            generation: current.as_ref().map(|plugin| plugin.generation),
            digest: current.as_ref().map(|plugin| plugin.digest.clone()),
            earlier_digests: self.journal().earlier().map(str::to_owned).collect(),
            error: outcome.error,
            warnings,
            loaded_at: current.as_ref().and(outcome.loaded_at),
            manifest: current.map(|plugin| Manifest::clone(&plugin.manifest)),
        }
    }
}
