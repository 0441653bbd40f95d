//! What is done around every page: the headers that say what it may do, and errors as pages.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::layout::Layout;
use super::visit::Visit;
use crate::http::observe::ForPeople;
use crate::http::origin::RequestId;
use crate::http::{ApiState, Problem};

/// What pages may load and where their forms may go: nothing from elsewhere, nothing inline.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// An error, for people.
#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    layout: Layout,
    status: u16,
    detail: String,
    /// What to quote when it is our fault.
    request_id: Option<String>,
}

/// Makes a page of a problem, and gives every answer its headers.
pub async fn around(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let visit = Visit::of(&state, request.uri(), request.headers());
    let id = request.extensions().get::<RequestId>().cloned();
    let mut response = next.run(request).await;
    if let Some(problem) = problem_of(&mut response) {
        write_page(&mut response, problem, &visit, id);
    }
    let headers = response.headers_mut();
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(POLICY));
    // Not `no-referrer`: with that browsers send forms with `Origin: null`.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(
        CROSS_ORIGIN_OPENER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// Why the answer is an error; `None` when it is none, or a page already. An error of the framework's own has no words but
/// its status.
fn problem_of(response: &mut Response) -> Option<Problem> {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let is_page = response.extensions().get::<ForPeople>().is_some();
    let problem = response.extensions_mut().remove::<Problem>();
    problem.or_else(|| {
        let words = status.canonical_reason().unwrap_or("The request failed");
        (is_error && !is_page).then(|| Problem::new(status, "http", format!("{words}.")))
    })
}

/// Puts the problem's words on a page in the place of its JSON. It stays with the answer, to be logged.
fn write_page(response: &mut Response, problem: Problem, visit: &Visit, id: Option<RequestId>) {
    let status = problem.status();
    let ours = status.is_server_error();
    let page = ErrorPage {
        layout: Layout::outside(visit, status.canonical_reason().unwrap_or("Error")),
        status: status.as_u16(),
        detail: problem.to_string(),
        request_id: id.map(|RequestId(id)| id).filter(|_| ours),
    };
    if let Ok(text) = page.render() {
        *response.body_mut() = text.into();
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, html);
        headers.remove(CONTENT_LENGTH);
        response.extensions_mut().insert(ForPeople);
    }
    response.extensions_mut().insert(problem);
}

/// Nothing is there.
pub async fn not_found() -> Problem {
    let detail = "There is no such page.";
    Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
}

/// A page was asked for in a way that it does not know.
pub async fn method_not_allowed(method: Method) -> Problem {
    let detail = format!("This page does not take {method}.");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}
