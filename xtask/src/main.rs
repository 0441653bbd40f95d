//! The developer's commands, run as `cargo xtask COMMAND`.
//!
//! `plugins` builds the guests, `run` shows the product at work, `test` is what CI runs, `verify` is
//! the long rest, `browser` opens the pages in a real browser, `bench` measures, `faults` breaks things and counts.

mod api;
mod badinput;
mod bench;
mod browser;
mod clients;
mod demo;
mod faults;
mod fuzz;
mod guests;
mod plugins;
mod process;
mod projects;
mod python;
mod registry;
mod run;
mod senders;
mod stage;
mod standins;
mod steps;
mod test;
mod verify;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use workspace::Workspace;

/// The developer's commands of this repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the plugins for wasm32-wasip2 into plugins/dist/
    Plugins(plugins::Options),
    /// Build and serve, and show a GitHub webhook become a Slack message
    Run(run::Options),
    /// What CI runs, from format to browser
    Test(test::Options),
    /// The long rest: licences, unused dependencies, fuzzing, guests in other languages, official clients, faults, the
    /// release build
    Verify(verify::Options),
    /// Open the pages in a real browser
    Browser,
    /// Measure, in release, as ratios against named baselines
    Bench,
    /// Run the real binary through faults and reconcile every acknowledged id
    Faults(faults::Options),
    /// Run a program that ends when we do
    #[command(name = process::BOUND, hide = true)]
    Bound {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        program: Vec<std::ffi::OsString>,
    },
}

fn main() -> ExitCode {
    match run_command(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_command(command: Command) -> anyhow::Result<()> {
    if let Command::Bound { program } = &command {
        return process::become_bound(program);
    }
    let workspace = Workspace::locate()?;
    match command {
        Command::Bound { .. } => Ok(()),
        Command::Plugins(options) => plugins::run(&workspace, &options),
        Command::Run(options) => run::run(&workspace, &options),
        Command::Test(options) => test::run(&workspace, &options),
        Command::Verify(options) => verify::run(&workspace, &options),
        Command::Bench => bench::run(&workspace),
        Command::Faults(options) => faults::run(&workspace, &options),
        Command::Browser => {
            run::build(&workspace, false)?;
            plugins::run(&workspace, &plugins::Options { fixtures: true })?;
            match browser::run(&workspace)? {
                steps::Ended::Done => Ok(()),
                steps::Ended::Skipped(why) => anyhow::bail!("{why}"),
            }
        }
    }
}
