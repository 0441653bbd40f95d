//! How much may be asked: requests an hour, writes a minute, sizes.

use std::collections::{BTreeMap, VecDeque};

use hyper::StatusCode;

use super::refusal::Refusal;

/// Seconds after which the primary limit starts anew.
const WINDOW_SECONDS: i64 = 3_600;

/// The bounds that GitHub publishes, or is known to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests an hour of one token (GitHub: 5,000).
    pub requests_per_hour: u64,
    /// Whether writes that come too fast are refused.
    pub secondary: bool,
    /// Content-creating requests a minute (GitHub: 80).
    pub writes_per_minute: usize,
    /// Content-creating requests an hour (GitHub: 500).
    pub writes_per_hour: usize,
    /// Whether the secondary limit answers 429; 403 otherwise. GitHub uses both.
    pub secondary_as_429: bool,
    /// Bytes of one blob (GitHub: 100 MiB).
    pub blob_bytes: usize,
    /// Bytes of inline content in one new tree. GitHub publishes no bound and gives up after a time; 7 MB is known
    /// to pass.
    pub tree_inline_bytes: usize,
    /// Entries of a recursive tree before it is truncated (GitHub: 100,000).
    pub tree_entries: usize,
    /// Bytes of a recursive tree's answer before it is truncated (GitHub: 7 MB).
    pub tree_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_hour: 5_000,
            secondary: true,
            writes_per_minute: 80,
            writes_per_hour: 500,
            secondary_as_429: false,
            blob_bytes: 100 * 1024 * 1024,
            tree_inline_bytes: 7_000_000,
            tree_entries: 100_000,
            tree_bytes: 7_000_000,
        }
    }
}

impl Limits {
    /// The status of a secondary limit.
    #[must_use]
    pub fn secondary_status(&self) -> StatusCode {
        if self.secondary_as_429 {
            StatusCode::TOO_MANY_REQUESTS
        } else {
            StatusCode::FORBIDDEN
        }
    }
}

/// How much of the primary limit one caller has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Requests allowed.
    pub limit: u64,
    /// Requests used.
    pub used: u64,
    /// When it starts anew, in seconds since 1970.
    pub reset: i64,
}

impl Window {
    /// Requests left.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// What was used of the limits.
#[derive(Debug, Default)]
pub struct Usage {
    windows: BTreeMap<String, Window>,
    /// Seconds at which something was written, oldest first, one hour back.
    writes: VecDeque<i64>,
}

impl Usage {
    /// The window of a caller at a time; a new one when the last is over.
    pub fn window(&mut self, caller: &str, limit: u64, now: i64) -> &mut Window {
        let fresh = Window {
            limit,
            used: 0,
            reset: now + WINDOW_SECONDS,
        };
        let window = self.windows.entry(caller.to_owned()).or_insert(fresh);
        if window.reset <= now {
            *window = fresh;
        }
        window
    }

    /// Sets the windows of the callers named.
    pub fn set(&mut self, caller: &str, window: Window) {
        self.windows.insert(caller.to_owned(), window);
    }

    /// Counts a write, or refuses it.
    pub fn write(&mut self, limits: &Limits, now: i64) -> Result<(), Refusal> {
        while self.writes.front().is_some_and(|at| *at <= now - WINDOW_SECONDS) {
            self.writes.pop_front();
        }
        let minute = self.writes.iter().filter(|at| **at > now - 60).count();
        if limits.secondary
            && (minute >= limits.writes_per_minute || self.writes.len() >= limits.writes_per_hour)
        {
            return Err(Refusal::secondary_limit(limits.secondary_status(), 60));
        }
        self.writes.push_back(now);
        Ok(())
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
