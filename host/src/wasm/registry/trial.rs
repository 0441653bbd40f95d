//! The trial of a build that took another's place: it has passed once a delivery works, and failed
//! once as many deliveries have failed as the operator allows (`rollback-after`). It is part of the
//! journal, so that a restart does not begin it anew.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::id::DeliveryId;

/// A trial under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trial {
    /// SHA-256 of the build.
    digest: String,
    /// The deliveries that failed, each once however often it was tried: one event that no build can
    /// deal with must not condemn a good one. Never more than the operator allows.
    failed: BTreeSet<DeliveryId>,
}

/// What a delivery's end did to the trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// It tells nothing new.
    Nothing,
    /// The journal is another now.
    Changed,
    /// The build has failed its trial.
    Failed,
}

impl Trial {
    /// The trial of this build.
    pub(super) fn of(digest: &str) -> Self {
        Self {
            digest: digest.to_owned(),
            failed: BTreeSet::new(),
        }
    }

    /// Whether it is this build's.
    pub(super) fn is_of(&self, digest: &str) -> bool {
        self.digest == digest
    }

    /// Takes a failure in. Says `Failed` again for each one past the last that is allowed.
    pub(super) fn fail(&mut self, delivery: DeliveryId, allowed: u32) -> Noted {
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
        let new = self.failed.len() < allowed && self.failed.insert(delivery);
        if self.failed.len() >= allowed {
            Noted::Failed
        } else if new {
            Noted::Changed
        } else {
            Noted::Nothing
        }
    }
}
