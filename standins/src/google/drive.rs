//! The methods of Drive v3 that the stand-in serves: files, permissions, shared drives.
//!
//! Source: <https://developers.google.com/workspace/drive/api/reference/rest/v3>.

use serde_json::{Map, Value, json};

use super::access::{Called, in_scope};
use super::book::Spreadsheet;
use super::drive_list;
use super::files::{File, Mime, Permission, Role};
use super::mask::Mask;
use super::refusal::{Code, Outcome, Refusal};
use super::sharing;
use super::state::State;

/// Runs a call.
pub fn run(called: &Called<'_>, state: &mut State, fields: Option<&Mask>) -> Outcome<Value> {
    let file = |value: Value| shown(&value, fields, &["kind", "id", "name", "mimeType"]);
    match called.method.id.as_str() {
        "drive.files.list" => drive_list::list(called, state, fields),
        "drive.files.get" => {
            let found = readable(called, state)?;
            Ok(file(json_of(called, state, found)))
        }
        "drive.files.create" => create(called, state).map(file),
        "drive.files.update" => update(called, state).map(file),
        "drive.files.delete" => delete(called, state),
        "drive.permissions.create" => {
            sharing::share(called, state).map(|made| shown(&made, fields, &["kind", "id", "type", "role"]))
        }
        "drive.permissions.list" => sharing::permissions(called, state, fields),
        "drive.permissions.delete" => sharing::unshare(called, state),
        "drive.drives.list" => Ok(sharing::drives(called, state, fields)),
        "drive.drives.get" => {
            sharing::drive(called, state).map(|drive| shown(&drive, fields, &["kind", "id", "name"]))
        }
        other => Err(Refusal::unimplemented(other)),
    }
}

/// The fields asked for, or those that Drive shows when none are.
pub fn shown(value: &Value, fields: Option<&Mask>, standard: &[&str]) -> Value {
    let Some(mask) = fields else {
        let kept = value.as_object().into_iter().flatten();
        let kept = kept.filter(|(name, _)| standard.contains(&name.as_str()));
        return Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect());
    };
    mask.keep(value)
}

/// The file of the path when the caller may see it; everything else is as if it were not there.
pub fn readable<'a>(called: &Called<'_>, state: &'a State) -> Outcome<&'a File> {
    let id = called.part("fileId");
    let visible = state.files.role(id, &called.token.email).is_some() && in_scope(called, state, id);
    let file = state.files.by_id.get(id).filter(|_| visible);
    let file = file.ok_or_else(|| Refusal::no_file(id))?;
    if file.drive.is_some() && !called.query.flag("supportsAllDrives") {
        return Err(Refusal {
            note: Some("the file is in a shared drive and supportsAllDrives is not true".into()),
            ..Refusal::no_file(id)
        });
    }
    Ok(file)
}

/// Refuses a caller whose role is too weak.
pub fn need(called: &Called<'_>, state: &State, id: &str, role: Role) -> Outcome<()> {
    if state.files.role(id, &called.token.email) >= Some(role) {
        return Ok(());
    }
    Err(Refusal::new(
        Code::PermissionDenied,
        "The user does not have sufficient permissions for this file.",
    )
    .reason("insufficientFilePermissions"))
}

fn stamp(micros: i64) -> String {
    let moment = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// A file as Drive describes it whole.
pub fn json_of(called: &Called<'_>, state: &State, file: &File) -> Value {
    let role = state.files.role(&file.id, &called.token.email);
    let owners: Vec<Value> = file
        .permissions
        .iter()
        .filter(|permission| permission.role == Role::Owner)
        .map(|permission| json!({"kind": "drive#user", "emailAddress": permission.who, "displayName": permission.who}))
        .collect();
    let mine = owners
        .iter()
        .any(|owner| owner["emailAddress"] == called.token.email.as_str());
    let mut out = json!({
        "kind": "drive#file",
        "id": file.id,
        "name": file.name,
        "mimeType": file.mime,
        "parents": file.parents,
        "trashed": file.trashed,
        "createdTime": stamp(file.created_micros),
        "modifiedTime": stamp(file.modified_micros),
        "shared": file.permissions.len() > 1 || file.drive.is_some(),
        "capabilities": {"canEdit": role >= Some(Role::Writer), "canShare": role >= Some(Role::Writer)},
    });
    if file.mime == Mime::SPREADSHEET {
        out["webViewLink"] = json!(format!("{}/spreadsheets/d/{}", called.shared.base_url, file.id));
    }
    if let Some(drive) = &file.drive {
        out["driveId"] = json!(drive);
    } else {
        out["owners"] = json!(owners);
        out["ownedByMe"] = json!(mine);
    }
    if role >= Some(Role::Writer) {
        out["permissions"] = file.permissions.iter().map(Permission::json).collect();
    }
    out
}

/// The folders named, each one that the caller may write to.
fn parents(called: &Called<'_>, state: &State, named: &[String]) -> Outcome<Vec<String>> {
    let mut folders = Vec::new();
    for id in named.iter().filter(|id| *id != "root") {
        let drive = state.files.drive_of(id);
        let folder = state.files.drives.contains_key(id)
            || state
                .files
                .by_id
                .get(id)
                .is_some_and(|file| file.mime == Mime::FOLDER);
        let seen = state.files.role(id, &called.token.email).is_some() && in_scope(called, state, id);
        if !folder || !seen || (drive.is_some() && !called.query.flag("supportsAllDrives")) {
            return Err(Refusal::no_file(id));
        }
        need(called, state, id, Role::Writer)?;
        folders.push(id.clone());
    }
    if folders.len() > 1 {
        return Err(Refusal::invalid("A file cannot be in more than one folder.")
            .reason("multipleParentsNotSupported"));
    }
    Ok(folders)
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

fn create(called: &Called<'_>, state: &mut State) -> Outcome<Value> {
    let mime = called.body["mimeType"]
        .as_str()
        .unwrap_or("application/octet-stream");
    if mime != Mime::SPREADSHEET && mime != Mime::FOLDER {
        return Err(Refusal::unimplemented(&format!("files of type {mime}")));
    }
    let folders = parents(called, state, &texts(&called.body["parents"]))?;
    let drive = folders.iter().find_map(|folder| state.files.drive_of(folder));
    state.check_storage(called.token, drive.as_deref())?;
    let name = called.body["name"].as_str().unwrap_or("Untitled");
    let now = state.now_micros();
    let id = state.files.add(name, mime, &called.token.email, folders, now);
    if let Some(file) = state.files.by_id.get_mut(&id) {
        file.by_client = true;
    }
    if mime == Mime::SPREADSHEET {
        state.books.insert(id.clone(), Spreadsheet::new(id.clone(), name));
    }
    let file = state.files.by_id.get(&id).ok_or_else(|| Refusal::no_file(&id))?;
    Ok(json_of(called, state, file))
}

/// Fields of a file that the stand-in lets change.
const CHANGEABLE: [&str; 3] = ["name", "trashed", "mimeType"];

fn update(called: &Called<'_>, state: &mut State) -> Outcome<Value> {
    let mut file = readable(called, state)?.clone();
    need(called, state, &file.id, Role::Writer)?;
    let sent = called.body.as_object().cloned().unwrap_or_default();
    if let Some(name) = sent.keys().find(|name| !CHANGEABLE.contains(&name.as_str())) {
        return Err(Refusal::new(
            Code::PermissionDenied,
            "The resource body includes fields which are not directly writable.",
        )
        .reason(if name == "parents" {
            "fieldNotWritable"
        } else {
            "forbidden"
        }));
    }
    let ids = |name: &str| -> Vec<String> {
        let text = called.query.one(name).unwrap_or_default();
        text.split(',')
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (added, removed) = (parents(called, state, &ids("addParents"))?, ids("removeParents"));
    let mut parents: Vec<String> = file
        .parents
        .iter()
        .filter(|id| !removed.contains(id))
        .cloned()
        .collect();
    if !added.is_empty() {
        parents = added;
    }
    if parents != file.parents {
        let drive = parents.iter().find_map(|id| state.files.drive_of(id));
        if file.drive.is_some() && drive.is_none() {
            return Err(Refusal::new(
                Code::PermissionDenied,
                "A shared drive item must have exactly one parent.",
            )
            .reason("teamDrivesFolderMoveInNotSupported"));
        }
        if drive.is_some() {
            file.permissions
                .retain(|permission| permission.role != Role::Owner);
        }
        (file.parents, file.drive) = (parents, drive);
    }
    change(&mut file, &sent);
    file.modified_micros = state.now_micros();
    if let Some(book) = state.books.get_mut(&file.id) {
        book.title.clone_from(&file.name);
    }
    let id = file.id.clone();
    state.files.by_id.insert(id.clone(), file);
    let file = state.files.by_id.get(&id).ok_or_else(|| Refusal::no_file(&id))?;
    Ok(json_of(called, state, file))
}

fn change(file: &mut File, sent: &Map<String, Value>) {
    if let Some(name) = sent.get("name").and_then(Value::as_str) {
        name.clone_into(&mut file.name);
    }
    if let Some(trashed) = sent.get("trashed").and_then(Value::as_bool) {
        file.trashed = trashed;
    }
}

fn delete(called: &Called<'_>, state: &mut State) -> Outcome<Value> {
    let file = readable(called, state)?;
    let (id, role) = (
        file.id.clone(),
        if file.drive.is_some() {
            Role::Organizer
        } else {
            Role::Owner
        },
    );
    need(called, state, &id, role)?;
    state.files.by_id.remove(&id);
    state.books.remove(&id);
    Ok(Value::Null)
}
