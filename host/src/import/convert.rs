//! Rows of the old service as what Hookyard keeps.

use bytes::Bytes;

use crate::auth::django::DjangoHash;
use crate::auth::password::{UNUSABLE, is_usable};
use crate::domain::access::Role;
use crate::domain::event::{EventStatus, LEFT_UNDONE, MAX_NAME_CHARS, PastEvent};
use crate::domain::id::{EventId, ProcessId, UserId};
use crate::domain::process::{Process, wrong_code, wrong_name, wrong_script};
use crate::domain::time::Timestamp;
use crate::domain::user::{NewUser, User};
use crate::store::django::{Row, Table};

/// Django's own table.
pub(super) const USERS: Table = Table {
    name: "auth_user",
    columns: &[
        "id",
        "username",
        "email",
        "first_name",
        "last_name",
        "is_staff",
        "is_active",
        "date_joined",
        "last_login",
        "password",
        "is_superuser",
    ],
    page: 500,
};

/// Webhooks as the old service received them.
pub(super) const EVENTS: Table = Table {
    name: "webhooks_webhookevent",
    columns: &[
        "id",
        "source",
        "payload",
        "received_at",
        "processed_at",
        "status",
        "error_message",
    ],
    page: 50,
};

/// Its scripts.
pub(super) const PROCESSES: Table = Table {
    name: "integrations_process",
    columns: &["id", "code", "name", "script", "created_at", "updated_at"],
    page: 20,
};

/// Why a row is not taken over.
pub(super) type Refusal = String;

/// A user; the second part says that a new password is needed.
pub(super) fn user(row: &Row) -> Result<(NewUser, bool), Refusal> {
    let row = row.whole()?;
    let username = row.text(1);
    if username.is_empty() {
        return Err("it has no username".to_owned());
    }
    let hash = row.text(9);
    let (password_hash, locked) = match hash.strip_prefix("argon2$") {
        // Django puts its own word before the standard form.
        Some(rest) if is_usable(&format!("${rest}")) => (format!("${rest}"), false),
        None if DjangoHash::parse(hash).is_some() => (hash.to_owned(), false),
        _ => (UNUSABLE.to_owned(), true),
    };
    let user = User {
        id: UserId::imported(row.text(0)),
        username: username.to_owned(),
        email: row.text(2).to_owned(),
        first_name: row.text(3).to_owned(),
        last_name: row.text(4).to_owned(),
        role: role(row.flag(10), row.flag(5)),
        is_active: row.flag(6),
        date_joined: moment(row, 7)?,
        last_login: row.opt(8).map(|_| moment(row, 8)).transpose()?,
        signed_out_at: None,
    };
    Ok((NewUser { user, password_hash }, locked))
}

/// What an account may do here. Staff of the old service could change what runs; accounts only superusers could.
const fn role(is_superuser: bool, is_staff: bool) -> Role {
    match (is_superuser, is_staff) {
        (true, _) => Role::Admin,
        (false, true) => Role::Operator,
        (false, false) => Role::Sender,
    }
}

/// An event, and whether the old service had not dealt with it.
pub(super) fn event(row: &Row) -> Result<(PastEvent, bool), Refusal> {
    let row = row.whole()?;
    let payload = row.text(2);
    let body = if serde_json::from_str::<serde::de::IgnoredAny>(payload).is_ok() {
        payload.to_owned()
    } else {
        // Kept as what it is, a text.
        serde_json::Value::from(payload).to_string()
    };
    let received_at = moment(row, 3)?;
    let (status, open) = match row.text(5) {
        "processed" => (EventStatus::Processed, false),
        "failed" => (EventStatus::Failed, false),
        _ => (EventStatus::Failed, true),
    };
    let error = row.opt(6).filter(|error| !error.is_empty());
    let source: String = row.text(1).trim().chars().take(MAX_NAME_CHARS).collect();
    let event = PastEvent {
        id: EventId::imported(row.text(0)),
        source: if source.is_empty() {
            "unknown".to_owned()
        } else {
            source
        },
        event_type: "unknown".to_owned(),
        content_type: "application/json".to_owned(),
        body: Bytes::from(body),
        received_at,
        processed_at: row
            .opt(4)
            .map(|_| moment(row, 4))
            .transpose()?
            .filter(|_| !open)
            .or((!open).then_some(received_at)),
        status,
        error_message: match (open, error) {
            (true, _) => Some(LEFT_UNDONE.to_owned()),
            (false, error) => error.map(str::to_owned),
        },
    };
    Ok((event, open))
}

/// A process. One without a name is called by its code.
pub(super) fn process(row: &Row) -> Result<Process, Refusal> {
    let row = row.whole()?;
    let (code, script) = (row.text(1), row.text(3));
    let name = Some(row.text(2)).filter(|name| !name.is_empty()).unwrap_or(code);
    for (what, wrong) in [
        ("code", wrong_code(code)),
        ("name", wrong_name(name)),
        ("script", wrong_script(script)),
    ] {
        if let Some(wrong) = wrong {
            return Err(format!("{what}: {wrong}"));
        }
    }
    Ok(Process {
        id: ProcessId::imported(row.text(0)),
        code: code.to_owned(),
        name: name.to_owned(),
        script: script.to_owned(),
        created_at: moment(row, 4)?,
        updated_at: moment(row, 5)?,
    })
}

/// `2024-01-02 03:04:05.678`, in UTC where nothing else is said, as Django keeps it in SQLite; PostgreSQL adds `+00`.
fn moment(row: &Row, at: usize) -> Result<Timestamp, Refusal> {
    let text = row.text(at);
    let iso = text.replacen(' ', "T", 1);
    let zoned = iso.ends_with('Z')
        || iso
            .split_once('T')
            .is_some_and(|(_, time)| time.contains(['+', '-']));
    let iso = if zoned { iso } else { format!("{iso}Z") };
    Timestamp::parse(&iso).map_err(|_| format!("`{text}` is no moment"))
}
