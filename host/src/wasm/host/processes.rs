//! `hookyard:plugin/processes`: pages of the stored scripts, for those who may read them.

use super::{HostState, RunContext};
use crate::domain::grant::Permission;
use crate::domain::process::Process as Stored;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::wasm::abi::v0_1::processes::{self, Process, ProcessError};
use crate::wasm::rights;

/// Most processes of one page; the WIT interface promises it.
const MAX_PAGE: usize = 1_000;
/// Most bytes of script of one page; the WIT interface promises it. A single larger script comes
/// alone, or nobody could ever page past it.
const MAX_PAGE_BYTES: usize = 4 << 20;
/// Rows read at once, so that a page of large scripts is not read whole to be cut.
const CHUNK: u32 = 50;
/// What the operator must have granted.
const PERMISSION: Permission = Permission::ReadProcesses;

impl processes::Host for HostState {
    async fn page(
        &mut self,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<Process>, ProcessError>> {
        self.asks()?;
        let Some(run) = &self.context else {
            return Ok(Err(ProcessError::Unavailable(
                "`describe` has no processes".to_owned(),
            )));
        };
        Ok(page(run, after, limit).await)
    }
}

async fn page(run: &RunContext, mut after: Option<String>, limit: u32) -> Result<Vec<Process>, ProcessError> {
    check(run)?;
    let limit = usize::try_from(limit).unwrap_or(MAX_PAGE).min(MAX_PAGE);
    let mut page: Vec<Process> = Vec::new();
    let mut bytes = 0;
    while page.len() < limit {
        let chunk = run
            .deps
            .store
            .processes(after.as_deref(), CHUNK)
            .await
            .map_err(|error| unreadable(&error))?;
        let last = chunk.len() < CHUNK as usize;
        for process in chunk {
            bytes += process.script.len();
            if page.len() == limit || (bytes > MAX_PAGE_BYTES && !page.is_empty()) {
                return Ok(page);
            }
            after = Some(process.code.clone());
            page.push(convert(process));
        }
        if last {
            break;
        }
    }
    Ok(page)
}

/// A damaged record is named by its code: only a person can mend it.
fn unreadable(error: &StoreError) -> ProcessError {
    tracing::warn!(%error, "the processes could not be read for a plugin");
    ProcessError::Unavailable(match error {
        StoreError::Corrupt { row, .. } => format!(
            "a stored process cannot be read: {error}; store it anew with `hookyard processes import FOLDER`, where \
             FOLDER has its file, or remove it with `hookyard processes remove {row}`"
        ),
        _ => "the database did not answer; return a retry failure".to_owned(),
    })
}

fn check(run: &RunContext) -> Result<(), ProcessError> {
    let plugin = &run.standing.name;
    if !run
        .manifest
        .permissions
        .iter()
        .any(|asked| asked == PERMISSION.as_str())
    {
        return Err(ProcessError::NotGranted(format!(
            "the manifest does not ask for the permission `{PERMISSION}`"
        )));
    }
    let spec = run.standing.spec();
    if !spec.grants.permissions.contains(&Permission::ReadProcesses) {
        return Err(ProcessError::NotGranted(format!(
            "the permission `{PERMISSION}` is not granted; {}",
            rights::permission_lines(plugin, &spec.grants, PERMISSION.as_str())
        )));
    }
    Ok(())
}

fn convert(process: Stored) -> Process {
    let millis = |at: Timestamp| u64::try_from(at.as_millis()).unwrap_or(0);
    Process {
        created_at: millis(process.created_at),
        updated_at: millis(process.updated_at),
        code: process.code,
        name: process.name,
        script: process.script,
    }
}
