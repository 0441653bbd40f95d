//! `processes list|show|history|add|edit|import|export|remove` and `create-sample-processes`.

use std::fs;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{Output, cell, table};
use crate::control::{Answer, Caller, Request};
use crate::domain::process::MAX_SCRIPT_BYTES;
use crate::processes::Draft;

mod export;
mod folder;
mod samples;

pub use samples::create as create_samples;

#[derive(Subcommand)]
pub enum ProcessesCommand {
    /// List processes by code, 100 a page
    List {
        /// Only those with this in code or name
        #[arg(long)]
        search: Option<String>,
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        page: u32,
    },
    /// Print the script of a process; everything about it with --json
    Show { code: String },
    /// List what a process was before, newest first
    History {
        code: String,
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        page: u32,
    },
    /// Store a new process
    Add(AddArgs),
    /// Change a process: its name, or its script in your editor ($VISUAL, $EDITOR)
    Edit {
        code: String,
        #[arg(long)]
        name: Option<String>,
        /// Take the script from this file (- for standard input) instead of an editor
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Store every .py file of a folder, new or changed; the file's name is the code
    Import {
        folder: PathBuf,
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// Write every process into a folder as CODE.py
    Export { folder: PathBuf },
    /// Remove a process; its history stays
    Remove { code: String },
}

#[derive(Args)]
pub struct AddArgs {
    /// Unique; never changes
    code: String,
    /// The script's file, - for standard input
    #[arg(long)]
    file: PathBuf,
    /// What people call it; the code when not given
    #[arg(long)]
    name: Option<String>,
}

pub async fn run(caller: &Caller, command: ProcessesCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        ProcessesCommand::List { search, page } => {
            let found = caller.call(Request::ProcessList { search, page }).await?;
            output.print(&found, list);
        }
        ProcessesCommand::Show { code } => {
            let found = caller.call(Request::ProcessShow { code }).await?;
            output.print(&found, |found| {
                print!("{}", found["script"].as_str().unwrap_or_default());
            });
        }
        ProcessesCommand::History { code, page } => {
            let found = caller.call(Request::ProcessVersions { code, page }).await?;
            output.print(&found, history);
        }
        ProcessesCommand::Add(args) => {
            let process = Draft {
                name: args.name,
                code: args.code,
                script: read_script(&args.file)?,
            };
            let made = caller.call(Request::ProcessAdd { process }).await?;
            output.print(&made, |made| println!("stored {}", cell(&made["code"])));
        }
        ProcessesCommand::Edit { code, name, file } => {
            let put = edit(caller, code, name, file).await?;
            print_writes(&put, output);
        }
        ProcessesCommand::Import { folder, dry_run } => {
            return folder::import(caller, &folder, dry_run, output).await;
        }
        ProcessesCommand::Export { folder } => return export::export(caller, &folder, output).await,
        ProcessesCommand::Remove { code } => {
            let gone = caller.call(Request::ProcessRemove { code }).await?;
            output.print(&gone, |gone| println!("removed {}", cell(&gone["code"])));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(found: &Value) {
    let columns = [
        ("code", "CODE"),
        ("name", "NAME"),
        ("size", "BYTES"),
        ("updated_at", "CHANGED"),
    ];
    table(
        &found["results"],
        &columns,
        "no processes; `hookyard processes import FOLDER` stores some",
    );
    let (count, shown) = (
        found["count"].as_u64().unwrap_or(0),
        found["results"].as_array().map_or(0, Vec::len),
    );
    if count > shown as u64 {
        println!("{count} in all; --page shows more");
    }
}

fn history(found: &Value) {
    let mut rows = found["results"].clone();
    for row in rows.as_array_mut().into_iter().flatten() {
        if row["script"].is_null() {
            row["size"] = json!("removed");
        }
    }
    let columns = [
        ("version", "VERSION"),
        ("changed_at", "CHANGED"),
        ("changed_by", "BY"),
        ("size", "BYTES"),
        ("name", "NAME"),
    ];
    table(&rows, &columns, "no versions");
}

/// Prints what came of writes, a line each.
fn print_writes(answer: &Answer, output: Output) {
    output.print(answer, |rows| {
        for row in rows.as_array().into_iter().flatten() {
            println!("{} {}", cell(&row["result"]), cell(&row["code"]));
        }
    });
}

async fn edit(
    caller: &Caller,
    code: String,
    name: Option<String>,
    file: Option<PathBuf>,
) -> anyhow::Result<Answer> {
    let known = caller
        .call(Request::ProcessShow { code: code.clone() })
        .await?
        .value();
    let text = |key: &str| known[key].as_str().unwrap_or_default().to_owned();
    let script = match (&file, &name) {
        (Some(file), _) => read_script(file)?,
        (None, Some(_)) => text("script"),
        (None, None) => in_editor(&text("script"))?,
    };
    let draft = Draft { code, name, script };
    caller
        .call(Request::ProcessPut {
            processes: vec![draft],
            dry_run: false,
        })
        .await
}

/// The script as the person's editor left it.
fn in_editor(script: &str) -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal for an editor; give the script with --file");
    }
    let editor = ["VISUAL", "EDITOR"]
        .into_iter()
        .find_map(|name| {
            std::env::var_os(name)?
                .into_string()
                .ok()
                .filter(|value| !value.is_empty())
        })
        .unwrap_or_else(|| "vi".to_owned());
    let file = tempfile_of(script)?;
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let ended = std::process::Command::new(program)
        .args(words)
        .arg(file.path())
        .status()
        .with_context(|| format!("cannot start the editor `{editor}` ($VISUAL, $EDITOR)"))?;
    if !ended.success() {
        bail!("the editor ended with {ended}; nothing was changed");
    }
    read_script(file.path())
}

fn tempfile_of(script: &str) -> anyhow::Result<tempfile::NamedTempFile> {
    let file = tempfile::Builder::new()
        .prefix("hookyard-")
        .suffix(".py")
        .tempfile()?;
    fs::write(file.path(), script)?;
    Ok(file)
}

/// A script from a file or, for `-`, from standard input.
fn read_script(path: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let limit = MAX_SCRIPT_BYTES as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().take(limit).read_to_end(&mut bytes)?;
    } else {
        let file = fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        file.take(limit).read_to_end(&mut bytes)?;
    }
    script_of(bytes).map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))
}

/// A file's bytes as a script; what is wrong, with the mend.
fn script_of(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.len() > MAX_SCRIPT_BYTES {
        return Err("it is larger than 2 MiB, the most a script may have".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!(
            "byte {at} is not UTF-8; save the file as UTF-8 (`iconv -f latin1 -t utf-8` converts Latin-1)"
        )
    })
}
