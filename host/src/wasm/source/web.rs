//! Components by HTTPS. The operator names the address, so that it may be any; the digest says what
//! must be there.

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::redirect::Policy;
use url::Url;

use super::signature::Signed;
use super::{CONNECT_TIMEOUT, Fetched, MAX_COMPONENT_BYTES, MAX_SIGNATURE_BYTES};
use crate::wasm::egress::install_crypto;

/// Redirects that are followed: release pages send to their storage.
const MAX_REDIRECTS: usize = 5;
/// Longest silence within an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Fetches a component, and `URL.sig` when its signature is wanted.
pub(super) async fn fetch(url: &Url, with_signature: bool) -> Result<Fetched, String> {
    install_crypto();
    let client = reqwest::Client::builder()
        .redirect(Policy::limited(MAX_REDIRECTS))
        .https_only(url.scheme() == "https")
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .user_agent(concat!("hookyard/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.to_string())?;
    let component = get(&client, url.clone(), MAX_COMPONENT_BYTES).await?;
    let signed = if with_signature {
        let mut beside = url.clone();
        beside.set_path(&format!("{}.sig", url.path()));
        let text = get(&client, beside, MAX_SIGNATURE_BYTES).await;
        let text = text.map_err(|why| format!("its signature: {why}"))?;
        Some(Signed::bytes(String::from_utf8_lossy(&text).into_owned()))
    } else {
        None
    };
    Ok(Fetched { component, signed })
}

async fn get(client: &reqwest::Client, url: Url, most: u64) -> Result<Vec<u8>, String> {
    // The address may have a token in its query.
    let told = |error: reqwest::Error| crate::wasm::egress::chain(&error.without_url());
    let answer = client.get(url).send().await.map_err(told)?;
    if !answer.status().is_success() {
        return Err(format!("the server answered {}", answer.status()));
    }
    let mut bytes = Vec::new();
    let mut body = answer.bytes_stream();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk.map_err(told)?);
        if bytes.len() as u64 > most {
            return Err(format!("it is larger than {} KiB", most >> 10));
        }
    }
    Ok(bytes)
}
