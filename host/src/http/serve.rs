//! Connections: how many, how long they may dawdle, and how they end.
//!
//! In clear HTTP/1.1 only: that is what proxies speak to what is behind them. With TLS the client chooses between
//! HTTP/2 and HTTP/1.1.

mod linger;
mod slots;
mod tls;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, HOST};
use axum::http::{HeaderMap, Uri, Version};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use linger::LingeringStream;
use slots::{Slot, Slots};
pub use tls::Tls;

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

/// Requests of one HTTP/2 connection at the same time: a connection has one place, and must not take the commits of
/// all others (256 wait at most) for itself.
const MAX_STREAMS: u32 = 64;

/// How long requests that run may go on once the service stops.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// Wait after a failed `accept` (most often: no file descriptors left), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves, over TLS where there is something to take connections with, until `stop`; then takes no more connections, lets running requests end (for at most
/// [`DRAIN_TIMEOUT`]) and returns.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    service: Router,
    stop: CancellationToken,
) {
    let slots = Slots::new(MAX_CONNECTIONS);
    let connections = TaskTracker::new();
    let give_up = CancellationToken::new();
    while let Some((stream, peer, slot)) = next(&listener, &slots, &stop).await {
        let connection = Connection {
            service: service.clone(),
            tls: tls.clone(),
            peer,
            stop: stop.clone(),
            slot,
        };
        let give_up = give_up.clone();
        connections.spawn(async move {
            tokio::select! {
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
    tls: Option<TlsAcceptor>,
    peer: SocketAddr,
    stop: CancellationToken,
    slot: Slot,
}

impl Connection {
    async fn run(&self, stream: TcpStream) {
        // Answers are small; waiting to fill a packet only adds delay.
        let _ = stream.set_nodelay(true);
        let stream = LingeringStream::new(stream);
        let ended = match &self.tls {
            None => self.http1(stream).await,
            Some(tls) => match tokio::time::timeout(HEADER_TIMEOUT, tls.accept(stream)).await {
                Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(&b"h2"[..]) => {
                    self.http2(stream).await
                }
                Ok(Ok(stream)) => self.http1(stream).await,
                Ok(Err(error)) => {
                    tracing::debug!(peer = %self.peer, %error, "no TLS came about");
                    return;
                }
                Err(_elapsed) => {
                    tracing::debug!(peer = %self.peer, "no TLS came about in time");
                    return;
                }
            },
        };
        if let Err(error) = ended {
            // Clients that go away or talk nonsense: nothing for the operator to do.
            tracing::debug!(peer = %self.peer, %error, "connection ended");
        }
    }

    async fn http1(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> hyper::Result<()> {
        let answer = service_fn(|request: hyper::Request<Incoming>| self.answer(request));
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .max_buf_size(MAX_HEAD_BYTES)
                .serve_connection(TokioIo::new(stream), answer)
        );
        tokio::select! {
            result = connection.as_mut() => result,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }

    /// Many requests at the same time. Each runs in a task of its own, so that what they need is their own.
    async fn http2(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> hyper::Result<()> {
        let (service, peer, places) = (self.service.clone(), self.peer, self.slot.places());
        let answer = service_fn(move |request: hyper::Request<Incoming>| {
            let (service, places) = (service.clone(), places.clone());
            async move {
                let mut request = request.map(Body::new);
                name_host(&mut request);
                request.extensions_mut().insert(ConnectInfo(peer));
                let busy = places.busy();
                let response: Response = service.oneshot(request).await?;
                Ok::<_, Infallible>(response.map(|body| busy.until_sent(body)))
            }
        });
        let mut connection = pin!(
            http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(MAX_STREAMS)
                .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX))
                .serve_connection(TokioIo::new(stream), answer)
        );
        tokio::select! {
            result = connection.as_mut() => result,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }

    async fn answer(&self, request: hyper::Request<Incoming>) -> Result<Response, Infallible> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let busy = self.slot.busy();
        let mut response = self.service.clone().oneshot(request).await?;
        if self.slot.is_crowded() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        Ok(response.map(|body| busy.until_sent(body)))
    }
}

/// Gives a request of HTTP/2 the `Host` that its `:authority` stands for (RFC 9113, section 8.3.1). Where there is
/// another `Host` beside it both stay, and `addressed` refuses the two.
fn name_host(request: &mut hyper::Request<Body>) {
    if request.version() != Version::HTTP_2 {
        return;
    }
    if let Some(host) = authority(request.uri())
        && !is_only_host(request.headers(), &host)
    {
        request.headers_mut().append(HOST, host);
    }
}

fn authority(uri: &Uri) -> Option<HeaderValue> {
    HeaderValue::from_str(uri.authority()?.as_str()).ok()
}

fn is_only_host(headers: &HeaderMap, host: &HeaderValue) -> bool {
    headers.get_all(HOST).iter().eq([host])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(host: Option<&str>) -> Vec<String> {
        let mut request = hyper::Request::builder()
            .version(Version::HTTP_2)
            .uri("https://hooks.example.org/api/");
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        let mut request = request.body(Body::empty()).expect("a request");
        name_host(&mut request);
        let hosts = request.headers().get_all(HOST).iter();
        hosts
            .map(|host| host.to_str().expect("text").to_owned())
            .collect()
    }

    #[test]
    fn an_authority_is_a_host_and_two_that_differ_stay_two() {
        assert_eq!(hosts(None), ["hooks.example.org"]);
        assert_eq!(hosts(Some("hooks.example.org")), ["hooks.example.org"]);
        assert_eq!(hosts(Some("other")), ["other", "hooks.example.org"]);
    }
}
