//! libFuzzer over the targets of `fuzz/`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::plugins;
use crate::steps::Ended;
use crate::workspace::{Workspace, on_path, run_to_end};

/// Each is a binary `fuzz_NAME` with its seeds in `fuzz/seeds/NAME`.
const TARGETS: [&str; 9] = [
    "arrival",
    "body",
    "component",
    "grant",
    "manifest",
    "placeholder",
    "plugins_file",
    "template",
    "verify",
];

/// Seconds per target; `HOOKYARD_FUZZ_SECONDS` sets another time.
const SECONDS: &str = "60";

/// One input may take this many seconds: far more than any does, so that a loop without end is found.
const INPUT_SECONDS: &str = "10";

/// Largest input, in bytes: long enough for every rule about length but the body's cap.
const MAX_INPUT: &str = "8192";

/// Largest component: the fixtures fit.
const MAX_COMPONENT: &str = "262144";

/// Build the targets with coverage, and search.
///
/// # Errors
/// When an input breaks what must hold; it lies in `target/fuzz/`.
pub fn run(workspace: &Workspace) -> anyhow::Result<Ended> {
    if on_path("c++").is_none() {
        return Ok(Ended::Skipped("no C++ compiler; apt-get install g++".to_owned()));
    }
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--workspace", "--features", "fuzz/libfuzzer"]);
    for target in TARGETS {
        cargo.args(["--bin", &format!("fuzz_{target}")]);
    }
    cargo.env(
        "RUSTC_WORKSPACE_WRAPPER",
        workspace.path("fuzz/rustc-with-coverage"),
    );
    run_to_end(&mut cargo, "building the fuzz targets")?;
    let asked = std::env::var_os("HOOKYARD_FUZZ_SECONDS").and_then(|seconds| seconds.into_string().ok());
    let seconds = asked.unwrap_or_else(|| SECONDS.to_owned());
    for target in TARGETS {
        search(workspace, target, &seconds)?;
    }
    Ok(Ended::Done)
}

fn search(workspace: &Workspace, target: &str, seconds: &str) -> anyhow::Result<()> {
    let found = workspace.target_dir().join("fuzz").join(target);
    fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
    let mut command = Command::new(workspace.binary("debug", &format!("fuzz_{target}")));
    command.arg(&found).arg(workspace.path("fuzz/seeds").join(target));
    let mut longest = MAX_INPUT;
    if target == "component" {
        command.arg(whole_components(workspace)?);
        longest = MAX_COMPONENT;
    }
    command
        .arg(format!("-artifact_prefix={}-", found.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={INPUT_SECONDS}"))
        .arg(format!("-max_len={longest}"))
        .arg("-print_final_stats=1");
    let mend = "when it is mended, keep the input in fuzz/seeds";
    run_to_end(&mut command, &format!("fuzzing {target} ({mend})"))
}

/// A folder of small components that load: seeds that are built and not kept.
fn whole_components(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    plugins::run(workspace, &plugins::Options { fixtures: true })?;
    let folder = workspace.target_dir().join("fuzz/components");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for fixture in ["version_one", "wrong_world"] {
        let name = format!("fixture_{fixture}.wasm");
        let built = workspace.target_dir().join("fixtures").join(&name);
        fs::copy(&built, folder.join(&name)).with_context(|| format!("cannot copy {}", built.display()))?;
    }
    Ok(folder)
}
