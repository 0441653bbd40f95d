//! The host's clock.

use std::time::{Duration, SystemTime};

/// The present moment. In a test it is what `testing::Host::now` set.
#[must_use]
pub fn now() -> SystemTime {
    crate::host::now()
}

/// Waits. It keeps no processor busy, but the run goes on: it counts toward `limits.timeout` and holds one of the
/// plugin's slots. For longer waits return `Failure::defer`. In a test the clock moves on instead.
pub fn sleep(time: Duration) {
    crate::host::sleep(time);
}

/// The present moment, counted from 1970-01-01T00:00:00Z; zero on a clock that stands before it.
pub(crate) fn since_epoch() -> Duration {
    now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
