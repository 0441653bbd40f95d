//! What the history tells of a load.

use super::super::super::journal::{Journal, Rejected};
use super::super::super::reload::{Reload, ReloadCause, ReloadResult};
use super::{Loading, millis};

/// Why a build is to serve.
pub(super) struct Occasion {
    pub(super) cause: ReloadCause,
    pub(super) why: Option<String>,
    /// The build it takes the place of, when that was rolled back.
    pub(super) rejected: Option<Rejected>,
}

impl Occasion {
    pub(super) fn of(cause: ReloadCause, why: Option<String>) -> Self {
        Self {
            cause,
            why,
            rejected: None,
        }
    }
}

impl Loading<'_> {
    /// Whether such a load belongs in the history. A process that only does one command looks at
    /// plugins as they are; what it was asked to change does belong there.
    pub(super) fn is_told(&self, cause: ReloadCause) -> bool {
        let asked_for = matches!(
            cause,
            ReloadCause::Rollback | ReloadCause::Failures | ReloadCause::Undo
        );
        asked_for || !self.workshop.only_looks()
    }

    /// The entry of a load that serves.
    pub(super) fn loaded(&self, journal: &Journal, occasion: &Occasion, generation: u64) -> Reload {
        Reload {
            generation: Some(generation),
            ..self.entry(
                journal,
                occasion.cause,
                ReloadResult::Loaded,
                occasion.why.clone(),
            )
        }
    }

    /// Notes a load that came to nothing.
    pub(super) async fn refused(&self, cause: ReloadCause, why: &str) {
        tracing::warn!(plugin = %self.spec.name, error = why, "plugin not loaded");
        if !self.is_told(cause) {
            return;
        }
        let new = {
            let mut journal = self.slot.journal();
            let reload = self.entry(&journal, cause, ReloadResult::Refused, Some(why.to_owned()));
            journal.note(reload)
        };
        if new {
            self.slot.save(self.workshop, None).await;
        }
    }

    fn entry(
        &self,
        journal: &Journal,
        cause: ReloadCause,
        result: ReloadResult,
        why: Option<String>,
    ) -> Reload {
        Reload {
            at: self.workshop.deps.clock.now(),
            cause,
            result,
            old_digest: journal.serving().map(str::to_owned),
            new_digest: self.trying.clone(),
            generation: None,
            why,
            duration_ms: millis(self.started.elapsed()),
            phases: self.phases,
        }
    }
}
