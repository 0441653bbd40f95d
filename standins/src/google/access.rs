//! A call of Sheets or Drive, in the order Google checks: who, with which scope, within which quota, the form
//! of the request, and only then what it means.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answering::{Answered, accepted, bearer};
use super::check;
use super::contract::{Family, Method};
use super::drive;
use super::files::Role;
use super::query::Query;
use super::refusal::{Code, Outcome, Refusal};
use super::sheets::{self, Call};
use super::state::{State, Token};
use super::{Mime, Shared};
use crate::wire::Received;

/// The scope that shows only files made through the interface.
const FILE_SCOPE: &str = "https://www.googleapis.com/auth/drive.file";

/// Answers a call whose method is known.
pub fn answer(shared: &Shared, received: &Received) -> Answered {
    let Some((method, path)) = shared.contract.route(received.method.as_str(), &received.path) else {
        return Answered::refused(Family::Sheets, &Refusal::no_spreadsheet());
    };
    let mut warnings = Vec::new();
    let mut answered = match run(shared, method, &path, received, &mut warnings) {
        Ok(value) => Answered::of(accepted(&value), None),
        Err(refusal) => Answered::refused(method.family, &refusal),
    };
    answered.warnings.append(&mut warnings);
    answered
}

fn run(
    shared: &Shared,
    method: &Method,
    path: &BTreeMap<String, String>,
    received: &Received,
    warnings: &mut Vec<String>,
) -> Outcome<Value> {
    let mut state = shared.state();
    let in_query = url::form_urlencoded::parse(received.query.as_bytes())
        .find(|(name, _)| name == "access_token" || name == "oauth_token")
        .map(|(_, token)| token.into_owned());
    let token = state
        .token(bearer(received, in_query.as_deref()).as_deref())?
        .clone();
    check_scope(method, &token)?;
    if method.family == Family::Sheets {
        let (now, project) = (state.now_s(), state.account.project.clone());
        state.meter.take(method.reads(), &token.email, &project, now)?;
    }
    let query = Query::read(method, &received.query, warnings)?;
    check_media(method, received)?;
    let body = check::body(&shared.contract, method, &received.body)?;
    let fields = query.fields(&shared.contract, method)?;
    let called = Called {
        shared,
        method,
        path,
        query: &query,
        body: &body,
        token: &token,
    };
    match method.family {
        Family::Drive => drive::run(&called, &mut state, fields.as_ref()),
        Family::Sheets => {
            let answer = spreadsheet(&called, &mut state, fields.as_ref())?;
            Ok(fields.map_or_else(|| answer.clone(), |mask| mask.keep(&answer)))
        }
    }
}

/// A checked call.
#[derive(Clone, Copy)]
pub struct Called<'a> {
    /// The stand-in.
    pub shared: &'a Shared,
    /// The method.
    pub method: &'a Method,
    /// What the path holds.
    pub path: &'a BTreeMap<String, String>,
    /// The query.
    pub query: &'a Query,
    /// The body in normal form.
    pub body: &'a Value,
    /// Who calls.
    pub token: &'a Token,
}

impl Called<'_> {
    /// A part of the path; empty when it has none of that name.
    pub fn part(&self, name: &str) -> &str {
        self.path.get(name).map(String::as_str).unwrap_or_default()
    }
}

fn check_scope(method: &Method, token: &Token) -> Outcome<()> {
    if method.scopes.iter().any(|scope| token.scopes.contains(scope)) {
        return Ok(());
    }
    let service = match method.family {
        Family::Sheets => "sheets.googleapis.com",
        Family::Drive => "drive.googleapis.com",
    };
    Err(Refusal::new(
        Code::PermissionDenied,
        "Request had insufficient authentication scopes.",
    )
    .reason("insufficientPermissions")
    .info(
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "googleapis.com",
        &json!({"service": service, "method": method.id}),
    ))
}

/// A body that is not JSON is read as query parameters by Google, and then refused.
fn check_media(method: &Method, received: &Received) -> Outcome<()> {
    let kind = received.header("content-type").unwrap_or("application/json");
    let plain = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if method.request.is_none() || received.body.is_empty() || plain.ends_with("json") {
        return Ok(());
    }
    let body: String = String::from_utf8_lossy(&received.body)
        .chars()
        .take(200)
        .collect();
    Err(Refusal::violations(&[(
        String::new(),
        format!(
            "Invalid JSON payload received. Unknown name \"{body}\": Cannot bind query parameter. Field could not be found in request message."
        ),
    )]))
}

/// Whether a file is visible by the scopes that let the call in: `drive.file` alone shows what was made with it.
pub fn in_scope(called: &Called<'_>, state: &State, id: &str) -> bool {
    let mut accepted = called
        .method
        .scopes
        .iter()
        .filter(|scope| called.token.scopes.contains(scope));
    let only_own = accepted.all(|scope| scope == FILE_SCOPE);
    !only_own || state.files.by_id.get(id).is_some_and(|file| file.by_client)
}

fn spreadsheet(called: &Called<'_>, state: &mut State, fields: Option<&super::mask::Mask>) -> Outcome<Value> {
    let name = called.method.id.trim_start_matches("sheets.spreadsheets.");
    if name == "create" {
        return create(called, state);
    }
    let id = called.part("spreadsheetId");
    permit(called, state, id)?;
    let mut book = if called.method.reads() {
        state.books.remove(id)
    } else {
        state.books.get(id).cloned()
    }
    .ok_or_else(Refusal::no_spreadsheet)?;
    let call = Call {
        name,
        range: called.part("range"),
        metadata_id: called.part("metadataId"),
        query: called.query,
        body: called.body,
        fields,
        contract: &called.shared.contract,
        base_url: &called.shared.base_url,
    };
    let answer = sheets::run(&call, &mut book);
    if called.method.reads() {
        state.books.insert(id.to_owned(), book);
        return answer;
    }
    if answer.is_ok() {
        let now = state.now_micros();
        if let Some(file) = state.files.by_id.get_mut(id) {
            file.modified_micros = now;
            file.name.clone_from(&book.title);
        }
        state.books.insert(id.to_owned(), book);
    }
    answer
}

/// 404 for what is not there or not to be seen with this scope, 403 for what was not shared.
fn permit(called: &Called<'_>, state: &State, id: &str) -> Outcome<()> {
    let known = state.files.by_id.get(id).filter(|_| in_scope(called, state, id));
    let file = known.ok_or_else(Refusal::no_spreadsheet)?;
    if file.mime != Mime::SPREADSHEET {
        return Err(Refusal::new(
            Code::FailedPrecondition,
            "This operation is not supported for this document",
        ));
    }
    let needed = if called.method.reads() {
        Role::Reader
    } else {
        Role::Writer
    };
    if state.files.role(id, &called.token.email) >= Some(needed) {
        return Ok(());
    }
    Err(Refusal::denied())
}

fn create(called: &Called<'_>, state: &mut State) -> Outcome<Value> {
    state
        .check_storage(called.token, None)
        .map_err(|_| Refusal::denied())?;
    let made = sheets::create(&called.shared.contract, String::new(), called.body)?;
    let id = state.add_book(&made.title, &called.token.email, Vec::new());
    if let Some(file) = state.files.by_id.get_mut(&id) {
        file.by_client = true;
    }
    let book = super::book::Spreadsheet {
        id: id.clone(),
        ..made
    };
    let shown = super::resource::spreadsheet(
        &book,
        &super::resource::Wanted::default(),
        &called.shared.base_url,
    );
    state.books.insert(id, book);
    Ok(shown)
}
