//! One load of a plugin, from its file or from a kept build, timed and noted in the journal.

mod entry;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use self::entry::Occasion;
use super::super::journal::Rejected;
use super::super::reload::{Phases, ReloadCause};
use super::super::{Fetch, Workshop};
use super::{Outcome, Slot, wait_of};
use crate::domain::plugin::PluginSpec;
use crate::wasm::code::Code;
use crate::wasm::load::{self, Build, LoadError};
use crate::wasm::manifest::Manifest;
use crate::wasm::plugin::{FirstRun, Plugin, Settings};
use crate::wasm::schema::Schemas;
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
    /// Who asked for the file's build although it had been rolled back.
    undone_by: Option<String>,
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
            undone_by: None,
        }
    }

    /// The same, by a person who took a rollback back.
    pub(super) fn undone_by(self, who: &str) -> Self {
        Self {
            undone_by: Some(who.to_owned()),
            ..self
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
        if let Err(error) = self.fall_back(&text).await {
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
            ..Outcome::default()
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
        let cause = match self.slot.newest.load_full() {
            Some(newest) if newest.digest == file.digest => {
                self.vouch(&newest, &file).await;
                self.refit(&newest).await?;
                if self.slot.is_unsaved() {
                    self.slot.save(self.workshop, Some(file)).await;
                }
                return Ok(());
            }
            Some(_) => ReloadCause::File,
            None => ReloadCause::Start,
        };
        let occasion = match &self.undone_by {
            Some(who) => Occasion::of(ReloadCause::Undo, Some(format!("rollback taken back by {who}"))),
            None => Occasion::of(cause, None),
        };
        // When the section is another by now, that one's turn comes.
        self.install(file, occasion).await.map(|_installed| ())
    }

    /// Notes that another key has signed a build that serves.
    async fn vouch(&self, plugin: &Plugin, file: &Source) {
        let Some(signer) = &file.signed_by else { return };
        if plugin.signers.load().contains(signer) {
            return;
        }
        let signers = {
            let mut journal = self.slot.journal();
            journal.serve(&plugin.digest, false, Some(signer));
            journal.signers(&plugin.digest).to_vec()
        };
        plugin.signers.store(Arc::new(signers));
        self.slot.save(self.workshop, None).await;
    }

    fn has_read(&mut self, file: &Source) {
        self.phases.read_ms = millis(self.started.elapsed());
        self.phases.noticed_ms = file
            .placed
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
        let mut settings = self.settings(&plugin.manifest, &plugin.schemas).await?;
        self.phases.settings_ms = millis(begun.elapsed());
        let Some(edition) = self.slot.standing.enforce(&self.spec, &self.signer) else {
            return Ok(());
        };
        settings.edition = edition;
        let changed = plugin.settings.load().edition != edition;
        plugin.settings.store(Arc::new(settings));
        if changed && self.is_told(ReloadCause::Section) {
            self.trying = Some(plugin.digest.clone());
            {
                let mut journal = self.slot.journal();
                let occasion = Occasion::of(ReloadCause::Section, None);
                let reload = self.loaded(&journal, &occasion, plugin.generation);
                journal.note(reload);
            }
            self.slot.save(self.workshop, None).await;
        }
        Ok(())
    }

    /// What the section means to a build.
    async fn settings(
        &self,
        manifest: &Arc<Manifest>,
        schemas: &Arc<Schemas>,
    ) -> Result<Settings, LoadError> {
        let deps = &self.workshop.deps;
        load::settings(
            &self.spec,
            manifest,
            schemas,
            &deps.environment,
            Some(&deps.vault),
        )
        .await
    }

    /// Builds from these bytes and lets the build serve. `false` when the section is another by now:
    /// then nothing has changed.
    async fn install(&mut self, file: Source, occasion: Occasion) -> Result<bool, LoadError> {
        let build = load::build(&self.workshop.runtime, file.clone(), self.workshop.grade()).await?;
        self.phases.code = Some(build.grade);
        self.phases.compile_ms = millis(build.took.compile);
        self.phases.describe_ms = millis(build.took.describe);
        let begun = Instant::now();
        let mut settings = self.settings(&build.manifest, &build.schemas).await?;
        self.phases.settings_ms = millis(begun.elapsed());
        let Some(edition) = self.slot.standing.enforce(&self.spec, &self.signer) else {
            return Ok(false);
        };
        settings.edition = edition;
        let told = self.is_told(occasion.cause);
        self.serve(build, settings, occasion, &file);
        self.slot.note(Outcome {
            read: self.trying.clone(),
            loaded_at: Some(self.workshop.deps.clock.now()),
            ..Outcome::default()
        });
        if told {
            self.slot.save(self.workshop, Some(file)).await;
        }
        Ok(true)
    }

    /// The swap: from here on runs begin on this build. The journal changes with it in one step, so
    /// that whatever is written of it has all of a rollback or nothing.
    fn serve(&self, build: Build, settings: Settings, occasion: Occasion, file: &Source) {
        let generation = self.slot.generations.fetch_add(1, Ordering::Relaxed) + 1;
        let cause = occasion.cause;
        tracing::info!(plugin = %self.spec.name, generation, digest = build.digest, %cause, "plugin loaded");
        if let Some(Rejected { digest, why, .. }) = &occasion.rejected {
            tracing::warn!(plugin = %self.spec.name, rejected = digest, why, "rolled back");
        }
        let mut signers = self.slot.journal().signers(&build.digest).to_vec();
        signers.extend(file.signed_by.clone());
        let plugin = Plugin {
            runtime: Arc::clone(&self.workshop.runtime),
            deps: Arc::clone(&self.workshop.deps),
            standing: Arc::clone(&self.slot.standing),
            settings: ArcSwap::from_pointee(settings),
            manifest: build.manifest,
            schemas: build.schemas,
            code: Code::new(build.world, build.grade, &file.bytes),
            generation,
            digest: build.digest,
            signers: ArcSwap::from_pointee(signers),
            first_run: FirstRun::default(),
        };
        let mut journal = self.slot.journal();
        if let Some(newest) = self.slot.newest.load_full() {
            newest.tell_first_run(&mut journal);
        }
        if self.is_told(cause) {
            let reload = self.loaded(&journal, &occasion, generation);
            journal.note(reload);
        }
        let fresh = matches!(cause, ReloadCause::File | ReloadCause::Start | ReloadCause::Undo);
        journal.serve(&plugin.digest, fresh, file.signed_by.as_ref());
        if let Some(rejected) = occasion.rejected {
            journal.reject(rejected);
        }
        self.slot.newest.store(Some(Arc::new(plugin)));
    }

    /// Lets an earlier build serve in the place of one that is rejected. `false` when the section is
    /// another by now: then nothing has changed.
    pub(super) async fn in_place_of(
        mut self,
        rejected: Rejected,
        earlier: Source,
        cause: ReloadCause,
    ) -> Result<bool, LoadError> {
        self.has_read(&earlier);
        self.phases.noticed_ms = None;
        let occasion = Occasion {
            cause,
            why: Some(rejected.why.clone()),
            rejected: Some(rejected),
        };
        match self.install(earlier, occasion).await {
            Ok(installed) => Ok(installed),
            Err(error) => {
                self.refused(cause, &error.to_string()).await;
                Err(error)
            }
        }
    }

    /// Uses the build that served before, or after a restart one that was kept, unless a pin asks
    /// for another or the key has not signed it. `why` the file's build does not serve is told with it.
    async fn fall_back(&mut self, why: &str) -> Result<(), LoadError> {
        // What was measured so far is of the build that failed.
        self.started = Instant::now();
        self.phases = Phases::default();
        let newest = self.slot.newest.load_full();
        if let Some(newest) = newest.filter(|newest| newest.is_allowed(&self.spec, &self.signer)) {
            return self.refit(&newest).await;
        }
        let kept: Vec<String> = self.slot.journal().kept().map(str::to_owned).collect();
        for digest in self.slot.allowed(&kept, &self.spec, &self.signer) {
            if let Some(file) = self.workshop.archive.build(digest).await {
                self.phases.read_ms = millis(self.started.elapsed());
                self.trying = Some(digest.to_owned());
                let occasion = Occasion::of(ReloadCause::Fallback, Some(why.to_owned()));
                return self.install(file, occasion).await.map(|_installed| ());
            }
        }
        Ok(())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
