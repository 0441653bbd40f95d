//! Benchmarks, as ratios in one run against named baselines: `cargo xtask bench`.
//!
//! Servers under measure are processes of their own: the real binary, and baselines that this program turns into by
//! `bench serve`. What is measured inside a process uses the host's own crate. How, and against what: see
//! `docs/performance.md`.

mod aims;
mod backlog;
mod bare;
mod baseline;
mod counts;
mod ends;
mod groups;
mod history;
mod hot;
mod intake;
mod live;
mod load;
mod meter;
mod neighbours;
mod options;
mod outbound;
mod place;
mod plot;
mod reload;
mod results;
mod row;
mod runtime;
mod serve;
mod service;
mod signin;
mod size;
mod soak;
mod start;
mod vendor;
mod yard;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

use options::{Cli, Command};

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well: a count that grew is a failure, a missed target is not.
fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Run(options) => {
            // Loads of 256 connections, and their servers' descriptors are limited apart.
            faults::bound::open_many()?;
            runtime_of_all_cores()?.block_on(groups::run(&options))?;
            Ok(true)
        }
        Command::List => {
            groups::list();
            Ok(true)
        }
        Command::WriteDocs(pages) => results::write_docs(&pages).map(|()| true),
        Command::Count(counting) => counts::run(&counting),
        Command::Serve => runtime_of_all_cores()?.block_on(serve::run()).map(|()| true),
        Command::Hot(subject) => hot::run(&subject).map(|()| true),
        Command::Bound(program) => faults::bound::become_bound(&program).map(|never| match never {}),
    }
}

/// Waits run on this, the main thread: what is started from it dies with it.
fn runtime_of_all_cores() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no runtime")
}
