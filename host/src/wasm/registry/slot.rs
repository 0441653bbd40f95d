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
use crate::wasm::plugin::{Plugin, Settings, Standing};

/// A plugin of the file, loaded or not.
pub(super) struct Slot {
    standing: Arc<Standing>,
    current: ArcSwapOption<Plugin>,
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
            current: ArcSwapOption::empty(),
            generations: AtomicU64::new(0),
            loading: Mutex::default(),
            outcome: std::sync::Mutex::default(),
        }
    }

    /// Where the plugin's component lies.
    pub(super) fn component(&self) -> PathBuf {
        self.standing.spec().component.clone()
    }

    /// The generation that serves.
    pub(super) fn current(&self) -> Option<Arc<Plugin>> {
        self.current.load_full()
    }

    /// Takes every right away: the plugin is no longer in the file.
    pub(super) fn revoke(&self) {
        self.standing.revoke();
    }

    /// Puts a section of the file in force.
    pub(super) async fn apply(&self, workshop: &Workshop, spec: PluginSpec) -> PluginStatus {
        self.standing.spec.store(Arc::new(spec));
        self.refresh(workshop).await
    }

    /// Looks at the file again.
    pub(super) async fn refresh(&self, workshop: &Workshop) -> PluginStatus {
        let _turn = self.loading.lock().await;
        let spec = self.standing.spec();
        if spec.enabled {
            let result = self.load(workshop, &spec).await;
            self.conclude(workshop, &spec, result).await;
        } else {
            self.current.store(None);
            self.note(None, None);
        }
        self.status()
    }

    async fn load(&self, workshop: &Workshop, spec: &PluginSpec) -> Result<(), LoadError> {
        let file = load::read_pinned(spec).await?;
        if let Some(current) = self.current()
            && current.digest == file.digest
        {
            let settings = Settings::of(spec, &current.manifest).map_err(LoadError::Settings)?;
            current.settings.store(Arc::new(settings));
            return Ok(());
        }
        self.install(workshop, spec, file).await
    }

    /// Builds from these bytes and lets the build serve.
    async fn install(&self, workshop: &Workshop, spec: &PluginSpec, file: Bytes) -> Result<(), LoadError> {
        let kept = file.bytes.clone();
        let build = load::build(&workshop.runtime, file).await?;
        let settings = Settings::of(spec, &build.manifest).map_err(LoadError::Settings)?;
        let generation = self.generations.fetch_add(1, Ordering::Relaxed) + 1;
        workshop.last_good.keep(&spec.name, &build.digest, &kept);
        tracing::info!(plugin = %spec.name, generation, digest = build.digest, "plugin loaded");
        self.current.store(Some(Arc::new(Plugin {
            runtime: Arc::clone(&workshop.runtime),
            deps: Arc::clone(&workshop.deps),
            standing: Arc::clone(&self.standing),
            settings: ArcSwap::from_pointee(settings),
            manifest: build.manifest,
            world: build.world,
            generation,
            digest: build.digest,
        })));
        self.note(None, Some(workshop.deps.clock.now()));
        Ok(())
    }

    /// Records how a load went. After a failure with nothing serving (a restart), the last good
    /// build serves, unless a pin asks for another.
    async fn conclude(&self, workshop: &Workshop, spec: &PluginSpec, result: Result<(), LoadError>) {
        let Err(error) = result else {
            self.note(None, None);
            return;
        };
        let text = error.to_string();
        tracing::warn!(plugin = %spec.name, error = text, "plugin not loaded");
        if self.current().is_none()
            && let Some(file) = workshop.last_good.read(&spec.name).await
            && spec
                .sha256
                .as_ref()
                .is_none_or(|pin| pin.eq_ignore_ascii_case(&file.digest))
            && let Err(error) = self.install(workshop, spec, file).await
        {
            tracing::warn!(plugin = %spec.name, %error, "the last good build cannot serve either");
        }
        self.note(Some(text), None);
    }

    fn note(&self, error: Option<String>, loaded_at: Option<Timestamp>) {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.error = error;
        outcome.loaded_at = loaded_at.or(outcome.loaded_at);
    }

    /// How the plugin stands.
    pub(super) fn status(&self) -> PluginStatus {
        let spec = self.standing.spec();
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
