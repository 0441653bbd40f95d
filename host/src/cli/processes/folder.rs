//! Folders of `.py` files: in.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::super::output::{Output, cell};
use super::read_script;
use crate::control::{Answer, Caller, Request};
use crate::processes::{Draft, MAX_WRITES};

/// Most bytes of scripts in one request to the server.
const MAX_REQUEST_BYTES: usize = 8 << 20;

/// Most files that one import takes.
const MAX_FILES: usize = 100_000;

/// Stores every `.py` file of a folder.
pub async fn import(
    caller: &Caller,
    folder: &Path,
    dry_run: bool,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let mut results = Vec::new();
    let mut batch = Batch {
        dry_run,
        ..Batch::default()
    };
    let mut codes = HashMap::new();
    for path in files(folder)? {
        match draft(&path, &mut codes) {
            Ok(draft) => {
                if batch.is_full(&draft) {
                    results.extend(batch.send(caller).await);
                }
                batch.add(path, draft);
            }
            Err(why) => results.push(failed(&path, &why)),
        }
    }
    results.extend(batch.send(caller).await);
    let failures = count(&results, "failed");
    output.print(&Answer::of(&results)?, |_| show(&results));
    Ok(if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Scripts that wait for one request, and the files they come from.
#[derive(Default)]
struct Batch {
    dry_run: bool,
    paths: Vec<PathBuf>,
    drafts: Vec<Draft>,
    bytes: usize,
}

impl Batch {
    fn is_full(&self, next: &Draft) -> bool {
        self.drafts.len() >= MAX_WRITES || self.bytes + next.script.len() > MAX_REQUEST_BYTES
    }

    fn add(&mut self, path: PathBuf, draft: Draft) {
        self.bytes += draft.script.len();
        self.paths.push(path);
        self.drafts.push(draft);
    }

    /// Stores what waits, all or none of it; what came of each file.
    async fn send(&mut self, caller: &Caller) -> Vec<Value> {
        let paths = std::mem::take(&mut self.paths);
        let request = Request::ProcessPut {
            processes: std::mem::take(&mut self.drafts),
            dry_run: self.dry_run,
        };
        self.bytes = 0;
        if paths.is_empty() {
            return Vec::new();
        }
        match caller.call(request).await {
            Ok(answer) => answer.value().as_array().cloned().unwrap_or_default(),
            Err(error) => {
                let why = format!("{error:#}");
                paths.iter().map(|path| failed(path, &why)).collect()
            }
        }
    }
}

fn failed(path: &Path, why: &str) -> Value {
    json!({"file": path, "result": "failed", "reason": why})
}

/// The `.py` files of a folder by name; others and folders within are left alone.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "py") {
            files.push(path);
        }
        if files.len() > MAX_FILES {
            bail!(
                "{} has more than {MAX_FILES} .py files; import it in parts",
                folder.display()
            );
        }
    }
    if files.is_empty() {
        bail!("{} has no .py files", folder.display());
    }
    files.sort();
    Ok(files)
}

/// A file as a script to store. `codes` are those of the files before it.
fn draft(path: &Path, codes: &mut HashMap<String, PathBuf>) -> Result<Draft, String> {
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .ok_or("its name is not UTF-8; rename it")?;
    let code = percent_decode_str(stem)
        .decode_utf8()
        .map_err(|_| "its name has a % that is no escape; rename it")?
        .into_owned();
    if let Some(other) = codes.get(&code) {
        return Err(format!("{} has the same code, {code}", other.display()));
    }
    let draft = Draft {
        script: read_script(path).map_err(|error| error.root_cause().to_string())?,
        name: None,
        code: code.clone(),
    };
    draft.check().map_err(|error| error.to_string())?;
    codes.insert(code, path.to_owned());
    Ok(draft)
}

pub(super) fn count(results: &[Value], result: &str) -> usize {
    results.iter().filter(|row| row["result"] == result).count()
}

pub(super) fn show_failures(results: &[Value]) {
    for row in results.iter().filter(|row| row["result"] == "failed") {
        println!("failed {}: {}", cell(&row["file"]), cell(&row["reason"]));
    }
}

fn show(results: &[Value]) {
    show_failures(results);
    let told = ["created", "updated", "unchanged", "failed"]
        .map(|result| format!("{} {result}", count(results, result)));
    println!("{}", told.join(", "));
}
