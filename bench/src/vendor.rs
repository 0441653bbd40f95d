//! A vendor on loopback that counts the connections that are made to it, and answers when it likes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use hookyard::wasm::Network;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Longest request that is read: an effect has about 500 bytes, head and body.
const MAX_REQUEST_BYTES: usize = 64 << 10;

/// The vendor; it ends with the runtime.
pub struct Vendor {
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    connections: AtomicU64,
    requests: AtomicU64,
    /// Requests that wait for their answer.
    waiting: AtomicU64,
    delay_ms: AtomicU64,
    /// Of so many requests one is answered with 503; 0: none.
    refuses_one_in: AtomicU32,
}

impl Vendor {
    /// Begins to listen.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared::default());
        let served = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                served.connections.fetch_add(1, Ordering::Relaxed);
                let shared = served.clone();
                // A connection without it is only slower.
                let _slower = stream.set_nodelay(true);
                tokio::spawn(async move {
                    // A client that goes away is its own affair.
                    let _gone = serve(stream, &shared).await;
                });
            }
        });
        Ok(Self { url, shared })
    }

    /// How long each answer takes from now on.
    pub fn delay(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.shared.delay_ms.store(millis, Ordering::Relaxed);
    }

    /// Of so many requests one is refused from now on.
    pub fn refuse_one_in(&self, count: u32) {
        self.shared.refuses_one_in.store(count, Ordering::Relaxed);
    }

    /// Connections that were made since the start.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Requests that wait for their answer now.
    pub fn waiting(&self) -> u64 {
        self.shared.waiting.load(Ordering::Relaxed)
    }
}

/// The name of the vendor with TLS, which only its own network knows.
const NAME: &str = "vendor.test";

/// The same with TLS, under a certificate made when it starts.
pub struct TlsVendor {
    pub url: String,
    /// Its certificate.
    root: Vec<u8>,
    shared: Arc<Shared>,
}

impl TlsVendor {
    /// Begins to listen.
    ///
    /// # Errors
    /// When there is no free port, or no certificate.
    pub async fn start() -> anyhow::Result<Self> {
        hookyard::wasm::egress::install_crypto();
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
        let root = made.cert.der().to_vec();
        let key = made.signing_key.serialize_der();
        let key = rustls::pki_types::PrivateKeyDer::try_from(key).map_err(|why| anyhow::anyhow!("{why}"))?;
        let mut config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![root.clone().into()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let url = format!("https://{NAME}:{}", listener.local_addr()?.port());
        let shared = Arc::new(Shared::default());
        let served = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, acceptor) = (served.clone(), acceptor.clone());
                tokio::spawn(async move {
                    // A client that does not believe the certificate hangs up.
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    shared.connections.fetch_add(1, Ordering::Relaxed);
                    let _gone = serve(stream, &shared).await;
                });
            }
        });
        Ok(Self { url, root, shared })
    }

    /// A network on which its name leads to it and its certificate is believed.
    pub fn network(&self) -> Network {
        Network::default()
            .with_names(|_| Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]))
            .trusting(self.root.clone())
    }

    /// Handshakes that were made since the start.
    pub fn handshakes(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

/// One connection: requests whose bodies have a length or come in chunks, whose end is the last chunk.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        while !is_whole(&buffer) {
            if buffer.len() > MAX_REQUEST_BYTES || stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        buffer.clear();
        let number = shared.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let delay = Duration::from_millis(shared.delay_ms.load(Ordering::Relaxed));
        if !delay.is_zero() {
            shared.waiting.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(delay).await;
            shared.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        let one_in = u64::from(shared.refuses_one_in.load(Ordering::Relaxed));
        let status = if one_in > 0 && number.is_multiple_of(one_in) {
            503
        } else {
            200
        };
        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// Whether a whole request is there. Clients of a vendor send one and wait.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    if head.contains("transfer-encoding: chunked") {
        return bytes.ends_with(b"\r\n0\r\n\r\n");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = length
        .and_then(|value| value.trim().parse::<usize>().ok())
        .unwrap_or(0);
    bytes.len() >= end + 4 + length
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn a_request_is_whole_with_its_body() {
        assert!(is_whole(b"GET / HTTP/1.1\r\n\r\n"));
        assert!(!is_whole(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab"));
        assert!(is_whole(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"));
        let chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
        assert!(!is_whole(chunked));
        assert!(is_whole(&[&chunked[..], b"0\r\n\r\n"].concat()));
    }
}
