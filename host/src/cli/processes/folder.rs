//! Folders of `.py` files: in and out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};

use super::super::output::{Output, cell};
use super::script_of;
use crate::control::{Answer, Caller, Request};
use crate::processes::{Draft, MAX_WRITES};

/// Most bytes of scripts in one request to the server.
const MAX_REQUEST_BYTES: usize = 8 << 20;

/// Most files that one import takes.
const MAX_FILES: usize = 100_000;

/// What stands in a file name as it is; the rest is written as `%XX`, so that no code leads out of
/// the folder or collides with another. Capital letters are written so too where two codes differ
/// in nothing else.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b' ');

/// Stores every `.py` file of a folder.
pub async fn import(
    caller: &Caller,
    folder: &Path,
    dry_run: bool,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let mut results = Vec::new();
    let mut batch = Batch::default();
    for path in files(folder)? {
        match draft(&path) {
            Ok(draft) if dry_run => results.push(would(caller, draft).await?),
            Ok(draft) => {
                if batch.is_full(&draft) {
                    results.extend(batch.send(caller).await?);
                }
                batch.add(draft);
            }
            Err(why) => results.push(json!({"file": path, "result": "failed", "reason": why})),
        }
    }
    results.extend(batch.send(caller).await?);
    let failed = count(&results, "failed");
    output.print(&Answer::of(&results)?, |_| show(&results));
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Scripts that wait for one request.
#[derive(Default)]
struct Batch {
    drafts: Vec<Draft>,
    bytes: usize,
}

impl Batch {
    fn is_full(&self, next: &Draft) -> bool {
        self.drafts.len() >= MAX_WRITES || self.bytes + next.script.len() > MAX_REQUEST_BYTES
    }

    fn add(&mut self, draft: Draft) {
        self.bytes += draft.script.len();
        self.drafts.push(draft);
    }

    async fn send(&mut self, caller: &Caller) -> anyhow::Result<Vec<Value>> {
        let Self { drafts, .. } = std::mem::take(self);
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let answer = caller.call(Request::ProcessPut { processes: drafts }).await?;
        Ok(answer.value().as_array().cloned().unwrap_or_default())
    }
}

/// What a write would come to.
async fn would(caller: &Caller, draft: Draft) -> anyhow::Result<Value> {
    let request = Request::ProcessShow {
        code: draft.code.clone(),
    };
    let result = match caller.call(request).await {
        Ok(known) if known.value()["script"] == draft.script.as_str() => "unchanged",
        Ok(_) => "updated",
        Err(_) => "created",
    };
    Ok(json!({"code": draft.code, "result": result}))
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

fn draft(path: &Path) -> Result<Draft, String> {
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .ok_or("its name is not UTF-8; rename it")?;
    let code = percent_decode_str(stem)
        .decode_utf8()
        .map_err(|_| "its name has a % that is no escape; rename it")?
        .into_owned();
    let script = script_of(fs::read(path).map_err(|error| format!("it cannot be read: {error}"))?)?;
    Ok(Draft {
        name: code.clone(),
        code,
        script,
    })
}

/// Writes every process into a folder.
pub async fn export(caller: &Caller, folder: &Path, output: Output) -> anyhow::Result<ExitCode> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut written = Vec::new();
    for page in 1.. {
        let found = caller
            .call(Request::ProcessList { search: None, page })
            .await?
            .value();
        let rows = found["results"].as_array().cloned().unwrap_or_default();
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let code = row["code"].as_str().unwrap_or_default().to_owned();
            written.push(export_one(caller, folder, code).await?);
        }
    }
    output.print(&Answer::of(&written)?, |_| {
        println!("{} processes written into {}", written.len(), folder.display());
    });
    Ok(ExitCode::SUCCESS)
}

async fn export_one(caller: &Caller, folder: &Path, code: String) -> anyhow::Result<Value> {
    let request = Request::ProcessShow { code: code.clone() };
    let process = caller.call(request).await?.value();
    let file = folder.join(format!("{}.py", utf8_percent_encode(&code, PLAIN)));
    let script = process["script"].as_str().unwrap_or_default();
    fs::write(&file, script).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(json!({"code": code, "file": file}))
}

fn count(results: &[Value], result: &str) -> usize {
    results.iter().filter(|row| row["result"] == result).count()
}

fn show(results: &[Value]) {
    for row in results.iter().filter(|row| row["result"] == "failed") {
        println!("failed {}: {}", cell(&row["file"]), cell(&row["reason"]));
    }
    let told = ["created", "updated", "unchanged", "failed"]
        .map(|result| format!("{} {result}", count(results, result)));
    println!("{}", told.join(", "));
}
