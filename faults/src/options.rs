//! What the harness is told.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use crate::bound::Bound;

/// Runs the real binary through faults and reconciles every acknowledged id.
#[derive(Parser)]
#[command(bin_name = "faults")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run scenarios and print the table
    Run(Options),
    /// Turn into a program that ends when we do
    #[command(name = crate::bound::COMMAND, hide = true)]
    Bound(Bound),
}

/// What is run, and with what.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The `hookyard` that is shipped
    #[arg(long, required_unless_present = "list")]
    pub binary: Option<PathBuf>,
    /// The same with the named points of the feature `fault-points`
    #[arg(long)]
    pub pointed: Option<PathBuf>,
    /// Where the fixtures lie
    #[arg(long, required_unless_present = "list")]
    pub components: Option<PathBuf>,
    /// Where the table goes as JSON
    #[arg(long, required_unless_present = "list")]
    pub results: Option<PathBuf>,
    /// What is asked for
    #[command(flatten)]
    pub asked: Asked,
}

/// The part of it that a person asks for.
#[derive(Args, Clone, Debug)]
pub struct Asked {
    /// Only these scenarios, comma-separated
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// List the scenarios and run none
    #[arg(long)]
    pub list: bool,
    /// A few minutes: fewer rounds, and without the scenarios that take long
    #[arg(long)]
    pub quick: bool,
    /// Kills at random moments [default: 100, quick: 12]
    #[arg(long)]
    pub kills: Option<u32>,
    /// Power cuts [default: 25, quick: 3]
    #[arg(long)]
    pub cuts: Option<u32>,
    /// Repeats the random moments of an earlier run
    #[arg(long)]
    pub seed: Option<u64>,
}

impl Options {
    /// The binary that is shipped.
    ///
    /// # Errors
    /// When it was not named.
    pub fn binary(&self) -> anyhow::Result<&Path> {
        self.binary.as_deref().context("--binary is missing")
    }

    /// The binary with the named points.
    ///
    /// # Errors
    /// When it was not named.
    pub fn pointed(&self) -> anyhow::Result<&Path> {
        self.pointed.as_deref().context("--pointed is missing")
    }
}

impl Asked {
    /// How many kills.
    pub fn kills(&self) -> u32 {
        self.kills.unwrap_or(if self.quick { 12 } else { 100 })
    }

    /// How many power cuts.
    pub fn cuts(&self) -> u32 {
        self.cuts.unwrap_or(if self.quick { 3 } else { 25 })
    }
}
