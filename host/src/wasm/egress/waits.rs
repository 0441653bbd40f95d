//! How long each step of a request may take: what the guest asked for (the `request-options` of
//! wasi:http), never more than its run has left.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tower::{BoxError, Layer, Service};
use wasmtime_wasi_http::{Error, RequestOptions};

use super::errors::Refusal;

/// Longest time to connect, look-up and TLS handshake included. A host that takes longer is down.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Shortest wait, so that a guest that asks for none does not make the host spin.
const SHORTEST: Duration = Duration::from_millis(1);

tokio::task_local! {
    /// The dialling of the request that is being sent; the connector finds it here, because a
    /// client knows one connect timeout only.
    static DIALLING: Arc<Dialling>;
}

/// The bounds of one request.
pub(in crate::wasm) struct Waits {
    connect: Duration,
    first_byte: Duration,
    /// Between two frames of the answer's body.
    pub(super) between_bytes: Duration,
    /// Everything before the body.
    left: Duration,
}

impl Waits {
    /// What a guest asked for, within the time `left` to its run.
    pub(super) fn asked(options: RequestOptions, left: Duration) -> Self {
        let bounded = |asked: Option<Duration>| asked.unwrap_or(left).min(left).max(SHORTEST);
        Self {
            connect: bounded(options.connect_timeout).min(CONNECT_TIMEOUT),
            first_byte: bounded(options.first_byte_timeout),
            between_bytes: bounded(options.between_bytes_timeout),
            left,
        }
    }

    /// Waits for the head of the answer. The time for the first byte runs while a connection
    /// stands, not while one is being made.
    pub(super) async fn answer<T>(&self, exchange: impl Future<Output = T>) -> Result<T, Refusal> {
        let dialling = Arc::new(Dialling::new(self.connect));
        let mut exchange = std::pin::pin!(DIALLING.scope(Arc::clone(&dialling), exchange));
        let begun = Instant::now();
        let mut allowed = self.first_byte;
        loop {
            let rest = allowed.min(self.left).saturating_sub(begun.elapsed());
            if let Ok(answer) = tokio::time::timeout(rest, exchange.as_mut()).await {
                return Ok(answer);
            }
            let now_allowed = self.first_byte + dialling.spent();
            if now_allowed <= allowed || begun.elapsed() >= self.left {
                let waited = humantime::format_duration(self.first_byte.min(self.left));
                return Err(Refusal {
                    code: Error::HttpResponseTimeout,
                    text: format!("no answer within {waited}"),
                });
            }
            allowed = now_allowed.max(begun.elapsed() + SHORTEST);
        }
    }
}

/// How long the connections of one request took to make.
struct Dialling {
    within: Duration,
    spent: Mutex<Spent>,
}

#[derive(Default)]
struct Spent {
    before: Duration,
    since: Option<Instant>,
}

impl Dialling {
    fn new(within: Duration) -> Self {
        Self {
            within,
            spent: Mutex::default(),
        }
    }

    fn begin(&self) {
        self.lock().since = Some(Instant::now());
    }

    fn end(&self) {
        let mut spent = self.lock();
        if let Some(since) = spent.since.take() {
            spent.before += since.elapsed();
        }
    }

    fn spent(&self) -> Duration {
        let spent = self.lock();
        spent.before + spent.since.map(|since| since.elapsed()).unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bounds the making of a connection by what the request at hand allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct DialLayer;

impl<S> Layer<S> for DialLayer {
    type Service = Dial<S>;

    fn layer(&self, inner: S) -> Dial<S> {
        Dial(inner)
    }
}

/// A connector under [`DialLayer`].
#[derive(Clone, Debug)]
pub(super) struct Dial<S>(S);

impl<S, R> Service<R> for Dial<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, target: R) -> Self::Future {
        let dialling = DIALLING
            .try_with(Arc::clone)
            .unwrap_or_else(|_| Arc::new(Dialling::new(CONNECT_TIMEOUT)));
        dialling.begin();
        let connecting = self.0.call(target);
        Box::pin(async move {
            let connected = tokio::time::timeout(dialling.within, connecting).await;
            dialling.end();
            connected.unwrap_or_else(|_elapsed| {
                let within = humantime::format_duration(dialling.within);
                let text = format!("no connection within {within}");
                Err(std::io::Error::new(std::io::ErrorKind::TimedOut, text).into())
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn waits(first_byte: Duration, left: Duration) -> Waits {
        let options = RequestOptions {
            first_byte_timeout: Some(first_byte),
            ..RequestOptions::default()
        };
        Waits::asked(options, left)
    }

    #[test]
    fn a_guest_may_ask_for_less_than_its_run_has_and_not_for_more() {
        let options = RequestOptions {
            connect_timeout: Some(SECOND),
            first_byte_timeout: Some(90 * SECOND),
            between_bytes_timeout: None,
        };
        let waits = Waits::asked(options, 30 * SECOND);
        assert_eq!(waits.connect, SECOND);
        assert_eq!(waits.first_byte, 30 * SECOND);
        assert_eq!(waits.between_bytes, 30 * SECOND);
        let unasked = Waits::asked(RequestOptions::default(), 30 * SECOND);
        assert_eq!(unasked.connect, CONNECT_TIMEOUT);
    }

    #[tokio::test]
    async fn connecting_does_not_eat_the_time_for_the_first_byte() {
        let tick = Duration::from_millis(20);
        let slow_dial = async {
            let dialling = DIALLING.with(Arc::clone);
            dialling.begin();
            tokio::time::sleep(5 * tick).await;
            dialling.end();
            "answer"
        };
        let answer = waits(tick, 30 * SECOND).answer(slow_dial).await;
        assert_eq!(answer.ok(), Some("answer"));
        let silent = waits(tick, 30 * SECOND)
            .answer(std::future::pending::<()>())
            .await;
        assert!(silent.is_err_and(|refusal| refusal.text.contains("no answer within 20ms")));
    }

    #[tokio::test]
    async fn the_time_of_the_run_bounds_dialling_too() {
        let endless_dial = async {
            DIALLING.with(|dialling| dialling.begin());
            std::future::pending::<()>().await;
        };
        let tick = Duration::from_millis(20);
        assert!(waits(tick, 2 * tick).answer(endless_dial).await.is_err());
    }
}
