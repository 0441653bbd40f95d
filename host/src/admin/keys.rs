//! API keys, for admins: which there are, a new one, and revoking one.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use super::acts::said;
use super::done;
use super::form::Form;
use super::guard::{MayLook, MayManage};
use super::layout::{self, Layout, Section};
use super::paging::Paging;
use super::say::When;
use super::visit::done_at;
use crate::domain::access::Right;
use crate::domain::api_key::ApiKey;
use crate::domain::page::{DEFAULT_PAGE_SIZE, PageRequest, Total};
use crate::domain::time::Timestamp;
use crate::http::doer::Doer;
use crate::http::extract::Params;
use crate::http::keys::{KeyView, NewKeyView, key_id, requested};
use crate::http::origin::Origin;
use crate::http::{ApiState, Problem, body, page};

/// Where the list lies.
const LIST: &str = "/admin/keys/";

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    layout: Layout,
    done: Option<&'static str>,
    /// A key that was just made: shown this once.
    made: Option<NewKeyView>,
    rows: Vec<KeyRow>,
    paging: Paging,
    /// Why none was made, and what was entered.
    wrong: Option<String>,
    entered: Entered,
}

/// What was put into the form.
#[derive(Default)]
struct Entered {
    name: String,
    owner: String,
    sources: String,
    rate: String,
    expires_at: String,
}

/// A key, as a row.
struct KeyRow {
    view: KeyView,
    /// `active`, `expired` or `revoked`, and the class that colours it.
    standing: &'static str,
    class: &'static str,
    sources: String,
    owner_href: String,
    made: When,
    expires: Option<When>,
    used: Option<When>,
}

/// Shows a page of them, newest first, revoked ones too.
pub async fn list(State(state): State<ApiState>, by: MayLook, params: Params) -> Result<Response, Problem> {
    by.must(Right::Administer)?;
    let request = page::request(&params)?;
    let mut shown = assemble(&state, &by, &params, request).await?;
    shown.done = said(params.get("done"));
    layout::render(&shown)
}

/// Makes one, and shows it this once; the form again, with what is wrong, where that can be mended.
pub async fn create(
    State(state): State<ApiState>,
    origin: Origin,
    MayManage { by, form }: MayManage,
) -> Result<Response, Problem> {
    let request = requested(&state, by.user(), body::Form::of(fields(&form))).await;
    let made = match request {
        Ok(request) => doer(&by, origin).create_key(&state, request).await,
        Err(problem) => Err(problem),
    };
    let first = PageRequest {
        page: 1,
        size: DEFAULT_PAGE_SIZE,
    };
    match made {
        // No redirect: the key is in no address and in no store.
        Ok(made) => {
            let shown = KeysPage {
                made: Some(made),
                ..assemble(&state, &by, &Params::default(), first).await?
            };
            layout::answer(StatusCode::CREATED, &shown)
        }
        Err(problem) if problem.status() == StatusCode::BAD_REQUEST => {
            let shown = KeysPage {
                wrong: Some(problem.to_string()),
                entered: Entered::of(&form),
                ..assemble(&state, &by, &Params::default(), first).await?
            };
            layout::answer(StatusCode::BAD_REQUEST, &shown)
        }
        Err(problem) => Err(problem),
    }
}

/// The form's fields as the API takes them: what is empty is not given, sources are lines.
fn fields(form: &Form) -> Map<String, Value> {
    let texts = ["name", "owner", "rate", "expires_at"];
    let mut fields: Map<_, _> = texts
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), Value::from(form.get(name)?))))
        .collect();
    let sources = form.lines("sources");
    let sources = sources.lines().map(str::trim).filter(|line| !line.is_empty());
    fields.insert("sources".to_owned(), sources.map(Value::from).collect());
    fields
}

impl Entered {
    fn of(form: &Form) -> Self {
        Self {
            name: form.raw("name").to_owned(),
            owner: form.raw("owner").to_owned(),
            sources: form.lines("sources"),
            rate: form.raw("rate").to_owned(),
            expires_at: form.raw("expires_at").to_owned(),
        }
    }
}

/// Revokes one, for good.
pub async fn revoke(
    State(state): State<ApiState>,
    origin: Origin,
    Path(id): Path<String>,
    MayManage { by, .. }: MayManage,
) -> Result<Response, Problem> {
    doer(&by, origin).revoke_key(&state, &key_id(&id)?).await?;
    by.visit.redirect(&done_at(LIST, done::KEY_REVOKED))
}

async fn assemble(
    state: &ApiState,
    by: &MayLook,
    params: &Params,
    request: PageRequest,
) -> Result<KeysPage, Problem> {
    let found = state.auth.keys.page(request).await?;
    let (total, got) = (Total::exactly(found.total), found.items.len());
    let layout = Layout::of(by, Section::Keys, "API keys");
    let now = state.waits.clock.now();
    let rows = found.items.into_iter();
    Ok(KeysPage {
        done: None,
        made: None,
        rows: rows.map(|key| row(&layout, key, now)).collect(),
        paging: Paging::of(state, params, request, total, got)?,
        wrong: None,
        entered: Entered::default(),
        layout,
    })
}

fn row(layout: &Layout, key: ApiKey, now: Timestamp) -> KeyRow {
    let (standing, class) = if key.revoked_at.is_some() {
        ("revoked", "dead")
    } else if key.expires_at.is_some_and(|at| at <= now) {
        ("expired", "dead")
    } else {
        ("active", "ready")
    };
    let sources: Vec<_> = key.sources.globs().collect();
    KeyRow {
        standing,
        class,
        sources: sources.join(", "),
        owner_href: layout.link(&format!("/admin/users/{}/", key.owner)),
        made: When::of(key.created_at, now),
        expires: key.expires_at.map(|at| When::of(at, now)),
        used: key.last_used_at.map(|at| When::of(at, now)),
        view: key.into(),
    }
}

fn doer(by: &MayLook, origin: Origin) -> Doer {
    Doer {
        user: by.user().clone(),
        origin,
    }
}
