//! The HTTP clients of one plugin. Their connection pools are not shared with other plugins, nor
//! between public and private reach: a connection made under a grant serves only that grant.

use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};

use super::address::Reach;
use super::answer::{MAX_FIELDS, MAX_H2_SECTION_BYTES};
use super::errors::Refusal;
use super::network::Network;
use super::resolver::{CheckedResolver, Turns};
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
    /// Shared: what one of them is waiting for, the plugin is.
    look_ups: Turns,
}

impl Clients {
    /// The client with this reach.
    pub(super) fn get(&self, reach: Reach, network: &Network) -> Result<Client, Refusal> {
        let cell = match reach {
            Reach::Public => &self.public,
            Reach::Private => &self.private,
        };
        let client = cell.get_or_init(|| {
            let resolver = CheckedResolver::new(reach, network.clone(), self.look_ups.clone());
            build(resolver, network)
        });
        client.clone().map_err(|why| Refusal {
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

fn build(resolver: CheckedResolver, network: &Network) -> Result<Client, String> {
    install_crypto();
    let roots: Result<Vec<Certificate>, _> = network
        .roots()
        .iter()
        .map(|der| Certificate::from_der(der))
        .collect();
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .dns_resolver(Arc::new(resolver))
        .tls_certs_merge(roots.map_err(|error| chain(&error))?)
        .connect_timeout(CONNECT_TIMEOUT)
        .connector_layer(DialLayer)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .http1_max_headers(MAX_FIELDS)
        .http2_max_header_list_size(MAX_H2_SECTION_BYTES)
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
