//! A vendor with TLS on loopback, that speaks HTTP/2 or HTTP/1.1, under a certificate made when it starts.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hookyard::wasm::Network;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body_util::StreamBody;
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::plugins::secret_value;

/// Its name, which only the tests' resolver knows.
const NAME: &str = "vendor.test";

/// How it answers.
#[derive(Clone, Copy)]
pub enum Manner {
    /// With the secret in a header, in the body and in trailers.
    Echo,
    /// Not at all: it ends the connection, with the secret in its words about that (RFC 9113, section 6.8).
    GoAway,
}

/// One request that arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub version: Version,
    pub uri: http::Uri,
    pub headers: HeaderMap,
}

/// The vendor.
pub struct TlsVendor {
    pub base: String,
    /// Its certificate.
    pub root: Vec<u8>,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The protocol of each connection that was made.
    connections: Mutex<Vec<String>>,
    arrived: Mutex<Vec<Arrived>>,
}

impl TlsVendor {
    /// Starts one that speaks this protocol, by its ALPN name.
    pub async fn start(protocol: &str, manner: Manner) -> Self {
        hookyard::wasm::egress::install_crypto();
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
        let certificate = made.cert.der().to_vec();
        let key = made.signing_key.serialize_der();
        let mut config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone().into()], key.try_into().expect("a key"))
            .expect("a configuration");
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let inner = Arc::new(Inner::default());
        tokio::spawn(serve(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            inner.clone(),
            manner,
        ));
        Self {
            base: format!("https://{NAME}:{port}"),
            root: certificate,
            inner,
        }
    }

    /// A network on which its name leads to it and its certificate is believed.
    pub fn network(&self) -> Network {
        named().trusting(self.root.clone())
    }

    /// The protocol of each connection that was made.
    pub fn connections(&self) -> Vec<String> {
        self.inner.connections.lock().expect("no panic").clone()
    }

    /// The requests that arrived.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.inner.arrived.lock().expect("no panic").clone()
    }
}

/// A network on which every name is this machine's.
pub fn named() -> Network {
    Network::default().with_names(|_| Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, inner: Arc<Inner>, manner: Manner) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, inner) = (acceptor.clone(), inner.clone());
        tokio::spawn(async move {
            // A client that does not believe the certificate hangs up.
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let protocol = stream.get_ref().1.alpn_protocol().unwrap_or_default().to_vec();
            let protocol = String::from_utf8(protocol).expect("ASCII");
            let http2 = protocol == "h2";
            inner.connections.lock().expect("no panic").push(protocol);
            match manner {
                Manner::GoAway => go_away(stream).await,
                Manner::Echo => speak(stream, http2, inner).await,
            }
        });
    }
}

async fn speak(stream: TlsStream<TcpStream>, http2: bool, inner: Arc<Inner>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let arrived = Arrived {
            version: request.version(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        };
        inner.arrived.lock().expect("no panic").push(arrived);
        async { Ok::<_, Infallible>(echo()) }
    });
    let stream = TokioIo::new(stream);
    // Ends when the client closes; how is its business.
    if http2 {
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(stream, service).await;
    } else {
        let server = hyper::server::conn::http1::Builder::new();
        let _ = server.serve_connection(stream, service).await;
    }
}

type Pieces = futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>;

fn echo() -> Response<StreamBody<Pieces>> {
    let secret = secret_value();
    let (first, rest) = secret.split_at(9);
    let trailers = [("x-trailer", secret)].map(|(name, value)| {
        (
            http::HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    });
    let frames = vec![
        Ok(Frame::data(format!("key={first}").into())),
        Ok(Frame::data(format!("{rest}.").into())),
        Ok(Frame::trailers(trailers.into_iter().collect())),
    ];
    Response::builder()
        .header("x-echo", secret)
        .body(StreamBody::new(futures_util::stream::iter(frames)))
        .expect("an answer")
}

/// RFC 9113, sections 3.4, 4.1 and 6.8, by hand: no server library sends debug data.
async fn go_away(mut stream: TlsStream<TcpStream>) {
    const PREFACE: usize = 24;
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const GO_AWAY: u8 = 7;
    const INTERNAL_ERROR: u32 = 2;
    let frame = |kind: u8, payload: &[u8]| {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        let head = [&length[1..], &[kind, 0, 0, 0, 0, 0]].concat();
        [&head, payload].concat()
    };
    stream.write_all(&frame(SETTINGS, &[])).await.expect("sent");
    let mut preface = [0; PREFACE];
    stream.read_exact(&mut preface).await.expect("a preface");
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.expect("a frame");
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await.expect("its payload");
        if head[3] == HEADERS {
            break;
        }
    }
    let words = format!("bad token={}", secret_value());
    let payload = [&[0; 4], &INTERNAL_ERROR.to_be_bytes()[..], words.as_bytes()].concat();
    stream.write_all(&frame(GO_AWAY, &payload)).await.expect("sent");
    // The client reads it and closes.
    let _ = stream.read_to_end(&mut Vec::new()).await;
}
