//! Structured logs, to standard error: standard output belongs to what a command prints.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Settings};

/// Starts logging as the settings say. Once per process.
///
/// # Errors
/// When the filter is malformed.
pub fn start(settings: &Settings) -> anyhow::Result<()> {
    let filter = filter(settings)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match settings.log_format {
        LogFormat::Human => builder.with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
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
