//! What a plugin remembers over restarts: the builds that served, those rolled back, and its loads.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::reload::{Reload, ReloadCause};
use super::trial::{Noted, Trial};
use crate::domain::id::DeliveryId;
use crate::domain::plugin::DigestPrefix;
use crate::domain::time::Timestamp;
use crate::wasm::source::Fingerprint;

/// Builds kept beside the one that serves: one to go back to, and two more for when it is no better.
const MAX_EARLIER: usize = 3;
/// Rolled-back builds remembered: more than anybody puts back by mistake.
const MAX_REJECTED: usize = 32;
/// Keys remembered of a build: those that a section has named, of which there are few.
const MAX_SIGNERS: usize = 8;
/// Loads kept in the history.
const MAX_RELOADS: usize = 100;

/// One plugin's memory. Digests are SHA-256 in hex.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::wasm) struct Journal {
    /// The build that loaded last.
    serving: Option<KeptBuild>,
    /// Those that served before it, newest first.
    earlier: VecDeque<KeptBuild>,
    rejected: VecDeque<Rejected>,
    /// The trial of the build that serves, while it lasts.
    trial: Option<Trial>,
    /// Newest first.
    reloads: VecDeque<Reload>,
}

/// A build that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptBuild {
    digest: String,
    /// The keys that were asked for and have signed it, newest first.
    #[serde(default)]
    signers: Vec<Fingerprint>,
}

/// A build that was rolled back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rejected {
    pub(super) digest: String,
    pub(super) at: Timestamp,
    pub(super) why: String,
}

impl Journal {
    /// The build that loaded last.
    pub(super) fn serving(&self) -> Option<&str> {
        self.serving.as_ref().map(|build| &*build.digest)
    }

    /// The builds that served before it, newest first.
    pub(super) fn earlier(&self) -> impl Iterator<Item = &str> {
        self.earlier.iter().map(|build| &*build.digest)
    }

    /// Every build that must be kept, the serving one first.
    pub(super) fn kept(&self) -> impl Iterator<Item = &str> {
        self.serving().into_iter().chain(self.earlier())
    }

    /// The keys that have signed a kept build.
    pub(super) fn signers(&self, digest: &str) -> &[Fingerprint] {
        let mut builds = self.serving.iter().chain(&self.earlier);
        let found = builds.find(|build| build.digest == digest);
        found.map_or(&[], |build| &build.signers)
    }

    /// Notes that this build serves from now on, and that this key has signed it; `fresh` from its file it is
    /// on trial when it takes another's place.
    pub(super) fn serve(&mut self, digest: &str, fresh: bool, signer: Option<&Fingerprint>) {
        let mut signers = self.signers(digest).to_vec();
        if let Some(signer) = signer.filter(|signer| !signers.contains(signer)) {
            signers.insert(0, signer.clone());
            signers.truncate(MAX_SIGNERS);
        }
        let known = self.serving() == Some(digest);
        let before = self.serving.replace(KeptBuild {
            digest: digest.to_owned(),
            signers,
        });
        if known {
            return;
        }
        self.trial = (fresh && before.is_some()).then(|| Trial::of(digest));
        if let Some(before) = before {
            self.earlier.push_front(before);
        }
        self.earlier.retain(|kept| kept.digest != digest);
        self.earlier.truncate(MAX_EARLIER);
    }

    /// Notes that this build was rolled back: it is not kept, and not loaded again.
    pub(super) fn reject(&mut self, rejected: Rejected) {
        self.accept(&rejected.digest);
        self.earlier.retain(|kept| kept.digest != rejected.digest);
        self.rejected.push_front(rejected);
        self.rejected.truncate(MAX_REJECTED);
    }

    /// Takes a rollback back. Whether there was one.
    pub(super) fn accept(&mut self, digest: &str) -> bool {
        let before = self.rejected.len();
        self.rejected.retain(|rejected| rejected.digest != digest);
        self.rejected.len() < before
    }

    /// The rollback of this build, if there was one.
    pub(super) fn rejected(&self, digest: &str) -> Option<&Rejected> {
        self.rejected.iter().find(|rejected| rejected.digest == digest)
    }

    /// Whether a build whose digest begins so was rolled back.
    pub(super) fn has_rejected(&self, digest: &DigestPrefix) -> bool {
        let mut rejected = self.rejected.iter();
        rejected.any(|rejected| digest.fits(&rejected.digest))
    }

    /// Takes in how a delivery of this build ended; `allowed` may fail before it has failed its trial.
    pub(super) fn judge(
        &mut self,
        digest: &str,
        delivery: DeliveryId,
        failed: bool,
        allowed: Option<u32>,
    ) -> Noted {
        let Some(trial) = self.trial.as_mut().filter(|trial| trial.is_of(digest)) else {
            return Noted::Nothing;
        };
        if failed {
            return allowed.map_or(Noted::Nothing, |allowed| trial.fail(delivery, allowed));
        }
        self.trial = None;
        Noted::Changed
    }

    /// Ends the trial: nothing can come of it any more.
    pub(super) fn end_trial(&mut self) {
        self.trial = None;
    }

    /// Adds a load; whether it tells anything new.
    pub(super) fn note(&mut self, reload: Reload) -> bool {
        if self.reloads.front().is_some_and(|last| reload.repeats(last)) {
            return false;
        }
        self.reloads.push_front(reload);
        self.reloads.truncate(MAX_RELOADS);
        true
    }

    /// The loads, newest first.
    pub(super) fn reloads(&self) -> impl Iterator<Item = &Reload> {
        self.reloads.iter()
    }

    /// Fills in how long this build waited for its first run, in the load that let it serve: what was
    /// put in force since is not what the run waited for. Whether that is new.
    pub(in crate::wasm) fn note_first_run(&mut self, generation: u64, digest: &str, waited_ms: u64) -> bool {
        let load = self.reloads.iter_mut().find(|load| {
            load.cause != ReloadCause::Section
                && load.generation == Some(generation)
                && load.new_digest.as_deref() == Some(digest)
        });
        match load {
            Some(load) if load.phases.first_run_ms.is_none() => {
                load.phases.first_run_ms = Some(waited_ms);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(digest: &str) -> Rejected {
        Rejected {
            digest: digest.to_owned(),
            at: Timestamp::from_millis(0),
            why: "slow".to_owned(),
        }
    }

    #[test]
    fn earlier_builds_are_kept_newest_first_and_a_rejected_one_is_not() {
        let mut journal = Journal::default();
        for digest in ["a", "b", "c", "b", "d", "e"] {
            journal.serve(digest, true, None);
        }
        assert_eq!(journal.kept().collect::<Vec<_>>(), ["e", "d", "b", "c"]);
        journal.serve("d", false, None);
        journal.reject(rejected("e"));
        assert_eq!(journal.kept().collect::<Vec<_>>(), ["d", "b", "c"]);
        assert!(journal.rejected("e").is_some());
        assert!(journal.accept("e") && !journal.accept("e"));
    }

    #[test]
    fn one_success_passes_and_each_delivery_fails_once() {
        let [one, two] = [DeliveryId::generate(), DeliveryId::generate()];
        let mut journal = Journal::default();
        journal.serve("a", true, None);
        assert_eq!(
            journal.judge("a", one, true, Some(1)),
            Noted::Nothing,
            "the first build takes nobody's place"
        );
        journal.serve("b", true, None);
        assert_eq!(journal.judge("a", one, true, Some(1)), Noted::Nothing);
        assert_eq!(journal.judge("b", one, true, None), Noted::Nothing);
        assert_eq!(journal.judge("b", one, true, Some(2)), Noted::Changed);
        assert_eq!(journal.judge("b", one, true, Some(2)), Noted::Nothing);
        assert_eq!(journal.judge("b", two, true, Some(2)), Noted::Failed);
        assert_eq!(journal.judge("b", two, false, Some(2)), Noted::Changed);
        assert_eq!(journal.judge("b", two, true, Some(1)), Noted::Nothing);
        journal.serve("a", false, None);
        assert_eq!(
            journal.judge("a", one, true, Some(1)),
            Noted::Nothing,
            "went back to"
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut journal = Journal::default();
        for number in 0..200 {
            journal.serve(&format!("{number}"), true, None);
            journal.reject(rejected(&format!("r{number}")));
        }
        assert_eq!(
            (journal.kept().count(), journal.rejected.len()),
            (4, MAX_REJECTED)
        );
    }
}
