//! `cargo xtask test`: what every change must pass.

use std::path::Path;

use anyhow::bail;

use crate::steps::{self, Choice, Ended, Step};
use crate::workspace::{Workspace, on_path, run_to_end};
use crate::{bench, browser, faults, plugins, run};

#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    choice: Choice,
}

/// In the order of what is quick to fail; one profile, so that each crate is compiled once.
const STEPS: &[Step] = &[
    Step {
        name: "format",
        about: "cargo fmt --check",
        work: format,
    },
    Step {
        name: "plugins",
        about: "the plugins and the tests' fixtures, as components",
        work: guests,
    },
    Step {
        name: "clippy",
        about: "cargo clippy on everything, warnings denied",
        work: clippy,
    },
    Step {
        name: "rustdoc",
        about: "cargo doc, warnings denied",
        work: rustdoc,
    },
    Step {
        name: "databases",
        about: "what the tests need to run on both databases",
        work: databases,
    },
    Step {
        name: "tests",
        about: "cargo test --workspace",
        work: tests,
    },
    Step {
        name: "counts",
        about: "instructions of the hot paths, beside those of bench/counts.json",
        work: bench::counts,
    },
    Step {
        name: "faults",
        about: "the scenarios of `cargo xtask faults` that every change must pass",
        work: faults::always,
    },
    Step {
        name: "demo",
        about: "cargo xtask run, to the message in the stand-in",
        work: demo,
    },
    Step {
        name: "browser",
        about: "the pages in a real browser",
        work: browser,
    },
];

/// Run the steps.
///
/// # Errors
/// The first failure.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    steps::run(workspace, STEPS, &options.choice)
}

fn format(workspace: &Workspace) -> anyhow::Result<Ended> {
    run_to_end(
        workspace.cargo().args(["fmt", "--all", "--check"]),
        "the format (mend: cargo fmt --all)",
    )?;
    Ok(Ended::Done)
}

fn guests(workspace: &Workspace) -> anyhow::Result<Ended> {
    plugins::run(workspace, &plugins::Options { fixtures: true })?;
    Ok(Ended::Done)
}

fn clippy(workspace: &Workspace) -> anyhow::Result<Ended> {
    let mut cargo = workspace.cargo();
    cargo.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    run_to_end(&mut cargo, "clippy")?;
    Ok(Ended::Done)
}

fn rustdoc(workspace: &Workspace) -> anyhow::Result<Ended> {
    let mut cargo = workspace.cargo();
    cargo
        .args(["doc", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings");
    run_to_end(&mut cargo, "rustdoc")?;
    Ok(Ended::Done)
}

/// The store's tests look for the same, and leave PostgreSQL out where there is none; here that is told.
fn databases(_: &Workspace) -> anyhow::Result<Ended> {
    if let Some(url) = std::env::var_os("TEST_DATABASE_URL") {
        if !url.to_string_lossy().starts_with("postgres") {
            bail!("TEST_DATABASE_URL names no PostgreSQL (postgres://…): mend or unset it");
        }
        println!("PostgreSQL at TEST_DATABASE_URL");
        return Ok(Ended::Done);
    }
    let debian = std::fs::read_dir("/usr/lib/postgresql");
    let versions = debian
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path());
    let mut programs = versions.map(|version| version.join("bin/initdb"));
    let initdb = programs.find(|file| file.is_file());
    if let Some(initdb) = initdb.or_else(|| on_path("initdb")) {
        println!(
            "a private PostgreSQL of {}",
            initdb.parent().unwrap_or(Path::new("/")).display()
        );
        return Ok(Ended::Done);
    }
    Ok(Ended::Skipped(
        "the tests ran on SQLite alone; set TEST_DATABASE_URL, or apt-get install postgresql".to_owned(),
    ))
}

fn tests(workspace: &Workspace) -> anyhow::Result<Ended> {
    run_to_end(workspace.cargo().args(["test", "--workspace"]), "the tests")?;
    Ok(Ended::Done)
}

fn demo(workspace: &Workspace) -> anyhow::Result<Ended> {
    run::check_demo(workspace, false)?;
    Ok(Ended::Done)
}

fn browser(workspace: &Workspace) -> anyhow::Result<Ended> {
    run::build(workspace, false)?;
    browser::run(workspace)
}
