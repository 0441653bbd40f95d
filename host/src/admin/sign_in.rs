//! Signing in and out, and how pages look: what a browser keeps in its cookies.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;

use super::cookies::{self, Theme};
use super::form::Form;
use super::guard::OwnForm;
use super::layout::{self, Layout};
use super::origin;
use super::visit::{Visit, ours};
use crate::auth::{Seen, SessionError, SignInError, Visitor};
use crate::domain::audit::Action;
use crate::http::body::MAX_FORM_BYTES;
use crate::http::doer::Doer;
use crate::http::extract::{Params, Peer};
use crate::http::origin::Origin;
use crate::http::{ApiState, Problem};
use crate::secret::Secret;

/// Where one signs in.
#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    layout: Layout,
    /// Where to go then.
    next: String,
    /// The name that was tried.
    username: String,
    /// Why it did not work.
    error: Option<String>,
}

impl SignInPage {
    fn of(visit: &Visit, next: &str) -> Self {
        Self {
            layout: Layout::outside(visit, "Sign in"),
            next: next.to_owned(),
            username: String::new(),
            error: None,
        }
    }
}

/// The form; whoever is signed in goes on.
pub async fn page(
    State(state): State<ApiState>,
    visit: Visit,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let next = ours(params.get("next"));
    if let Some(token) = cookies::token(&state, &headers)
        && state.auth.sessions.find(token, Seen::ByItself).await?.is_some()
    {
        return visit.redirect(next);
    }
    layout::render(&SignInPage::of(&visit, next))
}

/// Trades name and password for a session. There is none yet whose token the form could carry; that it comes from
/// these pages keeps others from signing somebody in under their own name.
pub async fn sign_in(
    State(state): State<ApiState>,
    visit: Visit,
    Peer(address): Peer,
    request: Request,
) -> Result<Response, Problem> {
    origin::check(&state, request.headers())?;
    let agent = request.headers().get(USER_AGENT);
    let visitor = Visitor {
        address,
        agent: agent.map_or_else(String::new, |agent| {
            String::from_utf8_lossy(agent.as_bytes()).into_owned()
        }),
        token: cookies::token(&state, request.headers()),
    };
    let form = Form::read(request, MAX_FORM_BYTES).await?;
    let next = ours(form.get("next"));
    let username = form.get("username").unwrap_or_default();
    // As it is: blanks around a password belong to it.
    let password = Secret::new(form.raw("password").to_owned());
    match state.auth.open_session(username, &password, &visitor).await {
        Ok(known) => {
            let mut response = visit.redirect(next)?;
            let cookie = cookies::give(&state, &known.token)?;
            response.headers_mut().append(SET_COOKIE, cookie);
            Ok(response)
        }
        Err(error) => refused(&visit, next, username, error),
    }
}

/// The form again, with why it did not work, where trying again is of use.
fn refused(visit: &Visit, next: &str, username: &str, error: SessionError) -> Result<Response, Problem> {
    let (status, text) = match error {
        SessionError::SignIn(SignInError::BadCredentials) => (
            StatusCode::UNAUTHORIZED,
            "There is no active account with this name and password.".to_owned(),
        ),
        SessionError::NoPages(_) => (StatusCode::FORBIDDEN, format!("You cannot come in: {error}.")),
        SessionError::SignIn(error) => return Err(error.into()),
    };
    let page = SignInPage {
        username: username.to_owned(),
        error: Some(text),
        ..SignInPage::of(visit, next)
    };
    layout::answer(status, &page)
}

/// Ends this session.
pub async fn sign_out(State(state): State<ApiState>, OwnForm(by): OwnForm) -> Result<Response, Problem> {
    state.auth.sessions.end(&by.session.token).await?;
    signed_out(&state, &by.visit)
}

/// Ends all sessions and tokens of whoever asks.
pub async fn sign_out_everywhere(
    State(state): State<ApiState>,
    origin: Origin,
    OwnForm(by): OwnForm,
) -> Result<Response, Problem> {
    let user = by.session.user;
    state.auth.sign_out(user.id).await?;
    let name = user.username.clone();
    let doer = Doer { user, origin };
    doer.note(&state, Action::UserSignOut, name, json!({})).await?;
    signed_out(&state, &by.visit)
}

fn signed_out(state: &ApiState, visit: &Visit) -> Result<Response, Problem> {
    let mut response = visit.redirect("/admin/sign-in/")?;
    let cookie = cookies::take(state)?;
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

/// Keeps the choice between light and dark. Needs no session: it changes nothing but this browser.
pub async fn choose_theme(
    State(state): State<ApiState>,
    visit: Visit,
    request: Request,
) -> Result<Response, Problem> {
    origin::check(&state, request.headers())?;
    let form = Form::read(request, MAX_FORM_BYTES).await?;
    let back = ours(form.get("back"));
    let mut response = visit.redirect(back)?;
    let theme = Theme::named(form.raw("theme"));
    response
        .headers_mut()
        .append(SET_COOKIE, cookies::keep_theme(&state, theme)?);
    Ok(response)
}
