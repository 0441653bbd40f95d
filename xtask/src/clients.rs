//! What the plugins write, read back by the clients that people use: gspread, `slack_sdk` and `PyGithub`.
//!
//! The stand-ins are ours, and so is what talks to them. These clients are not: what they read is what a vendor's
//! users would.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::plugins;
use crate::process::Interrupt;
use crate::python;
use crate::run;
use crate::stage::{Host, HostOptions, REPOSITORY, SPREADSHEET};
use crate::standins::Standins;
use crate::steps::Ended;
use crate::workspace::{Workspace, on_path, run_to_end};

/// The sheet that the table goes to.
const SHEET: &str = "Clients";

/// What Slack's stand-in is told.
const MESSAGE: &str = "Written by a plugin: *bold*, é, 日本, 🚀";

/// Write through the plugins, read through the clients, compare.
///
/// # Errors
/// When something is read back that was not written.
pub fn run(workspace: &Workspace) -> anyhow::Result<Ended> {
    let Some(python) = on_path("python3") else {
        return Ok(Ended::Skipped(
            "no Python; apt-get install python3-venv".to_owned(),
        ));
    };
    let folder = workspace.path("tests/clients");
    let python = match environment(workspace, &python, &folder, "clients")? {
        Ok(python) => python,
        Err(why) => return Ok(Ended::Skipped(why)),
    };
    let binary = run::build(workspace, false)?;
    plugins::run(workspace, &plugins::Options { fixtures: false })?;
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let _interrupt = Interrupt::catch()?;
    let standins = Standins::start(workspace, dir.path())?;
    let options = HostOptions {
        plugins_file: None,
        variables: &[],
        binary: &binary,
        listen: "127.0.0.1:0",
        data_dir: dir.path(),
        standins: Some(&standins),
    };
    let host = Host::start(workspace, &options)?;
    let written = write(&host, &standins, dir.path())
        .with_context(|| format!("the host's log ends with\n{}\n", host.tail()))?;
    let told = json!({
        "standins": standins.described(),
        "google_key": standins.google_key,
        "written": written,
    });
    let file = dir.path().join("written.json");
    fs::write(&file, told.to_string()).with_context(|| format!("cannot write {}", file.display()))?;
    let mut command = Command::new(python);
    // Loopback: a proxy of the environment is not ours to ask.
    command
        .arg(folder.join("read_back.py"))
        .arg(&file)
        .env("NO_PROXY", "*");
    run_to_end(&mut command, "reading back")?;
    host.stop()?;
    standins.stop()?;
    Ok(Ended::Done)
}

/// A virtual environment called `name` with what the folder requires: its Python, or why there is none.
pub fn environment(
    workspace: &Workspace,
    python: &Path,
    folder: &Path,
    name: &str,
) -> anyhow::Result<Result<PathBuf, String>> {
    let root = workspace.target_dir().join("tools").join(name);
    let made = python::environment(python, &root, &folder.join("requirements.txt"))?;
    Ok(made.map(|()| root.join("bin/python")))
}

/// Has each plugin write; what was given to them.
fn write(host: &Host, standins: &Standins, dir: &Path) -> anyhow::Result<Value> {
    let mut written = table(host, dir)?;
    let message = json!({"text": MESSAGE}).to_string();
    host.hookyard(&["plugins", "run", "slack-sdk", "send-message", "--input", &message])?;
    written["message"] = json!(MESSAGE);
    written["files"] = json!(scripts(host, dir)?);
    written["repository"] = json!(format!("{}/{REPOSITORY}", standins.told("github", "owner")));
    Ok(written)
}

/// A table, and one row more.
fn table(host: &Host, dir: &Path) -> anyhow::Result<Value> {
    let columns = json!(["Name", "Score", "Good", "Note"]);
    let rows = json!([
        ["Ada", 98.5, true, "=1+1 is text"],
        ["Grace 🚀", 7, false, "+44 20"],
        ["日本", -3, true, "@home"],
    ]);
    let row = json!(["Added", 1, false, "=HYPERLINK(\"x\")"]);
    let lists: Vec<&Value> = [&columns]
        .into_iter()
        .chain(rows.as_array().into_iter().flatten())
        .collect();
    let file = dir.join("table.json");
    fs::write(&file, json!(lists).to_string()).with_context(|| format!("cannot write {}", file.display()))?;
    let file = file.display().to_string();
    host.hookyard(&["write-to-gsheet", &file, "--sheet", SHEET])?;
    let cells: serde_json::Map<String, Value> = columns
        .as_array()
        .into_iter()
        .flatten()
        .zip(row.as_array().into_iter().flatten())
        .filter_map(|(title, cell)| Some((title.as_str()?.to_owned(), cell.clone())))
        .collect();
    let input = json!({"sheet": SHEET, "row": cells}).to_string();
    host.hookyard(&["plugins", "run", "gsheets", "append-row", "--input", &input])?;
    Ok(json!({"spreadsheet": SPREADSHEET, "sheet": SHEET, "columns": columns, "rows": rows, "row": row}))
}

/// Scripts, imported and backed up: the files that the repository must have.
fn scripts(host: &Host, dir: &Path) -> anyhow::Result<BTreeMap<&'static str, &'static str>> {
    let files = BTreeMap::from([
        ("report.py", "print('report')\n"),
        ("日本.py", "print('日本')\r\n"),
        ("launch-🚀.py", "# 🚀\n\n\tprint(\"é \\\\ 'x'\")"),
        ("empty.py", ""),
    ]);
    let folder = dir.join("scripts");
    fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, script) in &files {
        fs::write(folder.join(name), script).with_context(|| format!("cannot write {name}"))?;
    }
    host.hookyard(&["processes", "import", &folder.display().to_string()])?;
    host.hookyard(&["backup-processes"])?;
    Ok(files)
}
