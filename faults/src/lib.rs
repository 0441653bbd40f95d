//! The fault harness: runs the real binary under load through one fault after another, and proves by reconciling
//! every acknowledged id that nothing was lost, nothing is stuck, and nothing was done twice without an attempt that
//! says so.
//!
//! `cargo xtask faults` builds what it needs and runs it. Each scenario is bounded in time and count, ends by itself
//! and ends only the processes that it started. What it does not do: look inside the host. It sees what a sender, a
//! vendor and an operator see. The host's own tests take [`power_cut`] from here.

mod api;
mod bound;
mod effects;
mod figures;
mod fleet;
mod health;
mod load;
mod options;
mod postgres;
pub mod power_cut;
mod proxy;
mod reconcile;
mod scenario;
mod server;
mod site;
mod table;
mod ticks;
mod trouble;
mod weather;

use std::process::ExitCode;

use clap::Parser as _;

use options::{Cli, Command};

/// The command line of the harness.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(options) => table::run(&options),
        Command::Bound(program) => bound::become_bound(&program).map(|never| match never {}),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
