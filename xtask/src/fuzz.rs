//! libFuzzer over the targets of `fuzz/`.

use std::fs;
use std::process::Command;

use anyhow::Context as _;

use crate::steps::Ended;
use crate::workspace::{Workspace, on_path, run_to_end};

/// Each is a binary `fuzz_NAME` with its seeds in `fuzz/seeds/NAME`.
const TARGETS: [&str; 5] = ["body", "grant", "plugins_file", "template", "verify"];

/// Seconds per target; `HOOKYARD_FUZZ_SECONDS` sets another time.
const SECONDS: &str = "60";

/// One input may take this many seconds: far more than any does, so that a loop without end is found.
const INPUT_SECONDS: &str = "10";

/// Largest input, in bytes: long enough for every rule about length but the body's cap.
const MAX_INPUT: &str = "8192";

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
    command
        .arg(&found)
        .arg(workspace.path("fuzz/seeds").join(target))
        .arg(format!("-artifact_prefix={}-", found.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={INPUT_SECONDS}"))
        .arg(format!("-max_len={MAX_INPUT}"))
        .arg("-print_final_stats=1");
    let mend = "when it is mended, keep the input in fuzz/seeds";
    run_to_end(&mut command, &format!("fuzzing {target} ({mend})"))
}
