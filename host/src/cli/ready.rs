//! `ready`: whether the server of this machine takes requests, for health checks of containers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

use super::output::Output;
use crate::config::Settings;
use crate::control::Answer;
use crate::wasm::egress::install_crypto;

/// How long the server may take: it waits for its database for 2 s.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks `/readyz`.
pub async fn ready(settings: &Settings, output: Output) -> anyhow::Result<ExitCode> {
    install_crypto();
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        // Our own process on our own machine: its certificate is for the name that senders use.
        .tls_danger_accept_invalid_certs(true)
        .build()
        .context("cannot make an HTTP client")?;
    let url = format!("{}://{}/readyz", settings.serving.scheme(), near(settings.listen));
    let answer = client.get(&url).send().await;
    let status = answer.with_context(|| format!("no answer from {url}"))?.status();
    let is_ready = status.is_success();
    output.print(&Answer::of(&serde_json::json!({ "ready": is_ready }))?, |_| {
        println!("{}", if is_ready { "ready" } else { "not ready" });
    });
    Ok(if is_ready {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The address by which this machine reaches itself.
fn near(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
