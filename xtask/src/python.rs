//! Virtual environments for tools in Python, kept in the target directory.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::workspace::run_to_end;

/// Makes an environment in `root` with what `requirements` names, unless it is there already; or says why there can
/// be none.
///
/// # Errors
/// When the file of requirements is missing, or the mark of the install cannot be written.
pub fn environment(python: &Path, root: &Path, requirements: &Path) -> anyhow::Result<Result<(), String>> {
    let wanted = fs::read(requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let mark = root.join("requirements-of-this-install.txt");
    if fs::read(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(Ok(()));
    }
    let made = Command::new(python).args(["-m", "venv"]).arg(root).status();
    if !made.is_ok_and(|status| status.success()) {
        return Ok(Err(
            "Python makes no virtual environment; apt-get install python3-venv".to_owned(),
        ));
    }
    let mut pip = Command::new(root.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ]);
    if run_to_end(pip.arg(requirements), "pip install").is_err() {
        return Ok(Err(format!(
            "{} could not be installed; is PyPI within reach?",
            requirements.display()
        )));
    }
    fs::write(&mark, wanted).with_context(|| format!("cannot write {}", mark.display()))?;
    Ok(Ok(()))
}
