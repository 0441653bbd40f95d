//! One plugin's place in the registry: what serves, and how it stands.

mod loading;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use self::loading::Loading;
use super::journal::{Journal, Rejected};
use super::reload::{Reload, ReloadCause, RollbackError};
use super::{PluginState, PluginStatus, Workshop};
use crate::domain::plugin::PluginSpec;
use crate::domain::time::Timestamp;
use crate::wasm::manifest::Manifest;
use crate::wasm::plugin::Plugin;
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
    /// Changes only while `loading` is held.
    journal: std::sync::Mutex<Journal>,
}

/// How the last load went.
#[derive(Clone, Default)]
struct Outcome {
    error: Option<String>,
    loaded_at: Option<Timestamp>,
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
            journal: std::sync::Mutex::new(journal),
        }
    }

    /// The component's file, when it is one of this machine.
    pub(super) fn component(&self) -> Option<PathBuf> {
        self.standing.wanted().component.file().map(Path::to_owned)
    }

    /// Whether its component is to be fetched and could not be.
    pub(super) fn is_unfetched(&self) -> bool {
        let spec = self.standing.wanted();
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        spec.enabled && spec.component.file().is_none() && outcome.error.is_some()
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
    }

    /// Lets the build before the newest serve, and remembers the newest as rejected for `why`. With
    /// `only`, nothing happens when another build than this one is the newest by now.
    pub(super) async fn roll_back(
        &self,
        workshop: &Workshop,
        cause: ReloadCause,
        why: &str,
        only: Option<&str>,
    ) -> Result<PluginStatus, RollbackError> {
        let _turn = self.loading.lock().await;
        let spec = self.standing.wanted();
        let name = || spec.name.clone();
        if !spec.enabled {
            return Err(RollbackError::Disabled(name()));
        }
        let serving = self.journal().serving().map(str::to_owned);
        let Some(digest) = serving else {
            return Err(RollbackError::NothingEarlier(name()));
        };
        if only.is_some_and(|only| only != digest) {
            return Ok(self.status());
        }
        let earlier: Vec<String> = self.journal().earlier().map(str::to_owned).collect();
        if !earlier.is_empty() && !earlier.iter().any(|digest| spec.allows_digest(digest)) {
            return Err(RollbackError::Pinned(name()));
        }
        let mut found = None;
        for digest in earlier.iter().filter(|digest| spec.allows_digest(digest)) {
            found = workshop.archive.build(digest).await;
            if found.is_some() {
                break;
            }
        }
        let file = found.ok_or_else(|| RollbackError::NothingEarlier(name()))?;
        let rejected = Rejected {
            digest,
            at: workshop.deps.clock.now(),
            why: why.to_owned(),
        };
        Loading::new(self, workshop, Arc::clone(&spec))
            .in_place_of(rejected, file, cause)
            .await?;
        // So that the status says how the file stands to what serves now.
        self.refresh_in_turn(workshop).await;
        Ok(self.status())
    }

    /// Loads the build in the file although it was rolled back.
    pub(super) async fn accept(&self, workshop: &Workshop) -> Result<PluginStatus, RollbackError> {
        let _turn = self.loading.lock().await;
        let spec = self.standing.wanted();
        let file = workshop.sources.read(&spec, &workshop.deps.environment).await?;
        if !self.journal().accept(&file.digest) {
            return Err(RollbackError::NotRejected(spec.name.clone()));
        }
        self.refresh_in_turn(workshop).await;
        Ok(self.status())
    }

    fn note(&self, error: Option<String>, loaded_at: Option<Timestamp>) {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.error = error;
        outcome.loaded_at = loaded_at.or(outcome.loaded_at);
    }

    /// How the plugin stands.
    pub(super) fn status(&self) -> PluginStatus {
        let spec = self.standing.wanted();
        let current = self.current();
        let outcome = self
            .outcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
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
            warnings: current
                .as_ref()
                .map(|plugin| plugin.settings.load().warnings.clone())
                .unwrap_or_default(),
            loaded_at: current.as_ref().and(outcome.loaded_at),
            manifest: current.map(|plugin| Manifest::clone(&plugin.manifest)),
        }
    }
}
