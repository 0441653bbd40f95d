//! The trial of a build that took another's place: it has passed once a delivery works, and failed
//! once as many have failed as the operator allows (`rollback-after`).

use std::sync::atomic::{AtomicU32, Ordering};

/// Stands for a trial that is over, or that never began.
const OVER: u32 = u32::MAX;

/// Counts the deliveries that have failed since the build began to serve.
#[derive(Debug)]
pub(in crate::wasm) struct Trial(AtomicU32);

impl Trial {
    /// The trial of a build that took another's place, or none.
    pub(super) fn of(replaces_another: bool) -> Self {
        Self(AtomicU32::new(if replaces_another { 0 } else { OVER }))
    }

    /// Takes a result in. `true` for the one that makes the build fail its trial.
    pub(super) fn note(&self, failed: bool, allowed: Option<u32>) -> bool {
        let next = |failures| match failures {
            OVER => None,
            _ if !failed => Some(OVER),
            failures => Some(failures + 1),
        };
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        failed && before.is_ok_and(|failures| Some(failures + 1) == allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_success_passes_and_only_the_last_allowed_failure_fails() {
        let trial = Trial::of(true);
        assert!(!trial.note(true, Some(2)));
        assert!(trial.note(true, Some(2)));
        assert!(!trial.note(true, Some(2)), "told once");
        let passed = Trial::of(true);
        passed.note(false, Some(1));
        assert!(!passed.note(true, Some(1)));
        assert!(!Trial::of(false).note(true, Some(1)));
        assert!(!Trial::of(true).note(true, None));
    }
}
