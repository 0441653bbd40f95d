//! One load of a plugin, from its file or from a kept build, timed and noted in the journal.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::super::journal::Rejected;
use super::super::reload::{Phases, Reload, ReloadCause, ReloadResult};
use super::super::trial::Trial;
use super::super::{Fetch, Workshop};
use super::{Outcome, Slot, wait_of};
use crate::domain::plugin::PluginSpec;
use crate::wasm::load::{self, Build, LoadError};
use crate::wasm::plugin::{FirstRun, Plugin, Settings};
use crate::wasm::source::{Signer, Source};

/// Older changes of a file are not what this load answers.
const FRESH: Duration = Duration::from_mins(1);

/// A load under way. Whoever makes one holds the slot's turn.
pub(super) struct Loading<'a> {
    slot: &'a Slot,
    workshop: &'a Workshop,
    spec: Arc<PluginSpec>,
    /// Who must have signed what serves.
    signer: Signer,
    started: Instant,
    phases: Phases,
    /// The digest of what is being tried, once it is known.
    trying: Option<String>,
}

impl<'a> Loading<'a> {
    pub(super) fn new(slot: &'a Slot, workshop: &'a Workshop, spec: Arc<PluginSpec>, signer: Signer) -> Self {
        Self {
            slot,
            workshop,
            spec,
            signer,
            started: Instant::now(),
            phases: Phases::default(),
            trying: None,
        }
    }

    /// Loads what the component's file holds. When that fails, a build that is there already serves
    /// under the new section, if that fits it. `fetch` is what came of getting the component.
    pub(super) async fn of_file(mut self, fetch: Option<Fetch>) {
        let fetch = fetch.filter(|fetch| fetch.spec.asks_for_the_build_of(&self.spec));
        let fetch_failed = fetch.as_ref().is_some_and(|fetch| fetch.result.is_err());
        let Err(error) = self.try_file(fetch).await else {
            self.slot.note(Outcome {
                read: self.trying.clone(),
                ..Outcome::default()
            });
            return;
        };
        let read = self.trying.clone();
        let mut text = error.to_string();
        if !matches!(error, LoadError::RolledBack { .. } | LoadError::Unfetched(_)) {
            self.refused(ReloadCause::File, &text).await;
        }
        if let Err(error) = self.fall_back().await {
            tracing::warn!(plugin = %self.spec.name, %error, "the last good build cannot serve under this section either");
        }
        let newest = self.slot.newest.load_full();
        if newest.is_some_and(|newest| newest.is_allowed(&self.spec, &self.signer) && !newest.fits()) {
            text.push_str(
                "\ndeliveries wait until it is mended: this section takes rights away that the older settings may need",
            );
        }
        self.slot.note(Outcome {
            wait: wait_of(&error, fetch_failed),
            error: Some(text),
            read,
            loaded_at: None,
        });
    }

    async fn try_file(&mut self, fetch: Option<Fetch>) -> Result<(), LoadError> {
        let read = self.workshop.sources.read(&self.spec, &self.signer).await;
        let read = match (read, fetch) {
            (Err(LoadError::Unfetched(from)), Some(fetch)) => Err(fetch.result.err().unwrap_or_else(|| {
                let why = "what was kept of it is gone again".to_owned();
                LoadError::Fetch { from, why }
            })),
            (read, _) => read,
        };
        let file = read.inspect_err(|error| {
            if let LoadError::Pin { found, .. } = error {
                self.trying = Some(found.clone());
            }
        })?;
        self.has_read(&file);
        self.check_rejected(&file.digest)?;
        match self.slot.newest.load_full() {
            Some(newest) if newest.digest == file.digest => {
                self.vouch(&newest, &file).await;
                self.refit(&newest).await
            }
            Some(_) => self.install(file, ReloadCause::File).await,
            None => self.install(file, ReloadCause::Start).await,
        }
    }

    /// Notes that another key has signed a build that serves.
    async fn vouch(&self, plugin: &Plugin, file: &Source) {
        let Some(signer) = &file.signed_by else { return };
        if plugin.signers.load().contains(signer) {
            return;
        }
        let signers = {
            let mut journal = self.slot.journal();
            journal.serve(&plugin.digest, Some(signer));
            journal.signers(&plugin.digest).to_vec()
        };
        plugin.signers.store(Arc::new(signers));
        self.write(None).await;
    }

    fn has_read(&mut self, file: &Source) {
        self.phases.read_ms = millis(self.started.elapsed());
        self.phases.noticed_ms = file
            .modified
            .map(|saved| self.workshop.deps.clock.now().since(saved))
            .filter(|since| *since < FRESH)
            .map(|since| millis(since).saturating_sub(self.phases.read_ms));
        self.trying = Some(file.digest.clone());
    }

    /// A build that was rolled back is only loaded again when a pin asks for it.
    fn check_rejected(&self, digest: &str) -> Result<(), LoadError> {
        let mut journal = self.slot.journal();
        if self.spec.sha256.is_some() {
            journal.accept(digest);
        }
        journal.rejected(digest).map_or(Ok(()), |rejected| {
            Err(LoadError::RolledBack {
                digest: rejected.digest.clone(),
                at: rejected.at,
                why: rejected.why.clone(),
                plugin: self.spec.name.clone(),
            })
        })
    }

    /// Lets a build that is loaded serve under the file's section.
    async fn refit(&mut self, plugin: &Plugin) -> Result<(), LoadError> {
        if plugin.fits() && Arc::ptr_eq(&self.slot.standing.spec(), &self.spec) {
            return Ok(());
        }
        let begun = Instant::now();
        let environment = &self.workshop.deps.environment;
        let mut settings = load::settings(&self.spec, &plugin.manifest, &plugin.schemas, environment).await?;
        self.phases.settings_ms = millis(begun.elapsed());
        let Some(edition) = self.slot.standing.enforce(&self.spec, &self.signer) else {
            return Ok(());
        };
        settings.edition = edition;
        let changed = plugin.settings.load().edition != edition;
        plugin.settings.store(Arc::new(settings));
        if changed {
            self.trying = Some(plugin.digest.clone());
            self.loaded(ReloadCause::Section, plugin.generation, None).await;
        }
        Ok(())
    }

    /// Builds from these bytes and lets the build serve.
    async fn install(&mut self, file: Source, cause: ReloadCause) -> Result<(), LoadError> {
        let build = load::build(&self.workshop.runtime, file.clone()).await?;
        self.phases.compile_ms = millis(build.took.compile);
        self.phases.describe_ms = millis(build.took.describe);
        let begun = Instant::now();
        let environment = &self.workshop.deps.environment;
        let mut settings = load::settings(&self.spec, &build.manifest, &build.schemas, environment).await?;
        self.phases.settings_ms = millis(begun.elapsed());
        let Some(edition) = self.slot.standing.enforce(&self.spec, &self.signer) else {
            return Ok(());
        };
        settings.edition = edition;
        let generation = self.serve(build, settings, cause, &file);
        self.slot.note(Outcome {
            read: self.trying.clone(),
            loaded_at: Some(self.workshop.deps.clock.now()),
            ..Outcome::default()
        });
        self.loaded(cause, generation, Some(file)).await;
        Ok(())
    }

    /// The swap: from here on runs begin on this build.
    fn serve(&self, build: Build, settings: Settings, cause: ReloadCause, file: &Source) -> u64 {
        let generation = self.slot.generations.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::info!(plugin = %self.spec.name, generation, digest = build.digest, %cause, "plugin loaded");
        let fresh = matches!(cause, ReloadCause::File | ReloadCause::Start);
        let (replaces, mut signers) = {
            let mut journal = self.slot.journal();
            if let Some(newest) = self.slot.newest.load_full() {
                newest.tell_first_run(&mut journal);
            }
            let serving = journal.serving();
            let replaces = serving.is_some_and(|serving| serving != build.digest);
            (replaces, journal.signers(&build.digest).to_vec())
        };
        signers.extend(file.signed_by.clone());
        let plugin = Plugin {
            runtime: Arc::clone(&self.workshop.runtime),
            deps: Arc::clone(&self.workshop.deps),
            standing: Arc::clone(&self.slot.standing),
            settings: ArcSwap::from_pointee(settings),
            manifest: build.manifest,
            schemas: build.schemas,
            world: build.world,
            generation,
            digest: build.digest,
            signers: ArcSwap::from_pointee(signers),
            trial: Trial::of(fresh && replaces),
            first_run: FirstRun::default(),
        };
        self.slot.newest.store(Some(Arc::new(plugin)));
        generation
    }

    /// Lets an earlier build serve in the place of one that is rejected.
    pub(super) async fn in_place_of(
        mut self,
        rejected: Rejected,
        earlier: Source,
        cause: ReloadCause,
    ) -> Result<(), LoadError> {
        self.has_read(&earlier);
        self.phases.noticed_ms = None;
        let (digest, why) = (rejected.digest.clone(), rejected.why.clone());
        if let Err(error) = self.install(earlier, cause).await {
            self.refused(cause, &error.to_string()).await;
            return Err(error);
        }
        tracing::warn!(plugin = %self.spec.name, rejected = digest, why, "rolled back");
        self.slot.journal().reject(rejected);
        self.write(None).await;
        Ok(())
    }

    /// Uses the build that served before, or after a restart one that was kept, unless a pin asks
    /// for another or the key has not signed it.
    async fn fall_back(&mut self) -> Result<(), LoadError> {
        let newest = self.slot.newest.load_full();
        if let Some(newest) = newest.filter(|newest| newest.is_allowed(&self.spec, &self.signer)) {
            return self.refit(&newest).await;
        }
        let kept: Vec<String> = self.slot.journal().kept().map(str::to_owned).collect();
        for digest in self.slot.allowed(&kept, &self.spec, &self.signer) {
            if let Some(file) = self.workshop.archive.build(digest).await {
                self.phases = Phases::default();
                self.trying = Some(digest.to_owned());
                return self.install(file, ReloadCause::Fallback).await;
            }
        }
        Ok(())
    }

    /// Notes a load that serves.
    async fn loaded(&self, cause: ReloadCause, generation: u64, build: Option<Source>) {
        let reload = self.entry(cause, ReloadResult::Loaded, Some(generation), None);
        {
            let mut journal = self.slot.journal();
            journal.note(reload);
            if let Some(build) = &build {
                journal.serve(&build.digest, build.signed_by.as_ref());
            }
        }
        self.write(build).await;
    }

    /// Notes a load that came to nothing.
    async fn refused(&self, cause: ReloadCause, error: &str) {
        tracing::warn!(plugin = %self.spec.name, error, "plugin not loaded");
        let reload = self.entry(cause, ReloadResult::Refused, None, Some(error.to_owned()));
        let told_before = !self.slot.journal().note(reload);
        if !told_before {
            self.write(None).await;
        }
    }

    fn entry(
        &self,
        cause: ReloadCause,
        result: ReloadResult,
        generation: Option<u64>,
        error: Option<String>,
    ) -> Reload {
        Reload {
            at: self.workshop.deps.clock.now(),
            cause,
            result,
            old_digest: self.slot.journal().serving().map(str::to_owned),
            new_digest: self.trying.clone(),
            generation,
            error,
            duration_ms: millis(self.started.elapsed()),
            phases: self.phases,
        }
    }

    async fn write(&self, build: Option<Source>) {
        let (archive, name) = (Arc::clone(&self.workshop.archive), self.spec.name.clone());
        let journal = self.slot.journal().clone();
        let written = load::blocking(move || {
            archive.write(&name, &journal, build.as_ref());
            Ok(())
        });
        if let Err(error) = written.await {
            tracing::warn!(plugin = %self.spec.name, %error, "the journal was not written");
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
