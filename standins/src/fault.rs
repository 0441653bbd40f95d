//! Faults on demand: what a vendor does on a bad day.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// Faults that may wait at once: a test uses a handful, and the list must not grow without end.
const FAULTS_MAX: usize = 100;

/// The longest a slow answer may take, in milliseconds: ten minutes outlast every client's patience.
const SLOW_MAX_MS: u64 = 600_000;

/// A fault that meets the next requests of one target.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Fault {
    /// What the vendor's stand-in names its requests by: a method's name, an operation, `webhook`; `*` for all.
    pub target: String,
    /// What happens.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// How many requests it meets; 1 when left out.
    #[serde(default = "once")]
    pub times: u32,
}

/// What a fault does to a request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// 429 with `Retry-After` in seconds; nothing is applied.
    RateLimited {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// The vendor's error of that name; nothing is applied.
    Error {
        /// The vendor's word, such as `internal_error`.
        error: String,
    },
    /// A bare HTTP status, 400 to 599; nothing is applied.
    Status {
        /// The status.
        status: u16,
    },
    /// The ordinary answer, late.
    Slow {
        /// Milliseconds of delay, at most ten minutes.
        ms: u64,
    },
    /// The request is applied; the connection closes after that many bytes of the answer's body.
    Cut {
        /// Bytes of the body that still arrive.
        bytes: usize,
    },
    /// The request is applied; the connection closes without any answer.
    CutAfterEffect,
    /// Nothing is applied; the connection closes without any answer.
    CutBeforeEffect,
}

/// Why a fault is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// The list is full.
    #[error("{FAULTS_MAX} faults wait already; DELETE /control/faults clears them")]
    Full,
    /// `status` is no error.
    #[error("status {0} is not an HTTP error; give 400 to 599")]
    Status(u16),
    /// `ms` is too large.
    #[error("{0} ms is too slow; give at most {SLOW_MAX_MS}")]
    Slow(u64),
    /// `times` is zero.
    #[error("times is 0; a fault that meets no request has no effect, give at least 1")]
    Never,
    /// The target is not served.
    #[error("target {0:?} is not served; give a served method's or operation's name, or \"*\"")]
    Target(String),
    /// The vendor has no error of that name.
    #[error("error {0:?} is not known; give one of {1}")]
    Error(String, String),
}

/// The faults that wait for their requests.
#[derive(Debug, Default)]
pub struct FaultBook(Mutex<Vec<Fault>>);

impl FaultBook {
    /// Adds a fault after those already waiting.
    pub fn add(&self, fault: Fault) -> Result<(), FaultError> {
        match fault.kind {
            FaultKind::Status { status } if !(400..=599).contains(&status) => {
                return Err(FaultError::Status(status));
            }
            FaultKind::Slow { ms } if ms > SLOW_MAX_MS => return Err(FaultError::Slow(ms)),
            _ if fault.times == 0 => return Err(FaultError::Never),
            _ => {}
        }
        let mut faults = self.lock();
        if faults.len() >= FAULTS_MAX {
            return Err(FaultError::Full);
        }
        faults.push(fault);
        Ok(())
    }

    /// Takes the fault that meets a request of `target`, if one waits.
    pub fn take(&self, target: &str) -> Option<FaultKind> {
        let mut faults = self.lock();
        let at = faults
            .iter()
            .position(|f| f.target == "*" || f.target == target)?;
        let fault = faults.get_mut(at)?;
        fault.times -= 1;
        let kind = fault.kind.clone();
        if fault.times == 0 {
            faults.remove(at);
        }
        Some(kind)
    }

    /// The faults still waiting.
    pub fn waiting(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    /// Drops all faults.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn once() -> u32 {
    1
}
