//! One plugin's place in the registry: what serves, and how it stands.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::Mutex;

use super::{PluginState, PluginStatus, Workshop};
use crate::domain::plugin::PluginSpec;
use crate::domain::time::Timestamp;
use crate::wasm::load::{self, Bytes, LoadError};
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
}

/// How the last load went.
#[derive(Clone, Default)]
struct Outcome {
    error: Option<String>,
    loaded_at: Option<Timestamp>,
}

impl Slot {
    /// A place where nothing is loaded yet.
    pub(super) fn new(spec: &PluginSpec) -> Self {
        Self {
            standing: Standing::new(spec.clone()),
            newest: ArcSwapOption::empty(),
            generations: AtomicU64::new(0),
            loading: Mutex::default(),
            outcome: std::sync::Mutex::default(),
        }
    }

    /// Where the plugin's component lies.
    pub(super) fn component(&self) -> PathBuf {
        self.standing.wanted().component.clone()
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

    /// Puts the section in force and looks at the component's file again.
    pub(super) async fn refresh(&self, workshop: &Workshop) -> PluginStatus {
        let _turn = self.loading.lock().await;
        let spec = self.standing.wanted();
        if spec.enabled {
            let result = self.load(workshop, &spec).await;
            self.conclude(workshop, &spec, result).await;
        } else {
            self.newest.store(None);
            self.standing.enforce(&spec);
            self.note(None, None);
        }
        self.status()
    }

    async fn load(&self, workshop: &Workshop, spec: &Arc<PluginSpec>) -> Result<(), LoadError> {
        let file = load::read_pinned(spec).await?;
        match self.newest.load_full() {
            Some(newest) if newest.digest == file.digest => self.refit(workshop, spec, &newest).await,
            _ => self.install(workshop, spec, file).await,
        }
    }

    /// Lets a build that is loaded serve under the file's section.
    async fn refit(
        &self,
        workshop: &Workshop,
        spec: &Arc<PluginSpec>,
        plugin: &Plugin,
    ) -> Result<(), LoadError> {
        if plugin.fits() && Arc::ptr_eq(&self.standing.spec(), spec) {
            return Ok(());
        }
        let environment = &workshop.deps.environment;
        let mut settings = load::settings(spec, &plugin.manifest, &plugin.schemas, environment).await?;
        if let Some(edition) = self.standing.enforce(spec) {
            settings.edition = edition;
            plugin.settings.store(Arc::new(settings));
        }
        Ok(())
    }

    /// Builds from these bytes and lets the build serve.
    async fn install(
        &self,
        workshop: &Workshop,
        spec: &Arc<PluginSpec>,
        file: Bytes,
    ) -> Result<(), LoadError> {
        let build = load::build(&workshop.runtime, file.clone()).await?;
        let environment = &workshop.deps.environment;
        let mut settings = load::settings(spec, &build.manifest, &build.schemas, environment).await?;
        let Some(edition) = self.standing.enforce(spec) else {
            return Ok(());
        };
        settings.edition = edition;
        let generation = self.generations.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::info!(plugin = %spec.name, generation, digest = build.digest, "plugin loaded");
        self.newest.store(Some(Arc::new(Plugin {
            runtime: Arc::clone(&workshop.runtime),
            deps: Arc::clone(&workshop.deps),
            standing: Arc::clone(&self.standing),
            settings: ArcSwap::from_pointee(settings),
            manifest: build.manifest,
            schemas: build.schemas,
            world: build.world,
            generation,
            digest: build.digest,
        })));
        self.note(None, Some(workshop.deps.clock.now()));
        let (last_good, name) = (Arc::clone(&workshop.last_good), spec.name.clone());
        let keep = move || {
            last_good.keep(&name, &file.digest, &file.bytes);
            Ok(())
        };
        load::blocking(keep).await
    }

    /// Records how a load went. After a failure a build that is there already serves under the new
    /// section, if that fits it.
    async fn conclude(&self, workshop: &Workshop, spec: &Arc<PluginSpec>, result: Result<(), LoadError>) {
        let Err(error) = result else {
            self.note(None, None);
            return;
        };
        let mut text = error.to_string();
        tracing::warn!(plugin = %spec.name, error = text, "plugin not loaded");
        if let Err(error) = self.fall_back(workshop, spec).await {
            tracing::warn!(plugin = %spec.name, %error, "the last good build cannot serve under this section either");
        }
        let newest = self.newest.load_full();
        if newest.is_some_and(|newest| newest.is_pinned_in(spec) && !newest.fits()) {
            text.push_str(
                "\ndeliveries wait until it is mended: this section takes rights away that the older settings may need",
            );
        }
        self.note(Some(text), None);
    }

    /// Uses the build that served before, or after a restart the one that was kept, unless a pin
    /// asks for another.
    async fn fall_back(&self, workshop: &Workshop, spec: &Arc<PluginSpec>) -> Result<(), LoadError> {
        let newest = self.newest.load_full();
        if let Some(newest) = newest.filter(|newest| newest.is_pinned_in(spec)) {
            return self.refit(workshop, spec, &newest).await;
        }
        match workshop.last_good.read(&spec.name).await {
            Some(file) if spec.allows_digest(&file.digest) => self.install(workshop, spec, file).await,
            _ => Ok(()),
        }
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
            component: spec.component.clone(),
            state,
            generation: current.as_ref().map(|plugin| plugin.generation),
            digest: current.as_ref().map(|plugin| plugin.digest.clone()),
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
