//! HTTP on loopback, with answers that can break off in the middle.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The largest request body taken, in bytes: four times what Hookyard accepts by default, so that the host's
/// own bounds are met first.
const BODY_MAX_BYTES: usize = 4 * 1024 * 1024;

/// A request, read whole.
#[derive(Clone, Debug)]
pub struct Received {
    /// The HTTP method.
    pub method: Method,
    /// The path, still percent-encoded.
    pub path: String,
    /// The query string without `?`, still percent-encoded.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Received {
    /// A header as text; none when absent or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}

/// How an answer breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// After that many bytes of the body.
    After(usize),
    /// Before the status line.
    Silent,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// Headers besides the length.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
    /// Where it breaks off, if it does.
    pub cut: Option<Cut>,
}

impl Reply {
    /// An answer with a body of the given type.
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = vec![(CONTENT_TYPE, HeaderValue::from_static(content_type))];
        Self {
            status,
            headers,
            body: body.into(),
            cut: None,
        }
    }

    /// An answer in plain text.
    pub fn text(status: StatusCode, text: impl Into<Bytes>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", text)
    }

    /// An answer in JSON.
    #[must_use]
    pub fn json(status: StatusCode, value: &serde_json::Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", value.to_string())
    }

    /// Adds a header; a value that HTTP cannot carry is left out.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

/// A vendor that answers requests.
pub trait Vendor: Send + Sync + 'static {
    /// Answers one request.
    fn answer(&self, received: Received) -> impl Future<Output = Reply> + Send;

    /// The largest request body taken, in bytes.
    fn body_max_bytes(&self) -> usize {
        BODY_MAX_BYTES
    }
}

/// A listening stand-in; dropping it stops it.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub addr: SocketAddr,
    stop: watch::Sender<bool>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Listens on `listen` (port 0: any free one) and answers through `vendor`.
pub async fn serve<V: Vendor>(listener: TcpListener, vendor: Arc<V>) -> io::Result<Server> {
    let addr = listener.local_addr()?;
    let stop = watch::Sender::new(false);
    tokio::spawn(accept(listener, vendor, stop.subscribe()));
    Ok(Server { addr, stop })
}

async fn accept<V: Vendor>(listener: TcpListener, vendor: Arc<V>, stop: watch::Receiver<bool>) {
    let mut stopping = stop.clone();
    let stopped = async move { stopping.wait_for(|stop| *stop).await.is_ok() };
    tokio::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => drop(tokio::spawn(converse(stream, vendor.clone(), stop.clone()))),
            // Out of file handles or a peer gone before it was accepted: the next one may do better.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

async fn converse<V: Vendor>(stream: TcpStream, vendor: Arc<V>, mut stop: watch::Receiver<bool>) {
    let service = service_fn(move |request| {
        let vendor = vendor.clone();
        async move { respond(&*vendor, request).await }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        // An error here is a peer that went away or a cut on demand; the journal has the request.
        _ = connection.as_mut() => true,
        _ = stop.wait_for(|stop| *stop) => false,
    };
    if !ended {
        connection.as_mut().graceful_shutdown();
        let _peer_gone = connection.await;
    }
}

/// The connection is to be dropped without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut off on demand")]
struct CutOff;

async fn respond<V: Vendor>(vendor: &V, request: Request<Incoming>) -> Result<Response<CutBody>, CutOff> {
    let (head, body) = request.into_parts();
    let reply = match Limited::new(body, vendor.body_max_bytes()).collect().await {
        Ok(body) => {
            let received = Received {
                method: head.method,
                path: head.uri.path().to_owned(),
                query: head.uri.query().unwrap_or_default().to_owned(),
                headers: head.headers,
                body: body.to_bytes(),
            };
            vendor.answer(received).await
        }
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Reply::text(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large")
        }
        Err(_) => return Err(CutOff),
    };
    if reply.cut == Some(Cut::Silent) {
        return Err(CutOff);
    }
    let mut response = Response::new(CutBody::of(reply.body, reply.cut));
    *response.status_mut() = reply.status;
    response
        .headers_mut()
        .extend(reply.headers.into_iter().map(|(name, value)| (Some(name), value)));
    Ok(response)
}

/// A body of announced length that may end early by an error.
struct CutBody {
    announced: u64,
    rest: Option<Bytes>,
    cut: bool,
    flushed: bool,
}

impl CutBody {
    fn of(body: Bytes, cut: Option<Cut>) -> Self {
        let announced = body.len() as u64;
        let (rest, cut) = match cut {
            Some(Cut::After(bytes)) if bytes < body.len() => (body.slice(..bytes), true),
            _ => (body, false),
        };
        Self {
            announced,
            rest: Some(rest).filter(|rest| !rest.is_empty()),
            cut,
            flushed: false,
        }
    }
}

impl Body for CutBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        if let Some(rest) = self.rest.take() {
            return Poll::Ready(Some(Ok(Frame::data(rest))));
        }
        if !self.cut {
            return Poll::Ready(None);
        }
        if !self.flushed {
            // hyper flushes when a body is pending: what came before the cut must really arrive.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(CutOff)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }

    fn is_end_stream(&self) -> bool {
        self.announced == 0
    }
}
