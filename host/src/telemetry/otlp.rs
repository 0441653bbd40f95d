//! Sends spans to a collector by OTLP over HTTP, in protobuf.
//!
//! The address, the service's name and the headers are what the specification calls them: `OTEL_EXPORTER_OTLP_ENDPOINT`,
//! `OTEL_SERVICE_NAME`, `OTEL_EXPORTER_OTLP_HEADERS`. Those of sampling and batches are read by the library from the
//! process's own environment.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;

use crate::environment::Environment;

/// Names the collector; without it nothing is traced.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// The name that the service has among others.
const SERVICE: &str = "OTEL_SERVICE_NAME";
/// What a collector asks for, such as credentials: `name=value,name=value`.
pub(super) const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
/// `none` switches traces off while counters are sent.
const SWITCH: &str = "OTEL_TRACES_EXPORTER";

/// How long one export may take: spans that wait meanwhile are held in memory, 2,048 at most.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a collector's answer that are read: it says how many spans it refused.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// What makes spans and sends them; `None` where no collector is named.
///
/// # Errors
/// When the address is malformed.
pub(super) fn provider(env: &Environment) -> anyhow::Result<Option<SdkTracerProvider>> {
    let Some(base) = collector(env, SWITCH)? else {
        return Ok(None);
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client::new()?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{base}/v1/traces"))
        .with_headers(headers(env).collect::<HashMap<_, _>>())
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .context("cannot make what sends traces")?;
    let resource = Resource::builder()
        .with_service_name(service(env).to_owned())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build();
    Ok(Some(provider))
}

/// The collector's address without a slash at its end; `None` where none is named, or `switch` says `none`.
///
/// # Errors
/// When the address or the switch is malformed.
pub(super) fn collector<'e>(env: &'e Environment, switch: &str) -> anyhow::Result<Option<&'e str>> {
    match env.get(switch) {
        None | Some("otlp") => {}
        Some("none") => return Ok(None),
        Some(other) => anyhow::bail!("{switch}: `{other}` is not known here; use otlp or none"),
    }
    let Some(base) = env.get(ENDPOINT) else {
        return Ok(None);
    };
    let wrong = || format!("{ENDPOINT}: `{base}` is not an address such as http://127.0.0.1:4318");
    let url = url::Url::parse(base).with_context(wrong)?;
    anyhow::ensure!(matches!(url.scheme(), "http" | "https"), wrong());
    Ok(Some(base.trim_end_matches('/')))
}

/// The service's name.
pub(super) fn service(env: &Environment) -> &str {
    env.get(SERVICE).unwrap_or("hookyard")
}

/// The headers that the collector asks for, with values as they are written.
pub(super) fn headers(env: &Environment) -> impl Iterator<Item = (String, String)> {
    let pairs = env.get(HEADERS).unwrap_or_default().split(',');
    pairs.filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    })
}

/// The HTTP client of the host for the exporter, whose thread has no runtime of its own.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

impl Client {
    pub(super) fn new() -> anyhow::Result<Self> {
        // An error means that it is installed already.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(EXPORT_TIMEOUT)
            .build()
            .context("cannot make the client that sends to the collector")?;
        Ok(Self {
            http,
            runtime: Handle::current(),
        })
    }

    /// Sends a request, on a runtime.
    pub(super) async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        exchange(self.http.clone(), request).await
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.runtime.spawn(exchange(self.http.clone(), request));
        sent.await?
    }
}

async fn exchange(http: reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let (parts, body) = request.into_parts();
    let mut answer = http
        .request(parts.method, parts.uri.to_string())
        .headers(parts.headers)
        .body(body)
        .send()
        .await?;
    let mut read = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        let room = MAX_ANSWER_BYTES.saturating_sub(read.len());
        read.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if room == 0 {
            break;
        }
    }
    let mut response = Response::new(Bytes::from(read));
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}
