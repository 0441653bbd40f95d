//! Back to an earlier build, by a person or after failures, and forward again.

use std::sync::Arc;

use super::super::Workshop;
use super::super::journal::Rejected;
use super::super::reload::{ReloadCause, RollbackError};
use super::super::status::PluginStatus;
use super::super::trial::Noted;
use super::{Loading, Slot};
use crate::domain::id::DeliveryId;
use crate::domain::plugin::{DigestPrefix, PluginSpec};
use crate::wasm::plugin::Plugin;
use crate::wasm::source::{Signer, Source};

impl Slot {
    /// Lets the build before the newest serve, and remembers the newest as rejected for `why`. With
    /// `from`, only when the digest of the newest begins so: whoever asks a second time, or beside
    /// somebody else, does not go back one build further.
    pub(in super::super) async fn roll_back(
        &self,
        workshop: &Workshop,
        cause: ReloadCause,
        why: &str,
        from: Option<&DigestPrefix>,
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
        if let Some(from) = from.filter(|from| !from.fits(&digest)) {
            if self.journal().has_rejected(from) {
                return Ok(self.status());
            }
            return Err(RollbackError::NotServing {
                name: name(),
                from: from.clone(),
                serving: digest,
            });
        }
        let signer = Signer::of(&spec).await;
        self.standing.demand(&spec, &signer);
        let earlier = self.earlier_build(workshop, &spec, &signer).await?;
        let rejected = Rejected {
            digest,
            at: workshop.deps.clock.now(),
            why: why.to_owned(),
        };
        let loading = Loading::new(self, workshop, Arc::clone(&spec), signer);
        if !loading.in_place_of(rejected, earlier, cause).await? {
            return Err(RollbackError::Overtaken(name()));
        }
        // So that the status says how the file stands to what serves now.
        self.refresh_in_turn(workshop, None).await;
        Ok(self.status())
    }

    /// The newest kept build before the one that serves which the section allows.
    async fn earlier_build(
        &self,
        workshop: &Workshop,
        spec: &PluginSpec,
        signer: &Signer,
    ) -> Result<Source, RollbackError> {
        let earlier: Vec<String> = self.journal().earlier().map(str::to_owned).collect();
        if !earlier.is_empty() && !earlier.iter().any(|digest| spec.allows_digest(digest)) {
            return Err(RollbackError::Pinned(spec.name.clone()));
        }
        let allowed = self.allowed(&earlier, spec, signer);
        if !earlier.is_empty() && allowed.is_empty() {
            return Err(RollbackError::Unsigned(spec.name.clone()));
        }
        for digest in allowed {
            if let Some(build) = workshop.archive.build(digest).await {
                return Ok(build);
            }
        }
        Err(RollbackError::NothingEarlier(spec.name.clone()))
    }

    /// Loads the build in the file although it was rolled back.
    pub(in super::super) async fn accept(
        &self,
        workshop: &Workshop,
        by: &str,
    ) -> Result<PluginStatus, RollbackError> {
        let _turn = self.loading.lock().await;
        let spec = self.standing.wanted();
        if !spec.enabled {
            return Err(RollbackError::Disabled(spec.name.clone()));
        }
        let signer = Signer::of(&spec).await;
        self.standing.demand(&spec, &signer);
        let file = workshop.sources.read(&spec, &signer).await;
        let file = file.map_err(RollbackError::Component)?;
        if !self.journal().accept(&file.digest) {
            return Err(RollbackError::NotRejected(spec.name.clone()));
        }
        Loading::new(self, workshop, spec, signer)
            .undone_by(by)
            .of_file(None)
            .await;
        // It is taken back although it does not load: then its file says why.
        self.save(workshop, None).await;
        Ok(self.status())
    }

    /// Takes in how a delivery of this build ended, and rolls the build back when it has failed its
    /// trial. What that came to, when it was tried.
    pub(in super::super) async fn judge(
        &self,
        workshop: &Workshop,
        plugin: &Plugin,
        delivery: DeliveryId,
        failed: bool,
    ) -> Option<Result<PluginStatus, RollbackError>> {
        let allowed = plugin.spec().rollback_after;
        let (first_run, noted) = {
            let mut journal = self.journal();
            let first_run = plugin.tell_first_run(&mut journal);
            (
                first_run,
                journal.judge(plugin.digest(), delivery, failed, allowed),
            )
        };
        if first_run || noted != Noted::Nothing {
            self.save(workshop, None).await;
        }
        if noted != Noted::Failed {
            return None;
        }
        let why = format!(
            "its first {} deliveries all failed (rollback-after)",
            allowed.unwrap_or_default()
        );
        let from = plugin.digest().parse().ok();
        let _load = workshop.loads.read().await;
        let rolled_back = self
            .roll_back(workshop, ReloadCause::Failures, &why, from.as_ref())
            .await;
        match rolled_back {
            // Somebody was faster.
            Err(RollbackError::NotServing { .. }) => None,
            // The next failure tries again.
            Err(error @ RollbackError::Overtaken(_)) => Some(Err(error)),
            Err(error) => {
                self.journal().end_trial();
                self.save(workshop, None).await;
                Some(Err(error))
            }
            Ok(status) => Some(Ok(status)),
        }
    }
}
