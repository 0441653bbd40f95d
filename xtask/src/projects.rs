//! What `hookyard plugins new` writes, as an author uses it: from an empty folder to a run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;

use crate::run;
use crate::workspace::{Workspace, run_to_end};

/// A way to build, with the commands of the project's README, and where the component is then.
struct Recipe {
    lang: &'static str,
    commands: &'static [&'static [&'static str]],
    component: &'static str,
}

const RUST: Recipe = Recipe {
    lang: "rust",
    commands: &[
        &["rustup", "target", "add", "wasm32-wasip2"],
        &["cargo", "test"],
        &["cargo", "build", "--release", "--target", "wasm32-wasip2"],
    ],
    component: "target/wasm32-wasip2/release/my_plugin.wasm",
};
/// Its own choice of target, with an adapter.
const CARGO_COMPONENT: Recipe = Recipe {
    lang: "rust",
    commands: &[
        &["rustup", "target", "add", "wasm32-wasip1"],
        &["cargo", "component", "build", "--release"],
    ],
    component: "target/wasm32-wasip1/release/my_plugin.wasm",
};
const CARGO_COMPONENT_P2: Recipe = Recipe {
    lang: "rust",
    commands: &[&[
        "cargo",
        "component",
        "build",
        "--release",
        "--target",
        "wasm32-wasip2",
    ]],
    component: "target/wasm32-wasip2/release/my_plugin.wasm",
};
const JS: Recipe = Recipe {
    lang: "js",
    commands: &[
        &["npm", "install", "--no-audit", "--no-fund"],
        &["npm", "test"],
        &["npm", "run", "build"],
    ],
    component: "my-plugin.wasm",
};
const PYTHON: Recipe = Recipe {
    lang: "python",
    commands: &[
        &["python3", "-m", "venv", ".venv"],
        &[".venv/bin/pip", "install", "--quiet", "-r", "requirements.txt"],
        &[
            ".venv/bin/componentize-py",
            "-d",
            "wit",
            "-w",
            "plugin",
            "componentize",
            "app",
            "-o",
            "my-plugin.wasm",
        ],
        &[
            ".venv/bin/componentize-py",
            "-d",
            "wit",
            "-w",
            "plugin",
            "bindings",
            "bindings",
        ],
        &["env", "PYTHONPATH=bindings", ".venv/bin/python", "-m", "unittest"],
    ],
    component: "my-plugin.wasm",
};

/// What makes `cargo component`, built once per target directory.
const CARGO_COMPONENT_VERSION: &str = "0.21.1";

/// Makes, tests, builds and runs a project in each language, and tells how long each took.
///
/// # Errors
/// When a command of a README fails, or the component does not run.
pub fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let hookyard = run::build(workspace, false)?;
    let tools = cargo_component(workspace)?;
    // Elsewhere than here, where this repository's settings would count.
    let folder = tempfile::tempdir()?;
    let all = [RUST, CARGO_COMPONENT, CARGO_COMPONENT_P2, JS, PYTHON];
    for (number, recipe) in all.iter().enumerate() {
        project(&folder.path().join(number.to_string()), &hookyard, &tools, recipe)?;
    }
    Ok(())
}

/// The folder that `cargo component` is in.
fn cargo_component(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let root = workspace.target_dir().join("tools");
    if !root.join("bin/cargo-component").is_file() {
        let mut install = workspace.cargo();
        install
            .args([
                "install",
                "cargo-component",
                "--locked",
                "--version",
                CARGO_COMPONENT_VERSION,
                "--root",
            ])
            .arg(&root)
            .arg("--target-dir")
            .arg(root.join("build"));
        run_to_end(&mut install, "installing cargo-component")?;
    }
    Ok(root.join("bin"))
}

fn project(dir: &Path, hookyard: &Path, tools: &Path, recipe: &Recipe) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut new = Command::new(hookyard);
    new.args(["plugins", "new", "my-plugin", "--lang", recipe.lang, "--dir"])
        .arg(dir);
    run_to_end(&mut new, "plugins new")?;
    for command in recipe.commands {
        let told = format!("{} of the project in {}", command.join(" "), recipe.lang);
        run_to_end(&mut step(dir, tools, command)?, &told)?;
    }
    let mut test = Command::new(hookyard);
    test.current_dir(dir)
        .args(["plugins", "test", recipe.component, "--event", "event.json"]);
    run_to_end(
        &mut test,
        &format!("the component of the project in {}", recipe.lang),
    )?;
    println!(
        "{}: {:.0} s from an empty folder to a run, by `{}`",
        recipe.lang,
        began.elapsed().as_secs_f64(),
        recipe.commands.last().copied().unwrap_or_default().join(" ")
    );
    Ok(())
}

/// One command of a README, as its author would run it.
fn step(dir: &Path, tools: &Path, command: &[&str]) -> anyhow::Result<Command> {
    let (program, arguments) = command.split_first().context("a command")?;
    let program = match program.strip_prefix(".venv") {
        Some(_) => dir.join(program).into_os_string(),
        None => program.into(),
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(tools.to_owned()).chain(std::env::split_paths(&path));
    let mut step = Command::new(program);
    step.current_dir(dir)
        .args(arguments)
        .env("PATH", std::env::join_paths(path)?)
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTFLAGS");
    Ok(step)
}
