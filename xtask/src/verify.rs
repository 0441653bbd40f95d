//! `cargo xtask verify`: the long rest, before a release and now and then.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::steps::{self, Choice, Ended, Step};
use crate::workspace::{Workspace, on_path, run_to_end};
use crate::{badinput, clients, faults, fuzz, guests, registry, run, senders};

#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    choice: Choice,
}

/// Cases of each property test; `cargo test` runs proptest's own 256.
const PROPERTY_CASES: &str = "20000";

const STEPS: &[Step] = &[
    Step {
        name: "deny",
        about: "licences, bans and sources of every dependency",
        work: deny,
    },
    Step {
        name: "machete",
        about: "dependencies that nothing uses",
        work: machete,
    },
    Step {
        name: "properties",
        about: "the tests with many cases of each property",
        work: properties,
    },
    Step {
        name: "fuzz",
        about: "libFuzzer over what reads input from outside",
        work: fuzz::run,
    },
    Step {
        name: "guests",
        about: "the example plugins in JavaScript and Python, and new projects in every language",
        work: guests::run,
    },
    Step {
        name: "registry",
        about: "components from Debian's docker-registry",
        work: registry::run,
    },
    Step {
        name: "clients",
        about: "what the plugins write, read back by gspread, slack_sdk and PyGithub",
        work: clients::run,
    },
    Step {
        name: "limits",
        about: "a vendor that answers 429 for a minute",
        work: limits,
    },
    Step {
        name: "senders",
        about: "webhooks that the vendors' own libraries sign",
        work: senders::run,
    },
    Step {
        name: "faults",
        about: "every scenario of `cargo xtask faults`",
        work: faults::all,
    },
    Step {
        name: "alerts",
        about: "the rules in ops/alerts.yml, read by promtool",
        work: alerts,
    },
    Step {
        name: "badinput",
        about: "schemathesis against the OpenAPI document of a server that runs",
        work: badinput::run,
    },
    Step {
        name: "release",
        about: "the release build, its size, and the demo against it",
        work: release,
    },
];

/// Run the steps.
///
/// # Errors
/// The first failure.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    steps::run(workspace, STEPS, &options.choice)
}

/// Without advisories: those need a network that CI does not have.
fn deny(workspace: &Workspace) -> anyhow::Result<Ended> {
    let program = tool(workspace, "cargo-deny")?;
    let mut command = Command::new(program);
    command
        .current_dir(workspace.path(""))
        .args(["check", "licenses", "bans", "sources"]);
    run_to_end(&mut command, "cargo deny")?;
    Ok(Ended::Done)
}

fn machete(workspace: &Workspace) -> anyhow::Result<Ended> {
    let program = tool(workspace, "cargo-machete")?;
    let members = ["bench", "faults", "host", "plugins", "sim", "standins", "xtask"];
    run_to_end(
        Command::new(program)
            .current_dir(workspace.path(""))
            .args(members),
        "cargo machete",
    )?;
    Ok(Ended::Done)
}

fn properties(workspace: &Workspace) -> anyhow::Result<Ended> {
    let mut cargo = workspace.cargo();
    cargo
        .args(["test", "--workspace", "--lib"])
        .env("PROPTEST_CASES", PROPERTY_CASES);
    run_to_end(&mut cargo, "the property tests")?;
    Ok(Ended::Done)
}

fn alerts(workspace: &Workspace) -> anyhow::Result<Ended> {
    let Some(promtool) = on_path("promtool") else {
        let how = "promtool is not here (Debian: apt-get install prometheus)";
        return Ok(Ended::Skipped(how.to_owned()));
    };
    let mut command = Command::new(promtool);
    command
        .args(["check", "rules"])
        .arg(workspace.path("ops/alerts.yml"));
    run_to_end(&mut command, "promtool check rules")?;
    Ok(Ended::Done)
}

fn limits(workspace: &Workspace) -> anyhow::Result<Ended> {
    let mut cargo = workspace.cargo();
    cargo.args([
        "test",
        "--workspace",
        "--test",
        "it",
        "a_minute_of_limits",
        "--",
        "--ignored",
    ]);
    run_to_end(&mut cargo, "the test of a vendor's limits")?;
    Ok(Ended::Done)
}

fn release(workspace: &Workspace) -> anyhow::Result<Ended> {
    let binary = run::build(workspace, true)?;
    let size = std::fs::metadata(&binary)
        .with_context(|| format!("cannot read {}", binary.display()))?
        .len();
    println!("{}: {} KiB", binary.display(), size.div_ceil(1024));
    run::check_demo(workspace, true)?;
    Ok(Ended::Done)
}

/// A cargo tool: of the machine, or built once into the target directory.
pub(crate) fn tool(workspace: &Workspace, name: &str) -> anyhow::Result<PathBuf> {
    if let Some(program) = on_path(name) {
        return Ok(program);
    }
    let root = workspace.target_dir().join("tools");
    let program = root.join("bin").join(name);
    if !program.is_file() {
        let mut cargo = workspace.cargo();
        cargo.args(["install", "--locked", name, "--root"]).arg(&root);
        run_to_end(&mut cargo, &format!("installing {name}"))?;
    }
    Ok(program)
}
