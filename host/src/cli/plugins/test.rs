//! `plugins test`: one run of a component, for its author.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Args;
use serde_json::Value;

use super::super::output::{Output, cell};
use crate::config::Settings;
use crate::control::Answer;
use crate::domain::grant::SecretSource;
use crate::domain::plugin::PluginName;
use crate::environment::Environment;
use crate::manifest::PluginsFile;
use crate::rehearsal::{Example, Rehearsal, Rehearsed};

/// Exit code of a run that asks to be tried again (`EX_TEMPFAIL` of sysexits.h).
const EXIT_RETRY: u8 = 75;

#[derive(Args)]
pub struct TestArgs {
    /// The component's .wasm file
    component: PathBuf,
    /// The event, as JSON: {"source": …, "type": …, "payload": …}, {"schedule": "0 3 * * *", "input": …}
    /// or {"action": NAME, "input": …}
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
    /// The plugin's configuration, as JSON
    #[arg(long, default_value = "{}", value_name = "JSON")]
    config: String,
    /// Where a secret comes from: NAME=env:VARIABLE or NAME=file:PATH; may come several times
    #[arg(long = "secret", value_name = "NAME=SOURCE")]
    secrets: Vec<String>,
    /// Let it reach loopback and private addresses
    #[arg(long)]
    private_network: bool,
    /// Run it under this section of plugins.toml, with no more rights than it grants
    #[arg(long, value_name = "NAME", conflicts_with_all = ["config", "secrets", "private_network"])]
    section: Option<PluginName>,
    /// Keep the requests and their answers in this directory; secrets are left out
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    record: Option<PathBuf>,
    /// Answer requests from this directory, without a network; fails when they are others
    #[arg(long, value_name = "DIR")]
    replay: Option<PathBuf>,
}

pub(super) async fn run(
    settings: &Settings,
    env: Environment,
    args: TestArgs,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let event = std::fs::read_to_string(&args.event)
        .with_context(|| format!("cannot read {}", args.event.display()))?;
    let example = Example::parse(&event).with_context(|| args.event.display().to_string())?;
    let section = match &args.section {
        Some(name) => {
            let file = PluginsFile::read(&settings.plugins_file)?;
            let found = file.plugin(name).cloned();
            Some(found.ok_or_else(|| {
                anyhow!(
                    "{} has no section [plugins.{name}]",
                    settings.plugins_file.display()
                )
            })?)
        }
        None => None,
    };
    let rehearsal = Rehearsal {
        component: args.component,
        example,
        section,
        config: serde_json::from_str(&args.config).context("--config is not JSON")?,
        secrets: sources(&args.secrets)?,
        private_network: args.private_network,
        record: args.record,
        replay: args.replay,
    };
    let told = rehearsal.run(env).await?;
    output.print(&Answer::of(&told)?, |value| print(&told, value));
    Ok(match told.outcome {
        _ if !told.faults.is_empty() => ExitCode::FAILURE,
        "succeeded" => ExitCode::SUCCESS,
        "retry" | "defer" => ExitCode::from(EXIT_RETRY),
        _ => ExitCode::FAILURE,
    })
}

fn sources(given: &[String]) -> anyhow::Result<BTreeMap<String, SecretSource>> {
    let parse = |text: &String| {
        let (name, source) = text
            .split_once('=')
            .ok_or_else(|| anyhow!("--secret takes NAME=env:VARIABLE or NAME=file:PATH"))?;
        let source = match source.split_once(':') {
            Some(("env", variable)) => SecretSource::Env(variable.to_owned()),
            Some(("file", path)) => SecretSource::File(path.into()),
            // The text is not repeated: it may be the secret itself.
            _ => anyhow::bail!("the secret `{name}` is named, not written: use env:VARIABLE or file:PATH"),
        };
        Ok((name.to_owned(), source))
    };
    given.iter().map(parse).collect()
}

fn print(told: &Rehearsed, value: &Value) {
    println!("outcome  {}", told.outcome);
    for (label, text) in [("summary", &value["summary"]), ("error", &value["error"])] {
        for line in text.as_str().into_iter().flat_map(str::lines) {
            println!("{label:<8} {}", cell(&line.into()));
        }
    }
    if told.output.is_some() {
        println!("output   {}", cell(&value["output"]));
    }
    for line in &told.logs {
        println!("log      {} {}", line.level, cell(&line.message.as_str().into()));
    }
    for call in &told.calls {
        let came = match (call.status, &call.error) {
            (_, Some(error)) => error.clone(),
            (Some(status), None) => status.to_string(),
            (None, None) => "no answer".to_owned(),
        };
        let line = format!("{} {} → {came}", call.method, call.url);
        println!("request  {}", cell(&line.into()));
    }
    println!(
        "used     {} ms, {} ms of processor time, {} of memory at most",
        told.duration_ms,
        told.cpu_ms,
        bytesize::ByteSize(told.memory_peak)
    );
    for warning in &told.warnings {
        println!("warning  {}", warning.replace('\n', "\n         "));
    }
    for fault in &told.faults {
        println!("TAPE     {}", cell(&fault.as_str().into()));
    }
}
