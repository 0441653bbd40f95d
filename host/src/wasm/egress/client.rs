//! The HTTP clients of one plugin. Their connection pools are not shared with other plugins, nor
//! between public and private reach: a connection made under a grant serves only that grant.

use std::sync::{Once, OnceLock};
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;

use super::address::{Reach, resolver};
use super::errors::Refusal;
use super::waits::{CONNECT_TIMEOUT, DialLayer};

/// Idle connections kept per host.
const IDLE_PER_HOST: usize = 8;
/// How long an idle connection is kept: shorter than the 60 s after which common servers close it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Made when first used: reading the machine's root certificates takes milliseconds.
#[derive(Default)]
pub(in crate::wasm) struct Clients {
    public: OnceLock<Result<Client, String>>,
    private: OnceLock<Result<Client, String>>,
}

impl Clients {
    /// The client with this reach.
    pub(super) fn get(&self, reach: Reach) -> Result<Client, Refusal> {
        let cell = match reach {
            Reach::Public => &self.public,
            Reach::Private => &self.private,
        };
        cell.get_or_init(|| build(reach)).clone().map_err(|why| Refusal {
            code: wasmtime_wasi_http::Error::ConfigurationError,
            text: format!("the host cannot make an HTTP client: {why}"),
        })
    }
}

/// Makes rustls use ring, once for the process. Every HTTP client here is built after this.
pub fn install_crypto() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An error means that somebody installed a provider before; then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

fn build(reach: Reach) -> Result<Client, String> {
    install_crypto();
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .dns_resolver(resolver(reach))
        .connect_timeout(CONNECT_TIMEOUT)
        .connector_layer(DialLayer)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(concat!("hookyard/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| chain(&error))
}

/// An error with its causes on one line.
pub(in crate::wasm) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
