//! Stored scripts: the paths below `/api/processes/`. Viewers see them, operators change them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::ScriptForm;
use super::created::created;
use super::doer::Doer;
use super::extract::{MayOperate, MayRead, Params};
use super::origin::Origin;
use super::page::{self, Links};
use super::problem::ProblemBody;
use super::{ApiState, Problem};
use crate::domain::process::{Process, ProcessChange, ProcessSummary, ProcessVersion};
use crate::domain::time::Timestamp;
use crate::processes::Draft;

/// A process to be stored.
#[derive(Deserialize, ToSchema)]
pub struct ProcessRequest {
    /// Unique; at most 255 characters.
    #[schema(example = "invoice-import")]
    pub code: String,
    /// At most 255 characters.
    pub name: String,
    /// The script's text, at most 2 MiB; may be empty.
    pub script: String,
}

/// What a process is to be; its code is that of the address.
#[derive(Deserialize, ToSchema)]
pub struct ProcessReplacement {
    /// May be there, and is then the one of the address: a code cannot be changed.
    #[schema(nullable = false)]
    pub code: Option<String>,
    /// At most 255 characters.
    pub name: String,
    /// The script's text, at most 2 MiB; may be empty.
    pub script: String,
}

/// What is to be another; what is not there stays.
#[derive(Deserialize, ToSchema)]
pub struct ProcessPatch {
    /// May be there, and is then the one of the address: a code cannot be changed.
    #[schema(nullable = false)]
    pub code: Option<String>,
    /// At most 255 characters.
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// The script's text, at most 2 MiB; may be empty.
    #[schema(nullable = false)]
    pub script: Option<String>,
}

/// A stored process.
#[derive(Serialize, ToSchema)]
pub struct ProcessView {
    pub id: String,
    pub code: String,
    pub name: String,
    pub script: String,
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    #[schema(value_type = String)]
    pub updated_at: Timestamp,
}

impl From<Process> for ProcessView {
    fn from(process: Process) -> Self {
        Self {
            id: process.id.to_string(),
            code: process.code,
            name: process.name,
            script: process.script,
            created_at: process.created_at,
            updated_at: process.updated_at,
        }
    }
}

/// A stored process in a list.
#[derive(Serialize, ToSchema)]
pub struct ProcessRow {
    pub id: String,
    pub code: String,
    pub name: String,
    /// Bytes of the script.
    pub size: u64,
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    #[schema(value_type = String)]
    pub updated_at: Timestamp,
}

impl From<ProcessSummary> for ProcessRow {
    fn from(process: ProcessSummary) -> Self {
        Self {
            id: process.id.to_string(),
            code: process.code,
            name: process.name,
            size: process.size,
            created_at: process.created_at,
            updated_at: process.updated_at,
        }
    }
}

/// A page of processes.
#[derive(Serialize, ToSchema)]
pub struct ProcessPage {
    pub count: u64,
    pub next: Option<String>,
    pub previous: Option<String>,
    pub results: Vec<ProcessRow>,
}

/// What a process was at one time.
#[derive(Serialize, ToSchema)]
pub struct ProcessVersionView {
    pub version: u64,
    pub name: String,
    /// `null`: with this version it was removed.
    pub script: Option<String>,
    #[schema(value_type = String)]
    pub changed_at: Timestamp,
    pub changed_by: String,
}

impl From<ProcessVersion> for ProcessVersionView {
    fn from(version: ProcessVersion) -> Self {
        Self {
            version: version.version,
            name: version.name,
            script: version.script,
            changed_at: version.changed_at,
            changed_by: version.changed_by,
        }
    }
}

/// A page of versions.
#[derive(Serialize, ToSchema)]
pub struct ProcessVersionPage {
    pub count: u64,
    pub next: Option<String>,
    pub previous: Option<String>,
    pub results: Vec<ProcessVersionView>,
}

/// List processes by code, without their scripts
#[utoipa::path(get, path = "/api/processes/", tag = "processes", security(("bearer" = [])),
    params(
        ("page" = Option<u32>, Query, minimum = 1, description = "1 is the first"),
        ("page_size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "20 when not given"),
        ("search" = Option<String>, Query, description = "In code or name, without regard to case"),
    ),
    responses(
        (status = 200, description = "One page", body = ProcessPage),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such page", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn list(
    State(state): State<ApiState>,
    _: MayRead,
    params: Params,
    headers: HeaderMap,
) -> Result<Json<ProcessPage>, Problem> {
    let page = page::request(&params)?;
    let found = state.store.process_page(params.get("search"), page).await?;
    let links = Links::of(&state, "/api/processes/", &headers, &params, page, found.total)?;
    Ok(Json(ProcessPage {
        count: found.total,
        next: links.next,
        previous: links.previous,
        results: found.items.into_iter().map(Into::into).collect(),
    }))
}

/// Store a process
#[utoipa::path(post, path = "/api/processes/", tag = "processes", security(("bearer" = [])),
    request_body = ProcessRequest,
    responses(
        (status = 201, description = "Stored; `Location` has its address", body = ProcessView),
        (status = 400, description = "A field is wrong, or the code is taken; each wrong field is also a member",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn create(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    ScriptForm(mut form): ScriptForm,
) -> Result<Response, Problem> {
    let draft = Draft {
        code: form.required("code"),
        name: Some(form.required("name")),
        script: form.text("script"),
    };
    form.finish()?;
    let made = Doer { user, origin }.create_process(&state, draft).await?;
    let address = format!(
        "/api/processes/{}/",
        utf8_percent_encode(&made.code, NON_ALPHANUMERIC)
    );
    created(&address, ProcessView::from(made))
}

/// One process
#[utoipa::path(get, path = "/api/processes/{code}/", tag = "processes", security(("bearer" = [])),
    params(("code" = String, Path, description = "The process's code")),
    responses(
        (status = 200, description = "The process", body = ProcessView),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such process", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn detail(
    State(state): State<ApiState>,
    _: MayRead,
    Path(code): Path<String>,
) -> Result<Json<ProcessView>, Problem> {
    let found = state.store.process(&code).await?;
    found
        .map(|process| Json(process.into()))
        .ok_or_else(|| Problem::no_such("process"))
}

/// Replace the name and the script of a process
#[utoipa::path(put, path = "/api/processes/{code}/", tag = "processes", security(("bearer" = [])),
    params(("code" = String, Path, description = "The process's code")), request_body = ProcessReplacement,
    responses(
        (status = 200, description = "As it is now", body = ProcessView),
        (status = 400, description = "A field is wrong or missing", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such process", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn replace(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path(code): Path<String>,
    ScriptForm(mut form): ScriptForm,
) -> Result<Json<ProcessView>, Problem> {
    let (name, script) = (form.required("name"), form.text("script"));
    same_code(&mut form, &code);
    form.finish()?;
    let change = ProcessChange {
        name: Some(name),
        script: Some(script),
    };
    let changed = Doer { user, origin }
        .change_process(&state, &code, change)
        .await?;
    Ok(Json(changed.into()))
}

/// Change the name or the script of a process
#[utoipa::path(patch, path = "/api/processes/{code}/", tag = "processes", security(("bearer" = [])),
    params(("code" = String, Path, description = "The process's code")), request_body = ProcessPatch,
    responses(
        (status = 200, description = "As it is now", body = ProcessView),
        (status = 400, description = "A field is wrong", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such process", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn change(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path(code): Path<String>,
    ScriptForm(mut form): ScriptForm,
) -> Result<Json<ProcessView>, Problem> {
    let change = ProcessChange {
        name: form.optional("name"),
        script: form.optional("script"),
    };
    same_code(&mut form, &code);
    form.finish()?;
    let changed = Doer { user, origin }
        .change_process(&state, &code, change)
        .await?;
    Ok(Json(changed.into()))
}

/// A code is what others know a process by, so it stays.
fn same_code(form: &mut super::body::Form, code: &str) {
    if form.optional("code").is_some_and(|given| given != code) {
        form.wrong("code", "A code cannot be changed: store a new process instead.");
    }
}

/// Remove a process; its versions stay
#[utoipa::path(delete, path = "/api/processes/{code}/", tag = "processes", security(("bearer" = [])),
    params(("code" = String, Path, description = "The process's code")),
    responses(
        (status = 204, description = "Removed"),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such process", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn remove(
    State(state): State<ApiState>,
    MayOperate(user): MayOperate,
    origin: Origin,
    Path(code): Path<String>,
) -> Result<StatusCode, Problem> {
    Doer { user, origin }.remove_process(&state, &code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a process was before, newest first; also of one that is removed
#[utoipa::path(get, path = "/api/processes/{code}/versions/", tag = "processes", security(("bearer" = [])),
    params(
        ("code" = String, Path, description = "The process's code"),
        ("page" = Option<u32>, Query, minimum = 1, description = "1 is the first"),
        ("page_size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "20 when not given"),
    ),
    responses(
        (status = 200, description = "One page", body = ProcessVersionPage),
        (status = 403, description = "The role does not allow it; `needs` names the right", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There never was such a process, or no such page", body = ProblemBody,
         content_type = "application/problem+json"),
    ))]
pub async fn versions(
    State(state): State<ApiState>,
    _: MayRead,
    Path(code): Path<String>,
    params: Params,
    headers: HeaderMap,
) -> Result<Json<ProcessVersionPage>, Problem> {
    let page = page::request(&params)?;
    let found = state.store.process_versions(&code, page).await?;
    if found.total == 0 {
        return Err(Problem::no_such("process"));
    }
    let path = format!(
        "/api/processes/{}/versions/",
        utf8_percent_encode(&code, NON_ALPHANUMERIC)
    );
    let links = Links::of(&state, &path, &headers, &params, page, found.total)?;
    Ok(Json(ProcessVersionPage {
        count: found.total,
        next: links.next,
        previous: links.previous,
        results: found.items.into_iter().map(Into::into).collect(),
    }))
}
