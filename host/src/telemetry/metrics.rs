//! Sends the counters of `/metrics` to a collector by OTLP over HTTP, in protobuf, under the same names.
//!
//! The library's own instruments are not used: there would be two counts of everything, which differ one day.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Request};
use opentelemetry_http::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use percent_encoding::percent_decode_str;
use prost::Message as _;

use super::openmetrics::families;
use super::otlp::{self, Client};
use super::points::{Span, attribute, metric};
use crate::domain::time::Timestamp;
use crate::environment::Environment;

/// How often they are sent, in milliseconds.
const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
/// As the specification has it.
const USUAL_INTERVAL: Duration = Duration::from_mins(1);
/// Each asks the database how much waits.
const LEAST_INTERVAL: Duration = Duration::from_millis(100);
/// `none` switches this off while traces go on.
const SWITCH: &str = "OTEL_METRICS_EXPORTER";

/// Where the counters of this process go, and as whose.
pub struct MetricsExport {
    client: Client,
    url: String,
    headers: HeaderMap,
    resource: Resource,
    began: u64,
    interval: Duration,
}

impl MetricsExport {
    /// What the environment asks for; `None` where it names no collector. `instance` tells this process from others:
    /// each counts for itself, since `began`.
    ///
    /// # Errors
    /// When a variable is malformed.
    pub fn from_environment(
        env: &Environment,
        instance: &str,
        began: Timestamp,
    ) -> anyhow::Result<Option<Self>> {
        let Some(base) = otlp::collector(env, SWITCH)? else {
            return Ok(None);
        };
        let resource = Resource {
            attributes: vec![
                attribute("service.name", otlp::service(env)),
                attribute("service.version", env!("CARGO_PKG_VERSION")),
                attribute("service.instance.id", instance),
            ],
            ..Resource::default()
        };
        Ok(Some(Self {
            client: Client::new()?,
            url: format!("{base}/v1/metrics"),
            headers: headers(env)?,
            resource,
            began: nanoseconds(began),
            interval: interval(env)?,
        }))
    }

    /// How often to send.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// Sends the counters that this text of `/metrics` tells at the moment `now`. What cannot be sent is not lost: the next ones go on
    /// from it.
    ///
    /// # Errors
    /// When the collector does not take all of them.
    pub async fn send(&self, text: &str, now: Timestamp) -> anyhow::Result<()> {
        let mut request = Request::post(&self.url)
            .body(Bytes::from(self.request(text, now)?.encode_to_vec()))
            .context("the collector's address")?;
        *request.headers_mut() = self.headers.clone();
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let answer = match self.client.exchange(request).await {
            Ok(answer) => answer,
            Err(error) => bail!("no answer from {}: {error}", self.url),
        };
        ensure!(
            answer.status().is_success(),
            "{} answered {}",
            self.url,
            answer.status()
        );
        let told = ExportMetricsServiceResponse::decode(answer.into_body()).unwrap_or_default();
        match told.partial_success {
            Some(partial) if partial.rejected_data_points > 0 => bail!(
                "{} refused {} values: {}",
                self.url,
                partial.rejected_data_points,
                partial.error_message
            ),
            _ => Ok(()),
        }
    }

    fn request(&self, text: &str, now: Timestamp) -> anyhow::Result<ExportMetricsServiceRequest> {
        let families = families(text).context("the counters are not as they are expected")?;
        let span = Span {
            began: self.began,
            now: nanoseconds(now),
        };
        let scope = InstrumentationScope {
            name: "hookyard".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let metrics = families.iter().filter_map(|family| metric(family, span));
        Ok(ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(self.resource.clone()),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(scope),
                    metrics: metrics.collect(),
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            }],
        })
    }
}

impl std::fmt::Debug for MetricsExport {
    /// Without the headers, which may hold a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsExport")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

fn interval(env: &Environment) -> anyhow::Result<Duration> {
    let Some(text) = env.get(INTERVAL) else {
        return Ok(USUAL_INTERVAL);
    };
    let time = text.parse().ok().map(Duration::from_millis);
    time.filter(|time| *time >= LEAST_INTERVAL)
        .with_context(|| format!("{INTERVAL}: `{text}` is no number of milliseconds from 100"))
}

/// Headers, whose values may have `%20` and the like. No part of one is repeated in an error: it may be a secret.
fn headers(env: &Environment) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in otlp::headers(env) {
        let wrong = || format!("{}: the header {name} is malformed", otlp::HEADERS);
        let value = percent_decode_str(&value).decode_utf8().with_context(wrong)?;
        let mut value = HeaderValue::from_str(&value).ok().with_context(wrong)?;
        value.set_sensitive(true);
        let name = HeaderName::from_bytes(name.as_bytes()).ok().with_context(wrong)?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// What the protocol counts time in.
fn nanoseconds(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_millis())
        .unwrap_or(0)
        .saturating_mul(1_000_000)
}
