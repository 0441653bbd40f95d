//! The socket that requests come in on, and its certificate.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::App;
use crate::http::Tls;

impl App {
    /// Takes the socket over that systemd has opened, or opens one.
    pub(super) async fn listen(&self) -> anyhow::Result<(TcpListener, SocketAddr)> {
        let handed = listenfd::ListenFd::from_env().take_tcp_listener(0);
        let handed = handed.context("the socket that was handed over (LISTEN_FDS) does not listen on TCP")?;
        let listener = if let Some(listener) = handed {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)?
        } else {
            let listen = self.settings.listen;
            TcpListener::bind(listen).await.with_context(|| {
                format!("cannot listen on {listen}; is it in use? (--listen, HOOKYARD_LISTEN)")
            })?
        };
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    /// What takes TLS connections, where the settings name a certificate, which is followed from now on.
    pub(super) fn tls(&self) -> anyhow::Result<Option<TlsAcceptor>> {
        let Some(files) = &self.settings.serving.tls else {
            return Ok(None);
        };
        let tls = Tls::load(files)?;
        let acceptor = tls.acceptor()?;
        let life = &self.lifecycle;
        life.spawn("certificate", tls.follow(life.soft.clone()));
        Ok(Some(acceptor))
    }
}
