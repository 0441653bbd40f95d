//! `plugins list|enable|disable|history|rollback|inspect|run`.

mod add;
mod history;
mod inspect;
mod new;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::Value;

use super::outcome::print_outcome;
use super::output::{Output, cell, table};
use crate::config::Settings;
use crate::control::{Caller, Request};
use crate::domain::plugin::DigestPrefix;
use crate::environment::Environment;

#[derive(Subcommand)]
pub enum PluginsCommand {
    /// List plugins: state, build, what is wrong
    List,
    /// Switch a plugin on, in plugins.toml itself
    Enable { name: String },
    /// Switch a plugin off, in plugins.toml itself; what waits is held, new events make no delivery for it
    Disable { name: String },
    /// Show when a plugin was loaded: which build in place of which, what came of it, how long it took
    History { name: String },
    /// Go back to the build that served before; the newest is not loaded again
    Rollback {
        name: String,
        /// Take a rollback back: load the build in the file again
        #[arg(long, conflicts_with = "from")]
        undo: bool,
        /// Only when this build serves: its SHA-256, or the first 12 digits or more
        #[arg(long, value_name = "DIGEST")]
        from: Option<DigestPrefix>,
    },
    /// Make a project for a new plugin in Rust, JavaScript or Python
    New(new::NewArgs),
    /// Show what a component asks for, and after a yes write its section into plugins.toml
    Add(add::AddArgs),
    /// Run a component once without a server, with every right it asks for; record or replay its requests
    Test(test::TestArgs),
    /// Show what a component says of itself and what it asks for, without loading it into the server
    Inspect { component: PathBuf },
    /// Run one of a plugin's actions and show the attempt; exits with 75 when it will be retried
    Run {
        name: String,
        action: String,
        /// The action's arguments as JSON
        #[arg(long, default_value = "{}")]
        input: String,
    },
}

pub async fn run(
    settings: Settings,
    env: Environment,
    command: PluginsCommand,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let request = match command {
        PluginsCommand::Inspect { component } => {
            return inspect::run(&component, output).await;
        }
        PluginsCommand::History { name } => {
            let answer = Caller::new(settings, env)
                .call(Request::PluginReloads { name })
                .await?;
            output.print(&answer, history::print);
            return Ok(ExitCode::SUCCESS);
        }
        PluginsCommand::Rollback { name, undo, from } => Request::PluginRollback { name, undo, from },
        PluginsCommand::New(args) => return new::run(&args, output),
        PluginsCommand::Add(args) => return add::run(settings, env, args, output).await,
        PluginsCommand::Test(args) => return test::run(&settings, env, args, output).await,
        PluginsCommand::List => Request::PluginList,
        PluginsCommand::Enable { name } => Request::PluginEnable { name, enabled: true },
        PluginsCommand::Disable { name } => Request::PluginEnable { name, enabled: false },
        PluginsCommand::Run { name, action, input } => {
            let input: Value = serde_json::from_str(&input).context("--input is not JSON")?;
            return run_action(&Caller::new(settings, env), &name, &action, input, output).await;
        }
    };
    let answer = Caller::new(settings, env).call(request).await?;
    output.print(&answer, list);
    Ok(ExitCode::SUCCESS)
}

fn list(answer: &Value) {
    if let Some(error) = answer["file_error"].as_str() {
        println!("plugins.toml on disk is wrong, what was in force before stays so:\n{error}\n");
    }
    if let Some(note) = answer["note"].as_str() {
        println!("{note}\n");
    }
    let columns = [
        ("name", "NAME"),
        ("state", "STATE"),
        ("generation", "GENERATION"),
        ("digest", "DIGEST"),
        ("component", "COMPONENT"),
    ];
    let mut rows = answer["plugins"].clone();
    for row in rows.as_array_mut().into_iter().flatten() {
        if let Some(digest) = row["digest"].as_str() {
            row["digest"] = digest.chars().take(12).collect::<String>().into();
        }
    }
    table(&rows, &columns, "plugins.toml names no plugins");
    for row in rows.as_array().into_iter().flatten() {
        let name = cell(&row["name"]);
        for line in lane_lines(&row["lane"]) {
            println!("{name}: {line}");
        }
        for line in row["error"].as_str().into_iter().flat_map(str::lines) {
            println!("{name}: {line}");
        }
        for warning in row["warnings"].as_array().into_iter().flatten() {
            for line in warning.as_str().into_iter().flat_map(str::lines) {
                println!("{name}: {line}");
            }
        }
    }
}

/// What holds a plugin's deliveries up, in words.
fn lane_lines(lane: &Value) -> Vec<String> {
    let until = |key: &str| {
        let until = lane[key].as_str();
        until.map_or_else(String::new, |until| format!(" until {until}"))
    };
    let mut lines = Vec::new();
    match lane["breaker"].as_str() {
        Some("open") => lines.push(format!("breaker open{}: deliveries wait", until("breaker_until"))),
        Some("half-open") => {
            lines.push("breaker half-open: one delivery is tried, the others wait".to_owned());
        }
        _ => {}
    }
    if lane["rate_until"].is_string() {
        lines.push(format!("its rate is used up{}", until("rate_until")));
    }
    lines
}

/// Runs an action and shows its first attempt; the exit code tells success, retry and rejection.
pub async fn run_action(
    caller: &Caller,
    name: &str,
    action: &str,
    input: Value,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let request = Request::PluginRun {
        name: name.to_owned(),
        action: action.to_owned(),
        input,
    };
    Ok(print_outcome(&caller.call(request).await?, output))
}
