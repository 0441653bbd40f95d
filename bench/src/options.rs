//! What the benchmarks are told.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};

use crate::counts::Counting;
use crate::hot::Subject;

/// Measures the product as ratios against named baselines.
#[derive(Parser)]
#[command(bin_name = "bench")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Measure, print the table, and write it as JSON and as a picture
    Run(Box<Options>),
    /// List what can be measured, and every target
    List,
    /// Write the measured column of the performance page from the results
    WriteDocs(Pages),
    /// Count the instructions of the hot paths, and compare
    Count(Counting),
    /// A baseline that serves: which one, the environment says
    #[command(hide = true)]
    Serve,
    /// A hot path, so many times
    #[command(hide = true)]
    Hot(Subject),
    /// Turn into a program that ends when we do
    #[command(name = faults::bound::COMMAND, hide = true)]
    Bound(faults::bound::Bound),
}

/// What is measured, and with what.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The release build of `hookyard`
    #[arg(long)]
    pub binary: PathBuf,
    /// Where the fixtures lie
    #[arg(long)]
    pub components: PathBuf,
    /// The root of the repository
    #[arg(long)]
    pub root: PathBuf,
    /// The Python that has what the replaced service needs; without one it is left out
    #[arg(long)]
    pub python: Option<PathBuf>,
    #[command(flatten)]
    pub asked: Asked,
}

/// The part of it that a person asks for.
#[derive(Args, Clone, Debug)]
pub struct Asked {
    /// Only these groups, comma-separated
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// A few minutes: shorter windows, a smaller history, and without what takes long
    #[arg(long)]
    pub quick: bool,
    /// How long the soak is [default: 60, quick: 2]
    #[arg(long, value_name = "MINUTES")]
    pub minutes: Option<u32>,
}

/// Where results and words lie.
#[derive(Args, Clone, Debug)]
pub struct Pages {
    /// The root of the repository
    #[arg(long)]
    pub root: PathBuf,
}

impl Pages {
    /// The results as JSON.
    pub fn results(&self) -> PathBuf {
        results(&self.root)
    }

    /// The page that has the table.
    pub fn page(&self) -> PathBuf {
        self.root.join("docs/performance.md")
    }
}

fn results(root: &Path) -> PathBuf {
    root.join("bench/results.json")
}

impl Options {
    /// Where the results go.
    pub fn results(&self) -> PathBuf {
        results(&self.root)
    }

    /// Where the picture goes.
    pub fn plot(&self) -> PathBuf {
        self.root.join("bench/results.svg")
    }

    /// The file of a fixture component.
    ///
    /// # Errors
    /// When it was not built.
    pub fn fixture(&self, name: &str) -> anyhow::Result<PathBuf> {
        let file = self
            .components
            .join(format!("fixture_{}.wasm", name.replace('-', "_")));
        existing(file)
    }

    /// The file of a shipped component.
    ///
    /// # Errors
    /// When it was not built.
    pub fn shipped(&self, name: &str) -> anyhow::Result<PathBuf> {
        existing(
            self.root
                .join(format!("plugins/dist/{}.wasm", name.replace('-', "_"))),
        )
    }

    /// How long a closed loop is measured: long enough that a second run differs by a few percent.
    pub fn window(&self) -> Duration {
        if self.asked.quick {
            Duration::from_secs(1)
        } else {
            Duration::from_secs(8)
        }
    }

    /// How long it runs before that: connections, caches and the frequency of the processor settle.
    pub fn warm_up(&self) -> Duration {
        if self.asked.quick {
            Duration::from_millis(300)
        } else {
            Duration::from_secs(2)
        }
    }

    /// One of two numbers.
    pub fn either<T>(&self, quick: T, whole: T) -> T {
        if self.asked.quick { quick } else { whole }
    }

    /// Length of the soak.
    pub fn soak(&self) -> Duration {
        let minutes = self.asked.minutes.unwrap_or_else(|| self.either(2, 60));
        Duration::from_mins(u64::from(minutes))
    }
}

fn existing(file: PathBuf) -> anyhow::Result<PathBuf> {
    if !file.is_file() {
        bail!("{} is missing: run it by `cargo xtask bench`", file.display());
    }
    file.canonicalize().context("a path without links")
}
