//! Moments that flags give.

use anyhow::Context as _;

use crate::clock::{Clock as _, SystemClock};
use crate::domain::time::Timestamp;

/// The moment that a flag gives, as such or as how long ago it was.
pub(super) fn moment(flag: &'static str, text: Option<String>) -> anyhow::Result<Option<Timestamp>> {
    let read = |text: String| Timestamp::looking_back(&text, SystemClock.now()).context(flag);
    text.map(read).transpose()
}
