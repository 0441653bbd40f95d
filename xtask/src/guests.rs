//! The example plugins in other languages: build their components and run them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::browser::install;
use crate::projects;
use crate::steps::Ended;
use crate::workspace::{Workspace, on_path, run_to_end};

/// Build both and run their tests; then the projects that `plugins new` makes.
///
/// # Errors
/// When one cannot be built or does not do what it must.
pub fn run(workspace: &Workspace) -> anyhow::Result<Ended> {
    let (Some(node), Some(npm)) = (on_path("node"), on_path("npm")) else {
        return Ok(Ended::Skipped(
            "no Node.js; apt-get install nodejs npm".to_owned(),
        ));
    };
    let Some(python) = on_path("python3") else {
        return Ok(Ended::Skipped(
            "no Python; apt-get install python3-venv".to_owned(),
        ));
    };
    let built = workspace.target_dir().join("guests");
    fs::create_dir_all(&built).with_context(|| format!("cannot make {}", built.display()))?;
    javascript(workspace, &node, &npm, &built.join("notes_js.wasm"))?;
    self::python(workspace, &python, &built.join("notes_py.wasm"))?;
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--workspace", "--test", "it", "guests", "--", "--ignored"]);
    run_to_end(&mut cargo, "the tests of plugins in other languages")?;
    projects::run(workspace)?;
    Ok(Ended::Done)
}

fn javascript(workspace: &Workspace, node: &Path, npm: &Path, component: &Path) -> anyhow::Result<()> {
    let folder = workspace.path("plugins/examples/javascript");
    install(npm, &folder)?;
    let mut command = Command::new(node);
    command.current_dir(&folder).arg("build.mjs").arg(component);
    run_to_end(&mut command, "componentize-js")
}

fn python(workspace: &Workspace, python: &Path, component: &Path) -> anyhow::Result<()> {
    let folder = workspace.path("plugins/examples/python");
    let tools = workspace.target_dir().join("tools/python");
    if !tools.join("bin/componentize-py").is_file() {
        run_to_end(
            Command::new(python).args(["-m", "venv"]).arg(&tools),
            "making a virtual environment of Python",
        )?;
    }
    let mut pip = Command::new(tools.join("bin/pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ]);
    run_to_end(
        pip.arg(folder.join("requirements.txt")),
        "pip install componentize-py",
    )?;
    let mut command = Command::new(tools.join("bin/componentize-py"));
    command.current_dir(&folder).args([
        "--wit-path",
        "../../../wit",
        "--world",
        "plugin",
        "componentize",
        "notes",
        "--output",
    ]);
    run_to_end(command.arg(component), "componentize-py")
}
