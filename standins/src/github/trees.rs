//! The git data API's trees: `/repos/{owner}/{repo}/git/trees`.

use bytes::Bytes;
use serde_json::{Value, json};

use super::call::{Answer, Call, Outcome};
use super::data::check_size;
use super::git::{Entry, Kind, Mode, Object, ObjectId};
use super::refs::parse_sha;
use super::refusal::Refusal;

/// `GET …/git/trees/{tree_sha}`: a tree's, a commit's or a branch's name; with any `recursive` the whole, cut at the
/// bounds and then marked `truncated`.
pub fn get(call: &mut Call) -> Outcome {
    let repository = call.repo()?.with_commits()?;
    let asked = call.param("tree_sha");
    let tree = ObjectId::parse(asked).filter(|id| repository.objects.tree(*id).is_some());
    let named = || {
        repository
            .resolve(asked)
            .and_then(|commit| repository.tree_of(commit))
    };
    let id = tree.or_else(named).ok_or_else(Refusal::not_found)?;
    let whole = call.query.contains_key("recursive");
    let (mut entries, mut bytes, mut truncated) = (Vec::new(), 0, false);
    for (path, entry) in repository.objects.walk(id) {
        if !whole && path.contains('/') {
            continue;
        }
        let shape = shape(call, &path, entry)?;
        bytes += shape.to_string().len();
        truncated = whole
            && (entries.len() >= call.state.limits.tree_entries || bytes > call.state.limits.tree_bytes);
        if truncated {
            break;
        }
        entries.push(shape);
    }
    Ok(Answer::ok(answer(call, id, &entries, truncated)?))
}

/// `POST …/git/trees`
pub fn create(call: &mut Call) -> Outcome {
    let repository = call.repo()?.with_commits()?;
    let base = match call.text("base_tree") {
        None => None,
        Some(text) => {
            let id = parse_sha(text)?;
            let tree = repository.tree_of(id).unwrap_or(id);
            repository
                .objects
                .tree(tree)
                .ok_or_else(|| Refusal::unprocessable("base_tree is not a valid tree oid"))?;
            Some(tree)
        }
    };
    let items = call.body.remove("tree");
    let items = items
        .as_ref()
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        return Err(Refusal::unprocessable("Invalid tree info"));
    }
    check_inline(call, items)?;
    let mut changes = Vec::with_capacity(items.len());
    for item in items {
        changes.push(change(call, item)?);
    }
    let made = call.repo_mut()?.objects.edit(base, changes);
    let id = made.map_err(|error| Refusal::unprocessable(format!("GitRPC::BadObjectState: {error}")))?;
    let entries: Vec<Value> = call
        .repo()?
        .objects
        .walk(id)
        .into_iter()
        .filter(|(path, _)| !path.contains('/'))
        .map(|(path, entry)| shape(call, &path, entry))
        .collect::<Result<_, _>>()?;
    Ok(Answer::created(answer(call, id, &entries, false)?))
}

/// Inline content beyond what GitHub is known to take is refused as GitHub refuses it: by giving up.
fn check_inline(call: &Call, items: &[Value]) -> Result<(), Refusal> {
    let inline: usize = items
        .iter()
        .filter_map(|item| item["content"].as_str())
        .map(str::len)
        .sum();
    if inline <= call.state.limits.tree_inline_bytes {
        return Ok(());
    }
    Err(Refusal::unprocessable(
        "Sorry, your request timed out. It's likely that your input was too large to process. Consider building the \
         tree incrementally, or building the commits you need in a local clone of the repository and then pushing \
         them to GitHub.",
    ))
}

/// One change of a new tree: an entry, or its removal.
fn change(call: &mut Call, item: &Value) -> Result<(String, Option<Entry>), Refusal> {
    let path = item["path"].as_str().unwrap_or_default();
    check_path("tree.path", path)?;
    let mode = item["mode"].as_str().and_then(Mode::parse);
    let mode = mode.ok_or_else(|| Refusal::unprocessable("Must supply a valid tree.mode"))?;
    let kind = item["type"].as_str();
    if kind.is_some_and(|kind| kind != mode.kind().as_str()) {
        let message = format!("tree.type does not match tree.mode {}", mode.as_str());
        return Err(Refusal::unprocessable(message));
    }
    let entry = match (item.get("sha"), item["content"].as_str()) {
        (Some(Value::Null), None) => None,
        (Some(sha), None) => {
            let id = parse_sha(sha.as_str().unwrap_or_default())?;
            check_object(call, mode, id)?;
            Some(Entry { mode, id })
        }
        (None, Some(content)) if mode.kind() == Kind::Blob => {
            check_size(call, content.len())?;
            let content = Bytes::copy_from_slice(content.as_bytes());
            let id = call.repo_mut()?.objects.put_blob(content);
            Some(Entry { mode, id })
        }
        (None, Some(_)) => {
            return Err(Refusal::unprocessable("tree.content is for blobs only"));
        }
        _ => {
            return Err(Refusal::unprocessable(
                "Must supply either tree.sha or tree.content. Sending both is not allowed.",
            ));
        }
    };
    Ok((path.to_owned(), entry))
}

fn check_object(call: &Call, mode: Mode, id: ObjectId) -> Result<(), Refusal> {
    let fits = match (call.repo()?.objects.get(id), mode.kind()) {
        (Some(Object::Blob(_)), Kind::Blob) | (Some(Object::Tree(_)), Kind::Tree) | (_, Kind::Commit) => true,
        (None | Some(_), Kind::Blob | Kind::Tree) => false,
    };
    if fits {
        return Ok(());
    }
    let message = format!("tree.sha {id} is not a valid {}", mode.kind().as_str());
    Err(Refusal::unprocessable(message))
}

/// Refuses a path that git would not take. `name` is what the path is called in the request.
pub fn check_path(name: &str, path: &str) -> Result<(), Refusal> {
    if path.is_empty() {
        return Err(Refusal::unprocessable(format!("{name} cannot be empty")));
    }
    if path.starts_with('/') {
        return Err(Refusal::unprocessable(format!(
            "{name} cannot start with a slash"
        )));
    }
    let malformed = |part: &str| {
        part.is_empty()
            || part == "."
            || part == ".."
            || part.eq_ignore_ascii_case(".git")
            || part.contains('\0')
    };
    if path.split('/').any(malformed) {
        let message = format!("{name} contains a malformed path component");
        return Err(Refusal::unprocessable(message));
    }
    Ok(())
}

fn shape(call: &Call, path: &str, entry: Entry) -> Result<Value, Refusal> {
    let url = call.repo_url()?;
    let (mode, id) = (entry.mode, entry.id);
    let mut out = json!({"path": path, "mode": mode.as_str(), "type": mode.kind().as_str(), "sha": id});
    match mode.kind() {
        Kind::Blob => {
            out["size"] = json!(call.repo()?.objects.blob(id).map_or(0, Bytes::len));
            out["url"] = json!(format!("{url}/git/blobs/{id}"));
        }
        Kind::Tree => out["url"] = json!(format!("{url}/git/trees/{id}")),
        Kind::Commit => {}
    }
    Ok(out)
}

fn answer(call: &Call, id: ObjectId, entries: &[Value], truncated: bool) -> Result<Value, Refusal> {
    let url = format!("{}/git/trees/{id}", call.repo_url()?);
    Ok(json!({"sha": id, "url": url, "tree": entries, "truncated": truncated}))
}
