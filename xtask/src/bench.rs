//! `cargo xtask bench`: figures as ratios in one run, on this machine.

use crate::workspace::{Workspace, run_to_end};

/// Builds in release and measures.
///
/// # Errors
/// When a benchmark does not compile or cannot measure.
pub fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let mut cargo = workspace.cargo();
    run_to_end(
        cargo.args(["run", "--release", "--package", "bench"]),
        "the benchmarks",
    )
}
