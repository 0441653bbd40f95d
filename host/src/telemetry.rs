//! Structured logs, to standard error (standard output belongs to what a command prints), and traces and counters by
//! OpenTelemetry where a collector is named.

mod context;
mod metrics;
mod openmetrics;
mod otlp;
mod points;

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt};

pub use self::context::{TRACEPARENT, continue_from, current, link};
pub use self::metrics::MetricsExport;
use crate::config::{LogFormat, Settings};
use crate::environment::Environment;

/// How long the last spans and counters may take to leave when the service stops: a collector that is down must not hold
/// it up.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// What sends traces, to be stopped at the end.
#[derive(Debug)]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Sends the spans that are still here.
    pub async fn stop(self) {
        let Some(provider) = self.0 else { return };
        let stopped = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(STOP_TIMEOUT)).await;
        match stopped {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans did not reach the collector"),
            Err(error) => tracing::warn!(%error, "the last spans did not reach the collector"),
        }
    }
}

/// Starts logging as the settings say, and tracing where the environment names a collector. Once per process, on a
/// runtime.
///
/// # Errors
/// When the filter is malformed, or the collector's address.
pub fn start(settings: &Settings, env: &Environment) -> anyhow::Result<Telemetry> {
    let filter = filter(settings)?;
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match settings.log_format {
        LogFormat::Human => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let provider = otlp::provider(env)?;
    let traces = provider.as_ref().map(|provider| {
        // Our own spans: those of libraries are many, and nobody's question.
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("hookyard"))
            .with_location(false)
            .with_threads(false)
            .with_filter(Targets::new().with_target("hookyard", Level::INFO))
    });
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(traces)
        .init();
    Ok(Telemetry(provider))
}

/// The filter of the settings.
///
/// # Errors
/// When it is malformed.
pub fn filter(settings: &Settings) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(&settings.log).with_context(|| {
        format!(
            "--log (HOOKYARD_LOG): `{}` is not a filter such as info,hookyard=debug",
            settings.log
        )
    })
}
