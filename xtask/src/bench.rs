//! `cargo xtask bench`: figures as ratios in one run, on this machine; and instruction counts of the hot paths.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::steps::Ended;
use crate::workspace::{Workspace, on_path, run_to_end};
use crate::{plugins, python};

#[derive(clap::Args, Default)]
pub struct Options {
    /// Only these groups, comma-separated
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub only: Vec<String>,
    /// A few minutes: shorter windows and a smaller history
    #[arg(long)]
    pub quick: bool,
    /// How long the soak is [default: 60, quick: 2]
    #[arg(long, value_name = "MINUTES")]
    pub minutes: Option<u32>,
    /// List the groups and the targets, and measure nothing
    #[arg(long)]
    pub list: bool,
    /// Write the table of docs/performance.md from bench/results.json, and measure nothing
    #[arg(long)]
    pub write_docs: bool,
    /// Count the instructions of the hot paths and compare with bench/counts.json, and measure nothing
    #[arg(long)]
    pub counts: bool,
    /// With --counts: what is counted now is what is expected from now on
    #[arg(long, requires = "counts")]
    pub renew: bool,
    /// With --counts: of the release build; the profile of the tests otherwise
    #[arg(long, requires = "counts")]
    pub release: bool,
}

/// Build what is needed and measure.
///
/// # Errors
/// When a benchmark does not compile or cannot measure, or a count grew.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    if options.counts {
        return match count(workspace, options)? {
            Ended::Done => Ok(()),
            Ended::Skipped(why) => bail!("{why}"),
        };
    }
    let mut bench = Command::new(built(workspace, true)?);
    if options.list {
        return run_to_end(bench.arg("list"), "the benchmarks");
    }
    if options.write_docs {
        bench.arg("write-docs").arg("--root").arg(workspace.path(""));
        return run_to_end(&mut bench, "the benchmarks");
    }
    plugins::run(workspace, &plugins::Options { fixtures: true })?;
    bench.arg("run").arg("--binary").arg(kept(workspace)?);
    bench.arg("--components").arg(fixtures(workspace));
    bench.arg("--root").arg(workspace.path("").canonicalize()?);
    bench.env("HOOKYARD_TEST_COMPONENTS", fixtures(workspace));
    match service_python(workspace)? {
        Ok(python) => {
            bench.arg("--python").arg(python);
        }
        Err(why) => println!("without the replaced service: {why}"),
    }
    if !options.only.is_empty() {
        bench.args(["--only", &options.only.join(",")]);
    }
    if options.quick {
        bench.arg("--quick");
    }
    if let Some(minutes) = options.minutes {
        bench.args(["--minutes", &minutes.to_string()]);
    }
    run_to_end(&mut bench, "the benchmarks")
}

/// The counts, as a step of `cargo xtask test`: of the build that the tests have compiled anyway.
///
/// # Errors
/// When a count grew, or nothing was committed to compare with.
pub fn counts(workspace: &Workspace) -> anyhow::Result<Ended> {
    count(workspace, &Options::default())
}

fn count(workspace: &Workspace, options: &Options) -> anyhow::Result<Ended> {
    if on_path("valgrind").is_none() {
        return Ok(Ended::Skipped("no valgrind; apt-get install valgrind".to_owned()));
    }
    plugins::run(workspace, &plugins::Options { fixtures: true })?;
    let mut bench = Command::new(built(workspace, options.release)?);
    bench
        .arg("count")
        .arg("--file")
        .arg(workspace.path("bench/counts.json"));
    bench.env("HOOKYARD_TEST_COMPONENTS", fixtures(workspace));
    if options.renew {
        bench.arg("--renew");
    }
    run_to_end(&mut bench, "counting instructions")?;
    Ok(Ended::Done)
}

/// Where the fixtures lie.
fn fixtures(workspace: &Workspace) -> PathBuf {
    workspace.target_dir().join("fixtures")
}

/// Builds the benchmarks.
fn built(workspace: &Workspace, release: bool) -> anyhow::Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--quiet", "--bin", "bench"]);
    // The features of the whole workspace, as all that is built here for the tests.
    cargo.args(if release {
        &["--release", "--package", "bench"][..]
    } else {
        &["--workspace"][..]
    });
    run_to_end(&mut cargo, "building the benchmarks")?;
    Ok(workspace.binary(if release { "release" } else { "debug" }, "bench"))
}

/// Builds the release of `hookyard` and keeps a copy, so that other builds do not change it under a run.
fn kept(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--bin", "hookyard", "--package", "hookyard"]);
    run_to_end(&mut cargo, "building hookyard")?;
    let folder = workspace.target_dir().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let (built, kept) = (workspace.binary("release", "hookyard"), folder.join("hookyard"));
    // A new file: one that runs cannot be written to.
    let _first_time = fs::remove_file(&kept);
    fs::copy(&built, &kept).with_context(|| format!("cannot keep {}", built.display()))?;
    Ok(kept)
}

/// A Python that has what the replaced service needs; or why there is none.
fn service_python(workspace: &Workspace) -> anyhow::Result<Result<PathBuf, String>> {
    let Some(python) = on_path("python3") else {
        return Ok(Err("no python3; apt-get install python3 python3-venv".to_owned()));
    };
    let root = workspace.target_dir().join("bench/venv");
    let requirements = workspace.path("bench/baseline/requirements.txt");
    let made = python::environment(&python, &root, &requirements)?;
    Ok(made.map(|()| root.join("bin/python")))
}
