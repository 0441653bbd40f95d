//! `/control/…`: faults, keys, clock, quotas, files, and what arrived; for scripts, as [`super::Google`] is for
//! tests.

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::{Permission, Role};
use super::{Quota, Shared};
use crate::fault::Fault;
use crate::wire::{Received, Reply};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyChange {
    revoked: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    skew_seconds: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StorageChange {
    accounts_own_files: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSpreadsheet {
    title: String,
    owner: String,
    folder: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewDrive {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewShare {
    id: String,
    email: String,
    #[serde(default)]
    role: Option<String>,
}

/// Answers a control request; `path` starts after `/control/`.
pub fn answer(shared: &Shared, path: &str, received: &Received) -> Reply {
    match (received.method.clone(), path) {
        (Method::GET, "faults") => Reply::json(StatusCode::OK, &json!(shared.faults.waiting())),
        (Method::POST, "faults") => change(received, |fault: Fault| {
            shared.inject(fault).map_err(|error| error.to_string())?;
            Ok(done())
        }),
        (Method::DELETE, "faults") => {
            shared.faults.clear();
            Reply::json(StatusCode::OK, &done())
        }
        (Method::POST, "reset") => {
            shared.reset();
            Reply::json(StatusCode::OK, &done())
        }
        (Method::GET, "requests") => Reply::json(StatusCode::OK, &json!(shared.journal.requests())),
        (Method::GET, "service-account") => {
            let file = shared.state().account.key_file(&shared.base_url);
            Reply::json(StatusCode::OK, &file)
        }
        (Method::POST, _) => set(shared, path, received),
        _ => Reply::json(StatusCode::NOT_FOUND, &hint()),
    }
}

fn set(shared: &Shared, path: &str, received: &Received) -> Reply {
    match path {
        "key" => change(received, |to: KeyChange| {
            shared.state().account.revoked = to.revoked;
            Ok(done())
        }),
        "expire-tokens" => {
            shared.state().tokens.clear();
            Reply::json(StatusCode::OK, &done())
        }
        "clock" => change(received, |to: ClockChange| {
            shared.state().skew_s = to.skew_seconds;
            Ok(done())
        }),
        "quota" => change(received, |quota: Quota| {
            shared.state().meter.set(quota);
            Ok(done())
        }),
        "storage" => change(received, |to: StorageChange| {
            shared.state().accounts_own_files = to.accounts_own_files;
            Ok(done())
        }),
        "spreadsheets" => change(received, |new: NewSpreadsheet| {
            let parents = new.folder.into_iter().collect();
            let id = shared.state().add_book(&new.title, &new.owner, parents);
            Ok(json!({ "id": id }))
        }),
        "drives" => change(received, |new: NewDrive| {
            Ok(json!({ "id": shared.state().add_shared_drive(&new.name) }))
        }),
        "share" => change(received, |new: NewShare| share(shared, &new)),
        _ => Reply::json(StatusCode::NOT_FOUND, &hint()),
    }
}

fn share(shared: &Shared, new: &NewShare) -> Result<Value, String> {
    let name = new.role.as_deref().unwrap_or("writer");
    let role = Role::named(name).ok_or_else(|| format!("no role is called {name:?}"))?;
    let mut state = shared.state();
    let files = &mut state.files;
    let held = match files.drives.get_mut(&new.id) {
        Some(drive) => Some(&mut drive.members),
        None => files.by_id.get_mut(&new.id).map(|file| &mut file.permissions),
    };
    let held = held.ok_or_else(|| format!("no file, folder or shared drive has the id {:?}", new.id))?;
    held.push(Permission::new("user", role, &new.email));
    Ok(done())
}

fn change<T: serde::de::DeserializeOwned>(
    received: &Received,
    apply: impl FnOnce(T) -> Result<Value, String>,
) -> Reply {
    let read = serde_json::from_slice(&received.body).map_err(|error| error.to_string());
    match read.and_then(apply) {
        Ok(answer) => Reply::json(StatusCode::OK, &answer),
        Err(error) => Reply::json(StatusCode::BAD_REQUEST, &json!({ "error": error })),
    }
}

fn done() -> Value {
    json!({ "ok": true })
}

fn hint() -> Value {
    json!({
        "error": "no such control",
        "controls": {
            "GET|POST|DELETE /control/faults": "faults: {target, kind, times}",
            "GET /control/service-account": "the key file",
            "POST /control/key": "{revoked}",
            "POST /control/expire-tokens": "every access token expires",
            "POST /control/clock": "{skew_seconds}",
            "POST /control/quota": "{read_per_user, write_per_user, read_per_project, write_per_project}",
            "POST /control/storage": "{accounts_own_files}",
            "POST /control/spreadsheets": "{title, owner, folder?}: gives the id",
            "POST /control/drives": "{name}: a shared drive; gives the id",
            "POST /control/share": "{id, email, role?}",
            "POST /control/reset": "forget spreadsheets, files, tokens, requests and faults",
            "GET /control/requests": "what was asked, with verdicts",
        },
    })
}
