//! The host's clock.

use std::time::SystemTime;

/// The present moment. In a test it is what `testing::Host::now` set.
#[must_use]
pub fn now() -> SystemTime {
    crate::host::now()
}
