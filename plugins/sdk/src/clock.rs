//! The host's clock.

use std::time::{Duration, SystemTime};

/// The present moment. In a test it is what `testing::Host::now` set.
#[must_use]
pub fn now() -> SystemTime {
    crate::host::now()
}

/// The present moment, counted from 1970-01-01T00:00:00Z; zero on a clock that stands before it.
pub(crate) fn since_epoch() -> Duration {
    now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
