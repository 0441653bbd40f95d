//! Does the commands about stored scripts.

use anyhow::{anyhow, bail};
use serde_json::json;

use super::{Answer, Request};
use crate::app::App;
use crate::domain::page::{MAX_PAGE_SIZE, PageRequest};
use crate::domain::process::{Process, ProcessVersion, ProcessWrite, PutMode};

/// Does one command about processes.
pub(super) async fn execute(app: &App, request: Request, by: &str) -> anyhow::Result<Answer> {
    match request {
        Request::ProcessList { search, page } => list(app, search.as_deref(), page).await,
        Request::ProcessShow { code } => {
            let found = app.store.process(&code).await?;
            show(&found.ok_or_else(|| no_process(&code))?)
        }
        Request::ProcessVersions { code, page } => versions(app, &code, page).await,
        Request::ProcessAdd { process } => show(&app.processes().create(process, by).await?),
        Request::ProcessPut { processes, dry_run } => {
            let mode = if dry_run { PutMode::Try } else { PutMode::Keep };
            let codes: Vec<String> = processes.iter().map(|draft| draft.code.clone()).collect();
            let writes = app.processes().put(processes, mode, by).await?;
            let rows = codes.iter().zip(writes).map(|(code, write)| {
                let result = match write {
                    ProcessWrite::Created => "created",
                    ProcessWrite::Updated => "updated",
                    ProcessWrite::Unchanged => "unchanged",
                };
                json!({"code": code, "result": result})
            });
            Answer::of(&rows.collect::<Vec<_>>())
        }
        Request::ProcessRemove { code } => {
            app.processes().remove(&code, by).await?;
            Answer::of(&json!({"code": code, "result": "removed"}))
        }
        _ => bail!("this is no command about processes"),
    }
}

fn no_process(code: &str) -> anyhow::Error {
    anyhow!("there is no process `{code}`; `hookyard processes list` shows all")
}

fn show(process: &Process) -> anyhow::Result<Answer> {
    Answer::of(&json!({
        "id": process.id.to_string(),
        "code": process.code,
        "name": process.name,
        "script": process.script,
        "created_at": process.created_at,
        "updated_at": process.updated_at,
    }))
}

async fn list(app: &App, search: Option<&str>, page: u32) -> anyhow::Result<Answer> {
    let page = PageRequest {
        page,
        size: MAX_PAGE_SIZE,
    };
    let found = app.store.process_page(search, page).await?;
    let rows: Vec<_> = found
        .items
        .iter()
        .map(|process| {
            json!({
                "id": process.id.to_string(),
                "code": process.code,
                "name": process.name,
                "size": process.size,
                "created_at": process.created_at,
                "updated_at": process.updated_at,
            })
        })
        .collect();
    Answer::of(&json!({"count": found.total, "results": rows}))
}

async fn versions(app: &App, code: &str, page: u32) -> anyhow::Result<Answer> {
    let page = PageRequest {
        page,
        size: MAX_PAGE_SIZE,
    };
    let found = app.store.process_versions(code, page).await?;
    if found.total == 0 {
        return Err(no_process(code));
    }
    let row = |version: &ProcessVersion| {
        json!({
            "version": version.version,
            "name": version.name,
            "size": version.script.as_ref().map(String::len),
            "changed_at": version.changed_at,
            "changed_by": version.changed_by,
            "script": version.script,
        })
    };
    let rows: Vec<_> = found.items.iter().map(row).collect();
    Answer::of(&json!({"count": found.total, "results": rows}))
}
