//! Keeps refused requests without slowing anybody down: a bounded queue and one task that writes.
//!
//! When more is refused than can be written, what does not fit into the queue is counted and dropped. Writing leaves the
//! database to others for most of the time. What is kept is bounded too, for each source and in all, and the oldest go.

mod kept;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::presented::Presented;
use super::verify;
use crate::domain::id::RejectedId;
use crate::domain::rejected::{RejectedBounds, RejectedRequest, Rejection};
use crate::domain::source::SourceSpec;
use crate::domain::source::scheme::Scheme;
use crate::metrics::Metrics;
use crate::store::RejectedStore;
use crate::vault::Vault;

pub use kept::{MASK, shown};
pub(super) use kept::{hidden, proof_header};

/// Refused requests that may wait to be written: at most 16 MiB of bodies.
const QUEUE: usize = 64;
/// Refused requests of one write.
const BATCH: usize = 32;
/// Largest body that is kept, in bytes: vendors' requests are smaller, and 64 of them wait at most.
pub const KEPT_BODY_BYTES: usize = 256 << 10;
/// Longest path with query that is kept, in bytes. Without the rest nothing can be judged anew, so that the body
/// of such a request is not kept.
pub const KEPT_TARGET_BYTES: usize = 8 << 10;
/// What is kept in all: some days of a mistaken secret, and no more disk than a log.
pub const BOUNDS: RejectedBounds = RejectedBounds {
    requests: 1_000,
    of_source: 250,
    bytes: 64 << 20,
};
/// How many times as long as a write took the pause after it is: strangers who are refused have at most a fifth of the
/// database's writer.
const PAUSE_FACTOR: u32 = 4;
/// Longest pause after a write.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The way in for refused requests.
#[derive(Clone)]
pub struct RejectedLog {
    sender: mpsc::Sender<RejectedRequest>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl RejectedLog {
    /// Starts the task that writes; it runs on the current runtime until [`RejectedLog::close`].
    #[must_use]
    pub fn start(store: Arc<dyn RejectedStore>, metrics: Arc<Metrics>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let writer = Writer {
            receiver,
            store,
            metrics: metrics.clone(),
        };
        tasks.spawn(writer.run(stop.clone()));
        tasks.close();
        Self {
            sender,
            metrics,
            stop,
            tasks,
        }
    }

    /// Keeps a refused request, unless too many wait already.
    pub fn keep(&self, request: RejectedRequest) {
        if self.sender.try_send(request).is_err() {
            self.metrics.rejection_not_kept(1);
        }
    }

    /// Writes what waits and returns when that is done.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

struct Writer {
    receiver: mpsc::Receiver<RejectedRequest>,
    store: Arc<dyn RejectedStore>,
    metrics: Arc<Metrics>,
}

impl Writer {
    async fn run(mut self, stop: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let count = tokio::select! {
                count = self.receiver.recv_many(&mut batch, BATCH) => count,
                () = stop.cancelled(), if !self.receiver.is_closed() => {
                    self.receiver.close();
                    continue;
                }
            };
            if count == 0 {
                return;
            }
            let began = Instant::now();
            if let Err(error) = self.store.record_rejected(&batch, BOUNDS).await {
                self.metrics.rejection_not_kept(batch.len());
                tracing::warn!(%error, requests = batch.len(), "refused requests could not be kept");
            }
            batch.clear();
            let pause = began.elapsed().saturating_mul(PAUSE_FACTOR).min(LONGEST_PAUSE);
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

/// A request as it is kept, with its body or without. What it presents is sealed by this vault.
pub(super) fn record(
    spec: &SourceSpec,
    request: &Presented,
    rejection: Rejection,
    with_body: bool,
    vault: &Vault,
) -> RejectedRequest {
    let id = RejectedId::generate();
    let credential = match &spec.scheme {
        Scheme::Token(scheme) => verify::credential(scheme, request),
        _ => None,
    };
    let sealed = credential.map(|digest| vault.seal_credential(id, &digest));
    let credential = sealed.and_then(|sealed| {
        let failed = |why: &String| tracing::warn!(%why, "what a refused request presented cannot be kept");
        sealed.inspect_err(failed).ok()
    });
    let mut target = masked_target(&request.target);
    let with_body = with_body && target.len() <= KEPT_TARGET_BYTES && request.body.len() <= KEPT_BODY_BYTES;
    cut(&mut target, KEPT_TARGET_BYTES);
    RejectedRequest {
        id,
        received_at: request.received_at,
        source: spec.name.to_string(),
        address: request.address.clone(),
        status: rejection.check.status(),
        rejection,
        method: request.method.to_string(),
        target,
        headers: kept::of(id, &request.headers, spec, vault),
        content_type: request.content_type.clone(),
        credential,
        body_bytes: request.body.len() as u64,
        body: with_body.then(|| request.body.clone()),
        accepted: None,
    }
}

/// Cuts a text down to so many bytes.
fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        let end = (0..=bytes).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
    }
}

/// The request as it was, for another look, but for what it presents; `None` when its body was not kept.
///
/// # Errors
/// When a header of it is sealed under a key that this node has not.
pub(super) fn presented(kept: &RejectedRequest, vault: &Vault) -> Result<Option<Presented>, String> {
    let (Some(body), Ok(method)) = (kept.body.clone(), kept.method.parse::<::http::Method>()) else {
        return Ok(None);
    };
    Ok(Some(Presented {
        method,
        target: kept.target.clone(),
        headers: kept::opened(kept, vault)?,
        content_type: kept.content_type.clone(),
        body,
        address: kept.address.clone(),
        received_at: kept.received_at,
        credential: None,
    }))
}

/// Path and query with the value of a token masked.
fn masked_target(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else {
        return target.to_owned();
    };
    let is_token = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        percent_encoding::percent_decode_str(name).decode_utf8_lossy() == verify::TOKEN_PARAMETER
    };
    let pairs: Vec<_> = query
        .split('&')
        .map(|pair| if is_token(&pair) { "access_token=***" } else { pair })
        .collect();
    format!("{path}?{}", pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::domain::event::NewEvent;
    use crate::domain::page::{Page, PageRequest};
    use crate::domain::rejected::Check;
    use crate::domain::time::Timestamp;
    use crate::store::{AcceptedLate, StoreResult};

    /// How long a write takes.
    const WRITE: Duration = Duration::from_millis(20);

    /// A slow store that knows when each write began and ended.
    #[derive(Default)]
    struct Slow(Mutex<Vec<(Instant, Instant)>>);

    #[async_trait]
    impl RejectedStore for Slow {
        async fn record_rejected(&self, _: &[RejectedRequest], _: RejectedBounds) -> StoreResult<()> {
            let began = Instant::now();
            tokio::time::sleep(WRITE).await;
            self.0.lock().expect("no panic").push((began, Instant::now()));
            Ok(())
        }

        async fn rejected_requests(
            &self,
            _: Option<&str>,
            _: PageRequest,
        ) -> StoreResult<Page<crate::domain::rejected::ListedRejected>> {
            Ok(Page {
                total: 0,
                items: Vec::new(),
            })
        }

        async fn rejected_request(&self, _: RejectedId) -> StoreResult<Option<RejectedRequest>> {
            Ok(None)
        }

        async fn accept_rejected(
            &self,
            _: RejectedId,
            _: &[NewEvent],
            _: Timestamp,
            _: &str,
        ) -> StoreResult<AcceptedLate> {
            Ok(AcceptedLate::NoSuch)
        }
    }

    fn refused() -> RejectedRequest {
        RejectedRequest {
            id: RejectedId::generate(),
            received_at: Timestamp::from_millis(0),
            source: "s".to_owned(),
            address: String::new(),
            rejection: Rejection::new(Check::Signature, "another secret"),
            status: 401,
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: Vec::new(),
            content_type: String::new(),
            credential: None,
            body_bytes: 0,
            body: None,
            accepted: None,
        }
    }

    #[tokio::test]
    async fn a_flood_leaves_most_of_the_writer_to_others() {
        let store = Arc::new(Slow::default());
        let log = RejectedLog::start(store.clone(), Arc::default());
        let writes = || store.0.lock().expect("no panic").clone();
        while writes().len() < 6 {
            log.keep(refused());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        log.close().await;
        let writes = writes();
        let written: Duration = writes[..5].iter().map(|(began, ended)| *ended - *began).sum();
        let passed = writes[5].0 - writes[0].0;
        assert!(passed >= 3 * written, "{written:?} of {passed:?}");
    }

    #[tokio::test]
    async fn what_waits_is_written_at_the_end_without_a_pause() {
        let store = Arc::new(Slow::default());
        let log = RejectedLog::start(store.clone(), Arc::default());
        for _ in 0..QUEUE {
            log.keep(refused());
        }
        log.close().await;
        let writes = store.0.lock().expect("no panic").len();
        assert_eq!(writes, QUEUE / BATCH);
    }
}
