//! Connections: how many, how long they may dawdle, and how they end.
//!
//! HTTP/1.1 only. HTTP/2 is of use with TLS, which is a proxy's work here, and proxies speak
//! HTTP/1.1 to what is behind them.

mod linger;
mod slots;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use linger::LingeringStream;
use slots::{Slot, Slots};

/// Connections open at the same time. Fits the usual limit of 1,024 open files and leaves room for
/// the database, components and plugins' requests. When all are taken an idle one gives way (`slots.rs`);
/// others wait in the kernel's queue.
pub const MAX_CONNECTIONS: usize = 768;

const _: () = assert!(
    crate::intake::QUEUE_EVENTS + crate::intake::commit::BATCH_EVENTS < MAX_CONNECTIONS,
    "a full queue must leave connections for /healthz"
);

/// How long a client may take to send the head of a request, and how long a kept connection may wait
/// for the next one.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(15);

/// Most bytes of a request's head.
pub const MAX_HEAD_BYTES: usize = 64 << 10;

/// How long requests that run may go on once the service stops.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// Wait after a failed `accept` (most often: no file descriptors left), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`; then takes no more connections, lets running requests end (for at most
/// [`DRAIN_TIMEOUT`]) and returns.
pub async fn serve(listener: TcpListener, service: Router, stop: CancellationToken) {
    let slots = Slots::new(MAX_CONNECTIONS);
    let connections = TaskTracker::new();
    let give_up = CancellationToken::new();
    while let Some((stream, peer, slot)) = next(&listener, &slots, &stop).await {
        let connection = Connection {
            service: service.clone(),
            peer,
            stop: stop.clone(),
            slot,
        };
        let give_up = give_up.clone();
        connections.spawn(async move {
            tokio::select! {
                // The connection first: a request that has come is answered, though its place was asked for.
                biased;
                () = connection.run(stream) => {}
                () = connection.slot.must_give_way() => tracing::debug!(%peer, "an idle connection gave way"),
                () = give_up.cancelled() => {}
            }
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            connections = connections.len(),
            "requests still ran at the end and were cut off"
        );
        give_up.cancel();
        connections.wait().await;
    }
}

/// The next connection and its slot; `None` once the service stops.
async fn next(
    listener: &TcpListener,
    slots: &Slots,
    stop: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, Slot)> {
    loop {
        let slot = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            slot = slots.take() => slot,
        };
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => return Some((stream, peer, slot.occupied())),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

struct Connection {
    service: Router,
    peer: SocketAddr,
    stop: CancellationToken,
    slot: Slot,
}

impl Connection {
    async fn run(&self, stream: TcpStream) {
        // Answers are small; waiting to fill a packet only adds delay.
        let _ = stream.set_nodelay(true);
        let stream = LingeringStream::new(stream, self.slot.progress());
        let answer = service_fn(|request: hyper::Request<Incoming>| self.answer(request));
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .max_buf_size(MAX_HEAD_BYTES)
                .serve_connection(TokioIo::new(stream), answer)
        );
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            // Clients that go away or talk nonsense: nothing for the operator to do.
            tracing::debug!(peer = %self.peer, %error, "connection ended");
        }
    }

    async fn answer(&self, request: hyper::Request<Incoming>) -> Result<Response, Infallible> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let busy = self.slot.busy();
        let mut response = self.service.clone().oneshot(request).await?;
        if self.slot.should_close() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        Ok(response.map(|body| busy.until_sent(body)))
    }
}
