//! What was asked of a stand-in and how it answered, oldest forgotten first.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

/// Requests kept: enough for any test, small enough to stay in memory for days.
const REQUESTS_MAX: usize = 1_000;

/// Bytes of a body that are kept: more than any message the vendors accept in ordinary use.
pub const BODY_KEPT_BYTES: usize = 16 * 1024;

/// One request and its verdict.
#[derive(Clone, Debug, Serialize)]
pub struct RequestSeen {
    /// Counts from 1 since start or reset.
    pub number: u64,
    /// When it was answered, microseconds since 1970.
    pub at_micros: u64,
    /// What was called: a method's name, or `webhook`.
    pub target: String,
    /// The HTTP method.
    pub http_method: String,
    /// The path, with secrets shown as `***`.
    pub path: String,
    /// The `Content-Type` as sent.
    pub content_type: Option<String>,
    /// The `User-Agent` as sent.
    pub user_agent: Option<String>,
    /// The body as text, cut at [`BODY_KEPT_BYTES`], with secrets shown as `***`.
    pub body: String,
    /// The HTTP status answered; none when the connection was dropped without an answer.
    pub status: Option<u16>,
    /// Whether the vendor's rules let it through.
    pub accepted: bool,
    /// The vendor's word for why not.
    pub error: Option<String>,
    /// What the vendor swallows in silence but a developer wants to know, such as unknown arguments.
    pub warnings: Vec<String>,
    /// The injected fault that shaped this answer.
    pub fault: Option<String>,
}

/// A bounded record of requests that can be waited on.
#[derive(Debug)]
pub struct Journal {
    seen: Mutex<VecDeque<RequestSeen>>,
    total: watch::Sender<u64>,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            seen: Mutex::default(),
            total: watch::Sender::new(0),
        }
    }
}

impl Journal {
    /// Adds a request and numbers it.
    pub fn record(&self, mut request: RequestSeen) {
        let mut seen = self.lock();
        request.number = *self.total.borrow() + 1;
        let number = request.number;
        if seen.len() == REQUESTS_MAX {
            seen.pop_front();
        }
        seen.push_back(request);
        self.total.send_replace(number);
    }

    /// The requests kept, oldest first.
    pub fn requests(&self) -> Vec<RequestSeen> {
        self.lock().iter().cloned().collect()
    }

    /// Forgets everything and counts from 1 again.
    pub fn clear(&self) {
        let mut seen = self.lock();
        seen.clear();
        self.total.send_replace(0);
    }

    /// Waits until `count` requests were seen; false when `timeout` passed first.
    pub async fn wait_for(&self, count: u64, timeout: Duration) -> bool {
        reached(&self.total, count, timeout).await
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<RequestSeen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until a counter shows at least `count`; false when `timeout` passed first.
pub(crate) async fn reached(counter: &watch::Sender<u64>, count: u64, timeout: Duration) -> bool {
    let mut watched = counter.subscribe();
    let wait = watched.wait_for(|now| *now >= count);
    matches!(tokio::time::timeout(timeout, wait).await, Ok(Ok(_)))
}
