//! One plugin's place in the registry: what serves, and how it stands.

mod loading;
mod rollback;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use self::loading::Loading;
use super::journal::Journal;
use super::reload::Reload;
use super::{Fetch, PluginState, PluginStatus, Workshop};
use crate::domain::plugin::PluginSpec;
use crate::domain::time::Timestamp;
use crate::wasm::load::{self, LoadError};
use crate::wasm::manifest::Manifest;
use crate::wasm::plugin::Plugin;
use crate::wasm::source::{Signer, Source};
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
    wait: Option<Wait>,
    /// The digest of what was read last.
    read: Option<String>,
    loaded_at: Option<Timestamp>,
    /// Why the journal is not on disk as it is here.
    unsaved: Option<String>,
}

/// What a load that failed waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// The component, which nobody has asked for yet.
    Fetch,
    /// Better luck: what was in the way may pass.
    Again,
}

/// Which wait the failure of a load is worth. After a fetch that failed nothing else is.
fn wait_of(error: &LoadError, fetch_failed: bool) -> Option<Wait> {
    match error {
        LoadError::Unfetched(_) => Some(Wait::Fetch),
        error => (fetch_failed || error.may_pass()).then_some(Wait::Again),
    }
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

    /// The section that its component is to be fetched for, and nobody has tried yet.
    pub(super) fn unfetched(&self) -> Option<Arc<PluginSpec>> {
        (self.wait() == Some(Wait::Fetch)).then(|| self.standing.wanted())
    }

    /// Whether its journal could not be written.
    pub(super) fn is_unsaved(&self) -> bool {
        self.outcome().unsaved.is_some()
    }

    /// The section under which its last load failed for a reason that may pass.
    pub(super) fn waiting(&self) -> Option<Arc<PluginSpec>> {
        self.wait().map(|_| self.standing.wanted())
    }

    fn wait(&self) -> Option<Wait> {
        let outcome = self.outcome();
        outcome.wait
    }

    /// The section as the file has it.
    pub(super) fn wanted(&self) -> Arc<PluginSpec> {
        self.standing.wanted()
    }

    /// The builds whose compiled code is of use: those kept, the one that serves, and what was read
    /// last.
    pub(super) fn digests(&self) -> BTreeSet<String> {
        let newest = self.newest.load_full().map(|newest| newest.digest.clone());
        let read = self
            .outcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .read
            .clone();
        let journal = self.journal();
        let kept = journal.kept().map(str::to_owned);
        kept.chain(newest).chain(read).collect()
    }

    /// The newest generation, whether or not it fits the section in force.
    pub(super) fn newest(&self) -> Option<Arc<Plugin>> {
        self.newest.load_full()
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
    pub(super) fn announce(&self, spec: PluginSpec, signer: Signer) {
        self.standing.announce(spec, signer);
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

    /// Fetches what the section's component lacks. Holds nothing up, and may be dropped.
    pub(super) async fn fetch(&self, workshop: &Workshop) -> Fetch {
        let spec = self.standing.wanted();
        let result = match spec.component.file() {
            Some(_) => Ok(()),
            None => workshop.sources.fetch(&spec, &Signer::of(&spec).await).await,
        };
        Fetch { spec, result }
    }

    /// Puts the section in force and looks at the component again; after a fetch, at what came of it.
    pub(super) async fn refresh(&self, workshop: &Workshop, fetch: Option<Fetch>) -> PluginStatus {
        let _turn = self.loading.lock().await;
        self.refresh_in_turn(workshop, fetch).await;
        self.status()
    }

    async fn refresh_in_turn(&self, workshop: &Workshop, fetch: Option<Fetch>) {
        let spec = self.standing.wanted();
        let signer = Signer::of(&spec).await;
        if spec.enabled {
            self.standing.demand(&spec, &signer);
            Loading::new(self, workshop, spec, signer).of_file(fetch).await;
        } else {
            self.newest.store(None);
            self.standing.enforce(&spec, &signer);
            self.note(Outcome::default());
        }
        if self.is_unsaved() {
            self.save(workshop, None).await;
        }
    }

    /// Those of these kept builds that the section lets run.
    fn allowed<'d>(&self, digests: &'d [String], spec: &PluginSpec, signer: &Signer) -> Vec<&'d str> {
        let journal = self.journal();
        let digests = digests.iter().map(String::as_str);
        digests
            .filter(|digest| spec.allows_digest(digest) && signer.accepts(journal.signers(digest)))
            .collect()
    }

    /// Takes in how a load went; what it does not say of the time of loading, and of the journal, stays.
    fn note(&self, now: Outcome) {
        let mut outcome = self.outcome();
        *outcome = Outcome {
            loaded_at: now.loaded_at.or(outcome.loaded_at),
            unsaved: outcome.unsaved.take(),
            ..now
        };
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
            (None, _) if outcome.wait == Some(Wait::Fetch) => PluginState::Fetching,
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
            code: current.as_ref().map(|plugin| plugin.code.grade()),
            earlier_digests: self.journal().earlier().map(str::to_owned).collect(),
            error: outcome.error,
            warnings,
            loaded_at: current.as_ref().and(outcome.loaded_at),
            manifest: current.map(|plugin| Manifest::clone(&plugin.manifest)),
        }
    }
}
