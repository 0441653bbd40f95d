//! Files one by one: `/repos/{owner}/{repo}/contents/{path}`.

use bytes::Bytes;
use hyper::StatusCode;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

use super::call::{Answer, Call, Outcome};
use super::data::{check_size, decode, encode, people};
use super::git::{Entry, Mode, ObjectId};
use super::refs::parse_sha;
use super::refusal::Refusal;
use super::shapes;
use super::trees::check_path;

/// Bytes of a file whose content is still answered inline
/// (<https://docs.github.com/rest/repos/contents#get-repository-content>).
const INLINE_BYTES_MAX: usize = 1024 * 1024;

/// Entries of a folder that are answered (the same page).
const FOLDER_ENTRIES_MAX: usize = 1_000;

/// What is escaped in the path of an address.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'%');

/// `GET …/contents/{path}`
pub fn get(call: &mut Call) -> Outcome {
    let repository = call.repo()?;
    let path = call.param("path").trim_matches('/').to_owned();
    if repository.is_empty() {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "This repository is empty."));
    }
    let branch = call
        .query
        .get("ref")
        .cloned()
        .unwrap_or_else(|| repository.default_branch.clone());
    let commit = repository.resolve(&branch).ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            format!("No commit found for the ref {branch}"),
        )
    })?;
    let root = repository.tree_of(commit).ok_or_else(Refusal::not_found)?;
    let entry = if path.is_empty() {
        Some(Entry {
            mode: Mode::Directory,
            id: root,
        })
    } else {
        repository.objects.at(root, &path)
    };
    let entry = entry.ok_or_else(Refusal::not_found)?;
    if entry.mode == Mode::Directory {
        return Ok(Answer::ok(json!(folder(call, &branch, &path, entry.id)?)));
    }
    let content = repository.objects.blob(entry.id).cloned().unwrap_or_default();
    if call.wants_raw() {
        return Ok(Answer::raw(content));
    }
    let mut out = file(call, &branch, &path, entry)?;
    let inline = content.len() <= INLINE_BYTES_MAX;
    out["content"] = json!(if inline { encode(&content) } else { String::new() });
    out["encoding"] = json!(if inline { "base64" } else { "none" });
    Ok(Answer::ok(out))
}

/// `PUT …/contents/{path}`
pub fn put(call: &mut Call) -> Outcome {
    let path = call.param("path").to_owned();
    check_path("path", &path)?;
    let content = decode(call.text("content").unwrap_or_default())?;
    check_size(call, content.len())?;
    let branch = target_branch(call)?;
    check_place(call, &branch, &path)?;
    let old = current(call, &branch, &path)?;
    match (call.text("sha"), old) {
        (None, Some(_)) => return Err(Refusal::invalid_request("\"sha\" wasn't supplied.")),
        (Some(sha), old) => check_sha(sha, old, &path)?,
        (None, None) => {}
    }
    let commit = commit(call, &branch, &path, Some(content))?;
    let entry = current(call, &branch, &path)?.ok_or_else(Refusal::not_found)?;
    let body = json!({"content": file(call, &branch, &path, entry)?, "commit": commit});
    let status = if old.is_some() {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    Ok(Answer::new(status, body))
}

/// `DELETE …/contents/{path}`
pub fn remove(call: &mut Call) -> Outcome {
    let path = call.param("path").to_owned();
    let branch = target_branch(call)?;
    let old = current(call, &branch, &path)?.ok_or_else(Refusal::not_found)?;
    check_sha(call.text("sha").unwrap_or_default(), Some(old), &path)?;
    let commit = commit(call, &branch, &path, None)?;
    Ok(Answer::ok(json!({"content": null, "commit": commit})))
}

/// The branch to write to: in an empty repository it is made, in any other it must be there.
fn target_branch(call: &Call) -> Result<String, Refusal> {
    let repository = call.repo()?;
    let branch = call.text("branch").unwrap_or(&repository.default_branch);
    if repository.branch(branch).is_none() && !repository.is_empty() {
        let message = format!("Branch {branch} not found");
        return Err(Refusal::new(StatusCode::NOT_FOUND, message));
    }
    Ok(branch.to_owned())
}

fn current(call: &Call, branch: &str, path: &str) -> Result<Option<Entry>, Refusal> {
    let repository = call.repo()?;
    let root = repository
        .branch(branch)
        .and_then(|commit| repository.tree_of(commit));
    Ok(root
        .and_then(|root| repository.objects.at(root, path))
        .filter(|entry| entry.mode != Mode::Directory))
}

/// A file cannot take the place of a folder, nor a folder that of a file.
fn check_place(call: &Call, branch: &str, path: &str) -> Result<(), Refusal> {
    let repository = call.repo()?;
    let root = repository
        .branch(branch)
        .and_then(|commit| repository.tree_of(commit));
    let Some(root) = root else { return Ok(()) };
    let is_folder = |path: &str| {
        let entry = repository.objects.at(root, path)?;
        Some(entry.mode == Mode::Directory)
    };
    let above = path.match_indices('/').map(|(at, _)| &path[..at]);
    if is_folder(path) == Some(true) || above.into_iter().any(|above| is_folder(above) == Some(false)) {
        return Err(Refusal::invalid_request(
            "path contains a malformed path component",
        ));
    }
    Ok(())
}

fn check_sha(sha: &str, old: Option<Entry>, path: &str) -> Result<(), Refusal> {
    let sha = parse_sha(sha)?;
    if old.is_some_and(|old| old.id == sha) {
        return Ok(());
    }
    Err(Refusal::conflict(format!("{path} does not match {sha}")))
}

fn commit(call: &mut Call, branch: &str, path: &str, content: Option<Bytes>) -> Result<Value, Refusal> {
    let (author, committer) = people(call)?;
    let message = call.text("message").unwrap_or_default().to_owned();
    let repository = call.repo_mut()?;
    let changes = vec![(path.to_owned(), content)];
    let id = repository
        .commit_onto(branch, changes, &message, author, committer)
        .map_err(|error| Refusal::unprocessable(error.to_string()))?;
    let made = repository
        .objects
        .commit(id)
        .cloned()
        .ok_or_else(Refusal::not_found)?;
    let full = repository.full_name();
    Ok(shapes::git_commit(call.base, &full, id, &made))
}

fn folder(call: &Call, branch: &str, path: &str, id: ObjectId) -> Result<Vec<Value>, Refusal> {
    let tree = call.repo()?.objects.tree(id).ok_or_else(Refusal::not_found)?;
    let prefix = if path.is_empty() {
        String::new()
    } else {
        format!("{path}/")
    };
    tree.iter()
        .take(FOLDER_ENTRIES_MAX)
        .map(|(name, entry)| file(call, branch, &format!("{prefix}{name}"), *entry))
        .collect()
}

/// A file or folder without its content.
fn file(call: &Call, branch: &str, path: &str, entry: Entry) -> Result<Value, Refusal> {
    let repository = call.repo()?;
    let api = call.repo_url()?;
    let encoded = utf8_percent_encode(path, ESCAPED).to_string();
    let url = format!("{api}/contents/{encoded}?ref={branch}");
    let html = format!("{}/ui/{}/blob/{encoded}", call.base, repository.full_name());
    let (kind, git) = match entry.mode {
        Mode::Directory => ("dir", "trees"),
        Mode::Symlink => ("symlink", "blobs"),
        // Called a file for compatibility, and without an address to load it from.
        Mode::Submodule => ("file", "trees"),
        Mode::File | Mode::Executable => ("file", "blobs"),
    };
    let git_url = format!("{api}/git/{git}/{}", entry.id);
    let raw = format!(
        "{}/ui/{}/raw/{encoded}?ref={branch}",
        call.base,
        repository.full_name()
    );
    Ok(json!({
        "name": path.rsplit('/').next(),
        "path": path,
        "sha": entry.id,
        "size": repository.objects.blob(entry.id).map_or(0, Bytes::len),
        "url": url,
        "html_url": html,
        "git_url": git_url,
        "download_url": (kind == "file" && entry.mode != Mode::Submodule).then_some(raw),
        "type": kind,
        "_links": {"self": url, "git": git_url, "html": html},
    }))
}
