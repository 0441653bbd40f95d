//! The developer's commands, run as `cargo xtask COMMAND`.
//!
//! `plugins` builds the guests, `run` shows the product at work, `test` is what CI runs, `verify` is
//! the long rest, `browser` opens the pages in a real browser.

mod plugins;
mod workspace;

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
}

fn main() -> anyhow::Result<()> {
    let workspace = Workspace::locate()?;
    match Cli::parse().command {
        Command::Plugins(options) => plugins::run(&workspace, &options),
    }
}
