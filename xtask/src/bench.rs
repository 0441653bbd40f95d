//! `cargo xtask bench`: figures as ratios in one run, on this machine.

use crate::plugins;
use crate::workspace::{Workspace, run_to_end};

/// Builds in release and measures.
///
/// # Errors
/// When a benchmark does not compile or cannot measure.
pub fn run(workspace: &Workspace) -> anyhow::Result<()> {
    plugins::run(workspace, &plugins::Options { fixtures: true })?;
    let mut cargo = workspace.cargo();
    cargo
        .args(["run", "--release", "--package", "bench"])
        .env(
            "HOOKYARD_TEST_COMPONENTS",
            workspace.target_dir().join("fixtures"),
        )
        // Renewed where `BENCH_DATABASE_URL` names a PostgreSQL.
        .env("BENCH_MEASURED", workspace.path("sim/measured.json"));
    run_to_end(&mut cargo, "the benchmarks")
}
