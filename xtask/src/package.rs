//! `cargo xtask package`: what is handed to operators, in `target/package/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::plugins;
use crate::steps::{self, Choice, Ended, Step};
use crate::verify::tool;
use crate::workspace::{Workspace, run_to_end};

#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    choice: Choice,
}

const STEPS: &[Step] = &[
    Step {
        name: "build",
        about: "the release and the plugins",
        work: build,
    },
    Step {
        name: "papers",
        about: "the manual's pages, completions and plugins.toml of a package",
        work: papers,
    },
    Step {
        name: "sbom",
        about: "the bill of materials (CycloneDX)",
        work: sbom,
    },
    Step {
        name: "deb",
        about: "the Debian package",
        work: deb,
    },
];

/// Where packages have the shipped plugins.
const PLUGINS_DIR: &str = "/usr/lib/hookyard/plugins/";

/// Run the steps.
///
/// # Errors
/// The first failure.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    steps::run(workspace, STEPS, &options.choice)
}

/// The release alone, without the features that other members of the workspace ask of it.
fn build(workspace: &Workspace) -> anyhow::Result<Ended> {
    plugins::run(workspace, &plugins::Options { fixtures: false })?;
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--locked", "--package", "hookyard"]);
    run_to_end(&mut cargo, "building the release")?;
    Ok(Ended::Done)
}

fn folder(workspace: &Workspace, name: &str) -> anyhow::Result<PathBuf> {
    let folder = workspace.target_dir().join("package").join(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

fn papers(workspace: &Workspace) -> anyhow::Result<Ended> {
    let binary = workspace.binary("release", "hookyard");
    let mut pages = Command::new(&binary);
    pages.arg("man").arg(folder(workspace, "man")?);
    run_to_end(&mut pages, "hookyard man")?;
    let completions = folder(workspace, "completions")?;
    for (shell, file) in [
        ("bash", "hookyard.bash"),
        ("zsh", "_hookyard"),
        ("fish", "hookyard.fish"),
    ] {
        let output = Command::new(&binary)
            .args(["completions", shell])
            .output()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        anyhow::ensure!(output.status.success(), "hookyard completions {shell} failed");
        write(&completions.join(file), &output.stdout)?;
    }
    let text = fs::read_to_string(workspace.path("plugins.toml")).context("cannot read plugins.toml")?;
    let text = text.replace("\"plugins/dist/", &format!("\"{PLUGINS_DIR}"));
    write(&folder(workspace, "")?.join("plugins.toml"), text.as_bytes())?;
    Ok(Ended::Done)
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn sbom(workspace: &Workspace) -> anyhow::Result<Ended> {
    let program = match tool(workspace, "cargo-cyclonedx") {
        Ok(program) => program,
        Err(error) => {
            let how = format!("cargo-cyclonedx cannot be had ({error:#}); cargo install cargo-cyclonedx");
            return Ok(Ended::Skipped(how));
        }
    };
    let mut command = Command::new(program);
    command
        .current_dir(workspace.path(""))
        .args([
            "cyclonedx",
            "--format",
            "json",
            "--manifest-path",
            "host/Cargo.toml",
        ])
        .args(["--override-filename", "hookyard.cdx"]);
    run_to_end(&mut command, "cargo cyclonedx")?;
    // It writes beside the manifest.
    let made = workspace.path("host/hookyard.cdx.json");
    let kept = folder(workspace, "")?.join("hookyard.cdx.json");
    fs::rename(&made, &kept)
        .with_context(|| format!("cannot move {} to {}", made.display(), kept.display()))?;
    println!("{}", kept.display());
    Ok(Ended::Done)
}

fn deb(workspace: &Workspace) -> anyhow::Result<Ended> {
    let program = match tool(workspace, "cargo-deb") {
        Ok(program) => program,
        Err(error) => {
            let how = format!("cargo-deb cannot be had ({error:#}); cargo install cargo-deb");
            return Ok(Ended::Skipped(how));
        }
    };
    let mut command = Command::new(program);
    command
        .current_dir(workspace.path(""))
        .args(["deb", "--no-build", "--package", "hookyard", "--output"])
        .arg(folder(workspace, "")?);
    run_to_end(&mut command, "cargo deb")?;
    Ok(Ended::Done)
}
