//! Who may do what here. A handler says by what it takes what a request must prove; none can forget it.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::form::{CSRF_FIELD, Form};
use super::live::Live;
use super::visit::{PAGES, Visit};
use super::{cookies, origin};
use crate::auth::{KnownSession, Seen};
use crate::domain::access::Right;
use crate::domain::user::User;
use crate::http::body::{MAX_FORM_BYTES, MAX_SCRIPT_FORM_BYTES};
use crate::http::extract::not_allowed;
use crate::http::observe::ForPeople;
use crate::http::{ApiState, Problem};

/// Tells htmx to load the whole page anew, which then leads to the sign-in.
const HX_REFRESH: HeaderName = HeaderName::from_static("hx-refresh");

/// Why a request is not served: an answer that says so, or leads to the sign-in.
pub struct Refused(Box<Response>);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem.into_response()))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// Somebody who is signed in and may look: a viewer, an operator or an admin.
pub struct MayLook {
    pub session: KnownSession,
    pub visit: Visit,
    /// How things stood when the request came: what its page follows from.
    pub mark: String,
}

impl MayLook {
    /// Who it is.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.session.user
    }

    /// Refuses who has not this right.
    pub fn must(&self, right: Right) -> Result<(), Problem> {
        if self.user().may(right) {
            Ok(())
        } else {
            Err(not_allowed(self.user(), right))
        }
    }
}

impl FromRequestParts<ApiState> for MayLook {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Refused> {
        let visit = Visit::of(state, &parts.uri, &parts.headers);
        let Some(token) = cookies::token(state, &parts.headers) else {
            return Err(to_sign_in(&visit, &parts.method));
        };
        let seen = if visit.by_itself {
            Seen::ByItself
        } else {
            Seen::ByPerson
        };
        let found = state.auth.sessions.find(token, seen).await;
        let Some(session) = found.map_err(Problem::from)? else {
            return Err(to_sign_in(&visit, &parts.method));
        };
        let live = parts.extensions.get::<Live>().filter(|_| !visit.by_itself);
        let mark = match live {
            Some(live) => live.mark().await,
            None => String::new(),
        };
        Ok(Self { session, visit, mark })
    }
}

/// A form of somebody's own session, sent from these pages, whatever their role; it has no other fields.
pub struct OwnForm(pub MayLook);

/// The same of an operator: it changes something.
pub struct MayAct {
    pub by: MayLook,
    pub form: Form,
}

impl FromRequest<ApiState> for OwnForm {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Refused> {
        let (by, _) = proven(request, state, Right::Read, MAX_FORM_BYTES).await?;
        Ok(Self(by))
    }
}

/// The same with a script, a body or an action's arguments in it.
pub struct MayActAtLength {
    pub by: MayLook,
    pub form: Form,
}

/// A form of whoever may look that brings something to be judged, as long as those; it changes nothing.
pub struct MayAsk {
    pub by: MayLook,
    pub form: Form,
}

/// A form of an admin.
pub struct MayManage {
    pub by: MayLook,
    pub form: Form,
}

/// Extractors of a form that is [`proven`], each with the right it needs and the most bytes it may have.
macro_rules! proven {
    ($($name:ident: $right:ident, $limit:ident;)+) => {$(
        impl FromRequest<ApiState> for $name {
            type Rejection = Refused;

            async fn from_request(request: Request, state: &ApiState) -> Result<Self, Refused> {
                let (by, form) = proven(request, state, Right::$right, $limit).await?;
                Ok(Self { by, form })
            }
        }
    )+};
}

proven! {
    MayAct: Operate, MAX_FORM_BYTES;
    MayActAtLength: Operate, MAX_SCRIPT_FORM_BYTES;
    MayAsk: Read, MAX_SCRIPT_FORM_BYTES;
    MayManage: Administer, MAX_FORM_BYTES;
}

/// The form, when it comes from these pages, from somebody who has this right, with their session's token.
async fn proven(
    request: Request,
    state: &ApiState,
    right: Right,
    limit: usize,
) -> Result<(MayLook, Form), Refused> {
    let (mut parts, body) = request.into_parts();
    origin::check(state, &parts.headers)?;
    let by = MayLook::from_request_parts(&mut parts, state).await?;
    by.must(right)?;
    let form = Form::read(Request::from_parts(parts, body), limit).await?;
    if by.session.token.is_csrf(form.raw(CSRF_FIELD)) {
        return Ok((by, form));
    }
    let detail = "This form belongs to another session, so nothing was done: go back, load the page anew and try again.";
    Err(Problem::new(StatusCode::FORBIDDEN, "stale-form", detail).into())
}

/// Where one signs in, and then comes back to what one asked for.
fn to_sign_in(visit: &Visit, method: &Method) -> Refused {
    if visit.by_itself {
        let refresh = [(HX_REFRESH, HeaderValue::from_static("true"))];
        let mut response = (StatusCode::UNAUTHORIZED, refresh).into_response();
        response.extensions_mut().insert(ForPeople);
        return Refused(Box::new(response));
    }
    let mut path = "/admin/sign-in/".to_owned();
    if method.is_safe() && visit.here != PAGES {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("next", &visit.here);
        path = format!("{path}?{}", query.finish());
    }
    match visit.redirect(&path) {
        Ok(response) => Refused(Box::new(response)),
        Err(problem) => problem.into(),
    }
}
