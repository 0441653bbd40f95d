//! Answers of web servers and registries, each read up to a bound.

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};

use crate::wasm::egress::{chain, install_crypto};

/// Redirects that are followed: release pages and registries send to their storage.
const MAX_REDIRECTS: usize = 5;
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest silence within an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// A client for one fetch. With `tls` no redirect leads out of it.
pub(super) fn client(tls: bool) -> Result<Client, String> {
    install_crypto();
    Client::builder()
        .redirect(Policy::limited(MAX_REDIRECTS))
        .https_only(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .user_agent(concat!("hookyard/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(told)
}

/// What went wrong, without the address: that may have a token in its query.
pub(super) fn told(error: reqwest::Error) -> String {
    chain(&error.without_url())
}

/// The body of a successful answer, of `most` bytes. Nothing else is read.
pub(super) async fn body(answer: Response, most: u64) -> Result<Vec<u8>, String> {
    if !answer.status().is_success() {
        return Err(format!("the server answered {}", answer.status()));
    }
    let too_large = || format!("it is larger than {} KiB", most >> 10);
    if answer.content_length().is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let mut chunks = answer.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk.map_err(told)?);
        if bytes.len() as u64 > most {
            return Err(too_large());
        }
    }
    Ok(bytes)
}
