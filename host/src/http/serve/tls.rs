//! TLS with a certificate that is read again when its files change, so that who renews it need restart nothing.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, crypto};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::config::TlsFiles;

/// How often the files are looked at: by what they hold, since a renewal may swap links or directories.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Largest file of a certificate or key, in bytes: a long chain has some 20 KiB.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What connections are taken with.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    presented: Arc<Presented>,
    /// Of the bytes of both files as they were read last.
    digest: [u8; 32],
}

/// The certificate in force.
#[derive(Debug)]
struct Presented(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Presented {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    /// When one of the files cannot be used, or the key is not the certificate's.
    pub fn load(files: &TlsFiles) -> anyhow::Result<Self> {
        let (key, digest) = read(files)?;
        Ok(Self {
            files: files.clone(),
            presented: Arc::new(Presented(ArcSwap::from_pointee(key))),
            digest,
        })
    }

    /// What takes connections; it presents whichever certificate is in force then.
    ///
    /// # Errors
    /// When the library offers no version of TLS that is safe.
    pub fn acceptor(&self) -> anyhow::Result<TlsAcceptor> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .context("cannot set TLS up")?
            .with_no_client_auth()
            .with_cert_resolver(self.presented.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Puts the certificate in force whenever its files change, until `stop`. One that cannot be used leaves the last
    /// one in force, and is told once.
    pub async fn follow(self, stop: CancellationToken) {
        self.follow_every(LOOK_EVERY, stop).await;
    }

    async fn follow_every(mut self, pause: Duration, stop: CancellationToken) {
        let mut told = String::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            let files = self.files.clone();
            let Ok(found) = tokio::task::spawn_blocking(move || read(&files)).await else {
                continue;
            };
            match found {
                Ok((_, digest)) if digest == self.digest => told.clear(),
                Ok((key, digest)) => {
                    self.presented.0.store(Arc::new(key));
                    self.digest = digest;
                    told.clear();
                    tracing::info!(file = %self.files.cert.display(), "the renewed certificate is in force");
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    // Its two files are never written in one moment, so that the first time may mean nothing.
                    if told != error {
                        tracing::warn!(
                            error,
                            "the certificate cannot be renewed; the last one stays in force"
                        );
                        told = error;
                    }
                }
            }
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(crypto::ring::default_provider())
}

/// The certificate with its key, and a digest of both files.
fn read(files: &TlsFiles) -> anyhow::Result<(CertifiedKey, [u8; 32])> {
    let (cert, key) = (text(&files.cert)?, text(&files.key)?);
    let digest = Sha256::new()
        .chain_update(cert.as_slice())
        .chain_update([0])
        .chain_update(key.as_slice());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert.as_slice()).collect();
    let chain = chain.with_context(|| format!("{} is not PEM", files.cert.display()))?;
    anyhow::ensure!(
        !chain.is_empty(),
        "{} holds no certificate (HOOKYARD_TLS_CERT)",
        files.cert.display()
    );
    let private = PrivateKeyDer::from_pem_slice(key.as_slice()).with_context(|| {
        format!(
            "{} holds no private key in PEM (HOOKYARD_TLS_KEY)",
            files.key.display()
        )
    })?;
    let certified = CertifiedKey::from_der(chain, private, &provider()).with_context(|| {
        format!(
            "the key in {} and the certificate in {} cannot be used together",
            files.key.display(),
            files.cert.display()
        )
    })?;
    Ok((certified, digest.finalize().into()))
}

fn text(path: &Path) -> anyhow::Result<zeroize::Zeroizing<Vec<u8>>> {
    let size = std::fs::metadata(path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .len();
    anyhow::ensure!(size <= MAX_FILE_BYTES, "{} is larger than 1 MiB", path.display());
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(zeroize::Zeroizing::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Between two looks, in tests.
    const PAUSE: Duration = Duration::from_millis(10);

    fn files(dir: &Path) -> TlsFiles {
        TlsFiles {
            cert: dir.join("cert.pem"),
            key: dir.join("key.pem"),
        }
    }

    fn write(files: &TlsFiles) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        std::fs::write(&files.cert, made.cert.pem()).expect("written");
        std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("written");
    }

    #[tokio::test]
    async fn a_renewed_certificate_is_taken_up_and_a_wrong_one_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = files(dir.path());
        write(&files);
        let tls = Tls::load(&files).expect("usable");
        tls.acceptor().expect("an acceptor");
        let presented = tls.presented.clone();
        let first = presented.0.load_full();
        let stop = CancellationToken::new();
        let following = tokio::spawn(tls.follow_every(PAUSE, stop.clone()));
        // Half a renewal: the key of another certificate.
        let next = tempfile::tempdir().expect("a directory");
        let renewed = self::files(next.path());
        write(&renewed);
        std::fs::copy(&renewed.key, &files.key).expect("copied");
        tokio::time::sleep(PAUSE * 10).await;
        assert_eq!(presented.0.load_full().cert, first.cert);
        std::fs::copy(&renewed.cert, &files.cert).expect("copied");
        while presented.0.load_full().cert == first.cert {
            tokio::time::sleep(PAUSE).await;
        }
        stop.cancel();
        following.await.expect("no panic");
    }

    #[test]
    fn what_is_wrong_names_the_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = files(dir.path());
        let error = Tls::load(&files).expect_err("missing").to_string();
        assert!(error.contains("cert.pem"), "{error}");
        write(&files);
        std::fs::write(&files.key, "no key").expect("written");
        let error = Tls::load(&files).expect_err("no key").to_string();
        assert!(error.contains("key.pem"), "{error}");
    }
}
