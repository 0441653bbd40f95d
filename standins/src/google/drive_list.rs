//! `files.list`: searching, in pages.

use serde_json::{Value, json};

use super::access::{Called, in_scope};
use super::drive::{json_of, shown};
use super::drive_query;
use super::files::File;
use super::mask::Mask;
use super::refusal::{Code, Outcome, Refusal};
use super::state::State;

/// Files on a page when nothing else is asked, and at most.
const PAGE_STANDARD: usize = 100;
const PAGE_MAX: usize = 1_000;

/// The files that the caller may see and that the query takes, newest change first.
pub fn list(called: &Called<'_>, state: &State, fields: Option<&Mask>) -> Outcome<Value> {
    let query = called.query;
    let wanted = drive_query::parse(query.one("q").unwrap_or_default()).ok_or_else(|| {
        Refusal::invalid("Invalid Value")
            .reason("invalid")
            .at("parameter", "q")
    })?;
    let with_drives = query.flag("includeItemsFromAllDrives");
    if with_drives && !query.flag("supportsAllDrives") {
        return Err(Refusal::new(
            Code::PermissionDenied,
            "The supportsAllDrives parameter must be true when includeItemsFromAllDrives is true.",
        )
        .reason("teamDrivesParameterInvalid"));
    }
    let corpora = query.one("corpora").unwrap_or("user");
    if (corpora == "drive") != query.one("driveId").is_some() {
        return Err(Refusal::new(
            Code::PermissionDenied,
            "The driveId parameter must be specified if and only if corpora is set to drive.",
        )
        .reason("teamDrivesParameterInvalid"));
    }
    let mut found: Vec<&File> = state
        .files
        .by_id
        .values()
        .filter(|file| file.drive.is_none() || with_drives)
        .filter(|file| {
            query
                .one("driveId")
                .is_none_or(|drive| file.drive.as_deref() == Some(drive))
        })
        .filter(|file| state.files.role(&file.id, &called.token.email).is_some())
        .filter(|file| in_scope(called, state, &file.id))
        .filter(|file| wanted.takes(file, called.token))
        .collect();
    sort(&mut found, query.one("orderBy").unwrap_or("modifiedTime desc"))?;
    page(called, state, &found, fields)
}

/// Sorts by a key, or by the first of several. Of Drive's keys those that a test has asked for.
/// <https://developers.google.com/workspace/drive/api/reference/rest/v3/files/list>
fn sort(files: &mut [&File], order: &str) -> Outcome<()> {
    let (key, descending) = order
        .strip_suffix(" desc")
        .map_or((order, false), |key| (key, true));
    match key {
        "createdTime" => files.sort_by_key(|file| (file.created_micros, file.number)),
        "modifiedTime" => files.sort_by_key(|file| (file.modified_micros, file.number)),
        "name" => files.sort_by(|a, b| a.name.cmp(&b.name)),
        other => return Err(Refusal::unimplemented(&format!("orderBy {other}"))),
    }
    if descending {
        files.reverse();
    }
    Ok(())
}

fn page(called: &Called<'_>, state: &State, found: &[&File], fields: Option<&Mask>) -> Outcome<Value> {
    let wrong = |name| {
        Refusal::invalid("Invalid Value")
            .reason("invalid")
            .at("parameter", name)
    };
    let size = match called.query.one("pageSize").map(str::parse::<usize>) {
        None => PAGE_STANDARD,
        Some(Ok(size)) if (1..=PAGE_MAX).contains(&size) => size,
        Some(_) => return Err(wrong("pageSize")),
    };
    let start = match called.query.one("pageToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => token
            .strip_prefix("~from-")
            .and_then(|start| start.parse::<usize>().ok())
            .ok_or_else(|| wrong("pageToken"))?,
    };
    let files: Vec<Value> = found
        .iter()
        .skip(start)
        .take(size)
        .map(|file| json_of(called, state, file))
        .collect();
    let mut out = json!({"kind": "drive#fileList", "incompleteSearch": false});
    if start + files.len() < found.len() {
        out["nextPageToken"] = json!(format!("~from-{}", start + files.len()));
    }
    out["files"] = if fields.is_some() {
        json!(files)
    } else {
        files
            .into_iter()
            .map(|file| shown(&file, None, &["kind", "id", "name", "mimeType"]))
            .collect()
    };
    Ok(fields.map_or_else(|| out.clone(), |mask| mask.keep(&out)))
}
