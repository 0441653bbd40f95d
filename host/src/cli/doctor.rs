//! `doctor`: looks at everything that the service stands on, changes nothing, and says what to do about each thing
//! that is wrong. `check` asks whether `serve` would start; this asks whether it would go on well.

mod database;
mod egress;
mod files;
mod machine;
mod plugins;
mod report;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::net::UnixStream;

use super::output::Output;
use crate::config::{Settings, SettingsError};
use crate::data_dir::control_socket;
use crate::environment::Environment;
use crate::manifest::PluginsFile;
use report::Report;

#[derive(Args)]
pub struct DoctorArgs {
    /// Ask no granted host whether it can be reached
    #[arg(long)]
    no_egress: bool,
    /// How long one host may take to answer, from 100ms to 1m
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = patience)]
    egress_timeout: Duration,
}

/// Least and most time that one host is waited for: less tells nothing, more keeps a person waiting.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_mins(1));

fn patience(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if (PATIENCE.0..=PATIENCE.1).contains(&time) {
        Ok(time)
    } else {
        Err("it must be from 100ms to 1m".to_owned())
    }
}

/// Examines everything; fails when something is wrong that keeps the service from its work.
pub async fn doctor(
    settings: Result<Settings, SettingsError>,
    env: &Environment,
    args: &DoctorArgs,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    match settings {
        Ok(settings) => examine(&settings, env, args, &mut report).await?,
        Err(error) => {
            for line in error.to_string().lines() {
                report.fail(
                    "settings",
                    "settings",
                    line,
                    "set what it names; env.example has every setting",
                );
            }
            report.skip(
                "settings",
                "everything else",
                "not looked at: it needs the settings",
            );
        }
    }
    report.print(output)?;
    Ok(if report.has_failures() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn examine(
    settings: &Settings,
    env: &Environment,
    args: &DoctorArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    report.ok("settings", "settings", "read");
    let runs = UnixStream::connect(control_socket(&settings.data_dir))
        .await
        .is_ok();
    let told = if runs { "runs" } else { "does not run" };
    report.ok(
        "settings",
        "server",
        &format!("{told} on {}", settings.data_dir.display()),
    );
    filter_and_keys(settings, report);
    let file = read_plugins_file(settings, report);
    files::examine(settings, file.as_ref(), report);
    machine::examine(settings, runs, report);
    let look = database::examine(settings, report).await;
    if let Some(file) = &file {
        plugins::examine(settings, env, file, look.as_ref(), report).await?;
        if args.no_egress {
            report.skip("egress", "granted hosts", "not asked (--no-egress)");
        } else {
            egress::examine(file, args.egress_timeout, report).await;
        }
    }
    if let Some(look) = look {
        look.store.close().await;
    }
    Ok(())
}

fn filter_and_keys(settings: &Settings, report: &mut Report) {
    match crate::telemetry::filter(settings) {
        Ok(_) => report.ok("settings", "log filter", &settings.log),
        Err(error) => report.fail(
            "settings",
            "log filter",
            &format!("{error:#}"),
            "write a filter such as info,hookyard=debug",
        ),
    }
    match crate::app::check_keys(settings) {
        Ok(told) => report.ok("settings", "token keys", &told),
        Err(error) => report.fail(
            "settings",
            "token keys",
            &error.to_string(),
            "name keys that can be read, or leave both settings out: then one is made and kept",
        ),
    }
}

fn read_plugins_file(settings: &Settings, report: &mut Report) -> Option<PluginsFile> {
    let path = settings.plugins_file.display().to_string();
    match PluginsFile::read(&settings.plugins_file) {
        Ok(file) => {
            let enabled = file.plugins.iter().filter(|spec| spec.enabled).count();
            let told = format!(
                "{} plugins, {enabled} enabled, {} sources",
                file.plugins.len(),
                file.sources.len()
            );
            report.ok("settings", &path, &told);
            Some(file)
        }
        Err(error) => {
            let mend =
                "mend the line it names; a running server keeps the last good file in force until then";
            report.fail("settings", &path, &error.to_string(), mend);
            None
        }
    }
}
