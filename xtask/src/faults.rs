//! `cargo xtask faults`: the real binary through one fault after another.
//!
//! Builds two of it, each kept aside so that other builds do not change it under a run: the one that is shipped, and
//! one with the named points of the feature `fault-points`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::plugins;
use crate::steps::Ended;
use crate::workspace::{Workspace, run_to_end};

#[derive(clap::Args, Default)]
pub struct Options {
    /// Test the release build
    #[arg(long)]
    pub release: bool,
    /// Only these scenarios, comma-separated
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub only: Vec<String>,
    /// List the scenarios and run none
    #[arg(long)]
    pub list: bool,
    /// A few minutes: fewer rounds, and without the scenarios that take long
    #[arg(long)]
    pub quick: bool,
    /// Kills at random moments [default: 100, quick: 12]
    #[arg(long, value_name = "N")]
    pub kills: Option<u32>,
    /// Power cuts [default: 25, quick: 3]
    #[arg(long, value_name = "N")]
    pub cuts: Option<u32>,
    /// Repeats the random moments of an earlier run
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// The scenarios that need the build with the points.
const POINTED: [&str; 2] = ["points", "upgrade"];

/// Those that every change must pass: the most that can go wrong in the least time. The others are for
/// `cargo xtask verify` and for people.
const ALWAYS: [&str; 4] = ["kills", "disk-full", "stop", "corrupt"];

/// Kills of theirs.
const ALWAYS_KILLS: u32 = 8;

/// Build what is needed and run the scenarios.
///
/// # Errors
/// When a build fails, or a promise was not kept.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    let folder = workspace.target_dir().join("faults");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut harness = Command::new(built_harness(workspace)?);
    harness.arg("run");
    if options.list {
        return run_to_end(harness.arg("--list"), "the fault harness");
    }
    plugins::run(workspace, &plugins::Options { fixtures: true })?;
    harness
        .arg("--binary")
        .arg(kept(workspace, options.release, false)?);
    if options.only.is_empty()
        || POINTED
            .iter()
            .any(|name| options.only.iter().any(|only| only == name))
    {
        harness
            .arg("--pointed")
            .arg(kept(workspace, options.release, true)?);
    }
    harness
        .arg("--components")
        .arg(workspace.target_dir().join("fixtures"));
    harness.arg("--results").arg(folder.join("results.json"));
    if !options.only.is_empty() {
        harness.args(["--only", &options.only.join(",")]);
    }
    if options.quick {
        harness.arg("--quick");
    }
    for (name, value) in [
        ("--kills", options.kills.map(u64::from)),
        ("--cuts", options.cuts.map(u64::from)),
        ("--seed", options.seed),
    ] {
        if let Some(value) = value {
            harness.args([name, &value.to_string()]);
        }
    }
    run_to_end(&mut harness, "the fault harness")
}

/// The scenarios that every change must pass.
///
/// # Errors
/// As [`run`].
pub fn always(workspace: &Workspace) -> anyhow::Result<Ended> {
    let options = Options {
        only: ALWAYS.map(str::to_owned).to_vec(),
        quick: true,
        kills: Some(ALWAYS_KILLS),
        ..Options::default()
    };
    run(workspace, &options)?;
    Ok(Ended::Done)
}

/// All of them.
///
/// # Errors
/// As [`run`].
pub fn all(workspace: &Workspace) -> anyhow::Result<Ended> {
    run(workspace, &Options::default())?;
    Ok(Ended::Done)
}

/// Builds the harness itself, with the features of the whole workspace, as all that is built here.
fn built_harness(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--quiet", "--workspace", "--bin", "faults"]);
    run_to_end(&mut cargo, "building the fault harness")?;
    Ok(workspace.binary("debug", "faults"))
}

/// Builds `hookyard` and keeps a copy of it.
fn kept(workspace: &Workspace, release: bool, points: bool) -> anyhow::Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--bin", "hookyard"]);
    cargo.args(if release {
        &["--release", "--package", "hookyard"][..]
    } else {
        &["--workspace"][..]
    });
    if points {
        cargo.args(["--features", "hookyard/fault-points"]);
    }
    run_to_end(&mut cargo, "building hookyard")?;
    let built = workspace.binary(if release { "release" } else { "debug" }, "hookyard");
    let name = if points {
        "hookyard-with-points"
    } else {
        "hookyard"
    };
    let kept = workspace.target_dir().join("faults").join(name);
    // A new file: one that runs cannot be written to.
    let _first_time = fs::remove_file(&kept);
    fs::copy(&built, &kept).with_context(|| format!("cannot keep {}", built.display()))?;
    Ok(kept)
}
