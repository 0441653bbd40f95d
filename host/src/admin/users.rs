//! Accounts, for admins: who there is, what each may do, and ending what one holds.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use super::acts::said;
use super::form::Form;
use super::guard::{MayLook, MayManage};
use super::layout::{self, Layout, Section};
use super::paging::Paging;
use super::say::When;
use super::visit::done_at;
use super::{done, place};
use crate::domain::access::{Right, Role};
use crate::domain::page::{DEFAULT_PAGE_SIZE, PageRequest, Total};
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::http::doer::Doer;
use crate::http::extract::Params;
use crate::http::origin::Origin;
use crate::http::users::{UserView, account, user_change, user_id};
use crate::http::{ApiState, Problem, body, page};

/// Where the list lies.
const LIST: &str = "/admin/users/";

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    layout: Layout,
    done: Option<&'static str>,
    rows: Vec<UserRow>,
    paging: Paging,
    /// Why no account was made, and what was entered but for the password.
    wrong: Option<String>,
    username: String,
    email: String,
    roles: Vec<Choice>,
}

/// An account, as a row.
struct UserRow {
    href: String,
    view: UserView,
    joined: When,
    last_login: Option<When>,
}

/// A role that may be chosen.
struct Choice {
    word: &'static str,
    is_chosen: bool,
}

/// Shows a page of them, by name.
pub async fn list(State(state): State<ApiState>, by: MayLook, params: Params) -> Result<Response, Problem> {
    by.must(Right::Administer)?;
    let request = page::request(&params)?;
    let mut shown = assemble(&state, &by, &params, request).await?;
    shown.done = said(params.get("done"));
    layout::render(&shown)
}

/// Makes an account; the form again, with what is wrong, where that can be mended.
pub async fn create(
    State(state): State<ApiState>,
    origin: Origin,
    MayManage { by, form }: MayManage,
) -> Result<Response, Problem> {
    let texts = ["username", "email", "role"];
    let mut fields: Map<_, _> = texts
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), Value::from(form.get(name)?))))
        .collect();
    // As it is: blanks around a password belong to it.
    fields.insert("password".to_owned(), Value::from(form.raw("password")));
    let made = match account(body::Form::of(fields)) {
        Ok(account) => doer(&by, origin).create_user(&state, account).await,
        Err(problem) => Err(problem),
    };
    match made {
        Ok(_made) => by.visit.redirect(&done_at(LIST, done::USER_MADE)),
        Err(problem) if problem.status() == StatusCode::BAD_REQUEST => {
            let first = PageRequest {
                page: 1,
                size: DEFAULT_PAGE_SIZE,
            };
            let shown = UsersPage {
                wrong: Some(problem.to_string()),
                username: form.raw("username").to_owned(),
                email: form.raw("email").to_owned(),
                roles: roles(form.raw("role")),
                ..assemble(&state, &by, &Params::default(), first).await?
            };
            layout::answer(StatusCode::BAD_REQUEST, &shown)
        }
        Err(problem) => Err(problem),
    }
}

async fn assemble(
    state: &ApiState,
    by: &MayLook,
    params: &Params,
    request: PageRequest,
) -> Result<UsersPage, Problem> {
    let found = state.store.user_page(request).await?;
    let (total, got) = (Total::exactly(found.total), found.items.len());
    let layout = Layout::of(by, Section::Users, "Users");
    let now = state.waits.clock.now();
    let rows = found.items.into_iter();
    Ok(UsersPage {
        done: None,
        rows: rows.map(|user| row(&layout, user, now)).collect(),
        paging: Paging::of(state, params, request, total, got)?,
        wrong: None,
        username: String::new(),
        email: String::new(),
        roles: roles(Role::Sender.as_str()),
        layout,
    })
}

fn row(layout: &Layout, user: User, now: Timestamp) -> UserRow {
    UserRow {
        href: layout.link(&format!("{LIST}{}/", user.id)),
        joined: When::of(user.date_joined, now),
        last_login: user.last_login.map(|at| When::of(at, now)),
        view: user.into(),
    }
}

fn roles(chosen: &str) -> Vec<Choice> {
    let words = Role::WORDS.iter().copied();
    words
        .map(|word| Choice {
            word,
            is_chosen: word == chosen,
        })
        .collect()
}

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage {
    layout: Layout,
    done: Option<&'static str>,
    user: UserRow,
    roles: Vec<Choice>,
    /// What it changed itself.
    audit_href: String,
    /// Why it was not changed.
    wrong: Option<String>,
}

/// Shows one.
pub async fn detail(
    State(state): State<ApiState>,
    by: MayLook,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    by.must(Right::Administer)?;
    let mut shown = one(&state, &by, &id).await?;
    shown.done = said(params.get("done"));
    layout::render(&shown)
}

/// Changes the role, the activity or the password of one.
pub async fn change(
    State(state): State<ApiState>,
    origin: Origin,
    Path(id): Path<String>,
    MayManage { by, form }: MayManage,
) -> Result<Response, Problem> {
    let user = user_id(&id)?;
    let changed = match user_change(body::Form::of(changes(&form))) {
        Ok(change) => doer(&by, origin).change_user(&state, user, change).await,
        Err(problem) => Err(problem),
    };
    match changed {
        Ok(_changed) => by
            .visit
            .redirect(&done_at(&format!("{LIST}{user}/"), done::USER_CHANGED)),
        Err(problem) if matches!(problem.status(), StatusCode::BAD_REQUEST | StatusCode::CONFLICT) => {
            let shown = UserPage {
                wrong: Some(problem.to_string()),
                ..one(&state, &by, &id).await?
            };
            layout::answer(problem.status(), &shown)
        }
        Err(problem) => Err(problem),
    }
}

/// What the form changes: each of its parts has a button of its own, and brings its own field.
fn changes(form: &Form) -> Map<String, Value> {
    let mut fields = Map::new();
    if form.has("role") {
        fields.insert("role".to_owned(), Value::from(form.raw("role")));
    }
    if form.has("is_active") {
        fields.insert(
            "is_active".to_owned(),
            Value::Bool(form.raw("is_active") == "true"),
        );
    }
    if form.has("password") {
        fields.insert("password".to_owned(), Value::from(form.raw("password")));
    }
    fields
}

/// Ends its sessions and tokens.
pub async fn sign_out(
    State(state): State<ApiState>,
    origin: Origin,
    Path(id): Path<String>,
    MayManage { by, .. }: MayManage,
) -> Result<Response, Problem> {
    let user = user_id(&id)?;
    doer(&by, origin).sign_user_out(&state, user).await?;
    let page = format!("{LIST}{user}/");
    by.visit.redirect(&done_at(&page, done::USER_SIGNED_OUT))
}

async fn one(state: &ApiState, by: &MayLook, id: &str) -> Result<UserPage, Problem> {
    let found = state.store.user(user_id(id)?).await?;
    let user = found.ok_or_else(|| Problem::no_such("user"))?;
    let layout = Layout::of(by, Section::Users, format!("User {}", user.username));
    Ok(UserPage {
        done: None,
        roles: roles(user.role.as_str()),
        audit_href: layout.link(&format!("/admin/audit/?actor={}", place::piece(&user.username))),
        user: row(&layout, user, state.waits.clock.now()),
        wrong: None,
        layout,
    })
}

fn doer(by: &MayLook, origin: Origin) -> Doer {
    Doer {
        user: by.user().clone(),
        origin,
    }
}
