//! Drive's permissions and shared drives.

use serde_json::{Value, json};

use super::access::Called;
use super::drive::{need, readable, shown};
use super::files::{Permission, Role, SharedDrive};
use super::mask::Mask;
use super::refusal::{Code, Outcome, Refusal};
use super::state::State;

/// `permissions.create` on a file or on a shared drive.
pub fn share(called: &Called<'_>, state: &mut State) -> Outcome<Value> {
    let id = called.part("fileId").to_owned();
    let wrong = |text: &str| Refusal::invalid(text.to_owned()).reason("required");
    let body = |name: &str| called.body[name].as_str().unwrap_or_default();
    let role = Role::named(body("role")).ok_or_else(|| wrong("The permission role field is required."))?;
    let kind = body("type");
    let who = match kind {
        "user" | "group" if !body("emailAddress").contains('@') => {
            return Err(Refusal::invalid(
                "The specified emailAddress is invalid or not applicable for the given permission type.",
            )
            .reason("invalidSharingRequest"));
        }
        "user" | "group" => body("emailAddress"),
        "domain" if body("domain").is_empty() => {
            return Err(wrong(
                "The domain field is required for permissions of type domain.",
            ));
        }
        "domain" => body("domain"),
        "anyone" => "",
        _ => return Err(wrong("The permission type field is required.")),
    };
    let of_drive = state.files.drives.contains_key(&id);
    if of_drive {
        need(called, state, &id, Role::Organizer)?;
    } else {
        readable(called, state)?;
        need(called, state, &id, Role::Writer)?;
    }
    if role == Role::Owner {
        let moves = called.query.flag("transferOwnership");
        let reason = if moves {
            "consentRequiredForOwnershipTransfer"
        } else {
            "forbidden"
        };
        let text = if moves {
            "Consent is required to transfer ownership of a file to another user."
        } else {
            "The transferOwnership parameter must be enabled when the permission role is 'owner'."
        };
        return Err(Refusal::new(Code::PermissionDenied, text).reason(reason));
    }
    let made = Permission::new(kind, role, who);
    let held = if of_drive {
        state.files.drives.get_mut(&id).map(|drive| &mut drive.members)
    } else {
        state.files.by_id.get_mut(&id).map(|file| &mut file.permissions)
    };
    let held = held.ok_or_else(|| Refusal::no_file(&id))?;
    // Someone who has one already keeps its id and gets the new role, unless an owner's.
    if let Some(known) = held
        .iter_mut()
        .find(|known| known.kind == made.kind && known.who.eq_ignore_ascii_case(&made.who))
    {
        if known.role != Role::Owner {
            known.role = made.role;
        }
        return Ok(known.json());
    }
    let answer = made.json();
    held.push(made);
    Ok(answer)
}

/// `permissions.list`.
pub fn permissions(called: &Called<'_>, state: &State, fields: Option<&Mask>) -> Outcome<Value> {
    let id = called.part("fileId");
    let listed: Vec<Value> = if let Some(drive) = state.files.drives.get(id) {
        need(called, state, id, Role::Reader).map_err(|_| Refusal::no_file(id))?;
        drive.members.iter().map(Permission::json).collect()
    } else {
        let file = readable(called, state)?;
        need(called, state, id, Role::Writer)?;
        let of_drive = file
            .drive
            .as_ref()
            .and_then(|drive| state.files.drives.get(drive));
        let members = of_drive.into_iter().flat_map(|drive| &drive.members);
        file.permissions
            .iter()
            .chain(members)
            .map(Permission::json)
            .collect()
    };
    let kept = |mask: Option<&Mask>| -> Vec<Value> {
        let each = listed.iter().cloned();
        each.map(|permission| match mask {
            Some(_) => permission,
            None => shown(&permission, None, &["kind", "id", "type", "role"]),
        })
        .collect()
    };
    let out = json!({"kind": "drive#permissionList", "permissions": kept(fields)});
    Ok(fields.map_or_else(|| out.clone(), |mask| mask.keep(&out)))
}

/// `permissions.delete`.
pub fn unshare(called: &Called<'_>, state: &mut State) -> Outcome<Value> {
    let (id, permission) = (called.part("fileId").to_owned(), called.part("permissionId"));
    readable(called, state)?;
    need(called, state, &id, Role::Writer)?;
    let file = state
        .files
        .by_id
        .get_mut(&id)
        .ok_or_else(|| Refusal::no_file(&id))?;
    let before = file.permissions.len();
    file.permissions
        .retain(|known| known.id != permission || known.role == Role::Owner);
    if file.permissions.len() == before {
        return Err(
            Refusal::new(Code::NotFound, format!("Permission not found: {permission}."))
                .reason("notFound")
                .at("parameter", "permissionId"),
        );
    }
    Ok(Value::Null)
}

fn drive_json(drive: &SharedDrive) -> Value {
    json!({"kind": "drive#drive", "id": drive.id, "name": drive.name})
}

/// `drives.list`: those the caller is a member of.
pub fn drives(called: &Called<'_>, state: &State, fields: Option<&Mask>) -> Value {
    let mine = state
        .files
        .drives
        .values()
        .filter(|drive| state.files.role(&drive.id, &called.token.email).is_some());
    let out = json!({"kind": "drive#driveList", "drives": mine.map(drive_json).collect::<Vec<_>>()});
    fields.map_or_else(|| out.clone(), |mask| mask.keep(&out))
}

/// `drives.get`.
pub fn drive(called: &Called<'_>, state: &State) -> Outcome<Value> {
    let id = called.part("driveId");
    let found = state.files.drives.get(id);
    found
        .filter(|_| state.files.role(id, &called.token.email).is_some())
        .map(drive_json)
        .ok_or_else(|| {
            Refusal::new(Code::NotFound, format!("Shared drive not found: {id}"))
                .reason("notFound")
                .at("parameter", "driveId")
        })
}
