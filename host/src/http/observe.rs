//! What is done around every request: an id, a time limit, a net under panics, and the log.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use uuid::Uuid;

use super::origin::RequestId;
use super::problem::PROBLEM_JSON;
use super::{Problem, addressed};

/// How long a request may take, its body included: senders of webhooks give up after 10 to 30 s.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Marks an error's answer that is written for people already: its problem is logged and not sent.
#[derive(Clone, Copy, Debug)]
pub struct ForPeople;

/// Puts the layers around the routes, the first to see a request last.
pub(super) fn layers(routes: Router) -> Router {
    routes
        .layer(from_fn(limit_time))
        .layer(from_fn(addressed::check))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(observe))
}

async fn limit_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable(format!(
            "The request took longer than {} s and was given up. What it asked for may still happen.",
            REQUEST_TIMEOUT.as_secs()
        ))
        .into_response(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no text");
    Problem::internal(format!("a handler panicked: {text}")).into_response()
}

/// Gives the request an id of ours (one from outside could forge lines of our log), finishes
/// problems with it, and logs the request once.
async fn observe(mut request: Request, next: Next) -> Response {
    let id = Uuid::now_v7().to_string();
    let began = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    finish_problem(&mut response, &id);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Answers hold tokens and other people's data; pages that may be cached say so themselves.
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    tracing::debug!(
        request_id = id,
        %method,
        path,
        status = response.status().as_u16(),
        duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "request"
    );
    response
}

/// Writes the id into a problem's body and its cause into the log; makes problems of errors that the
/// framework answers with plain text or nothing.
fn finish_problem(response: &mut Response, id: &str) {
    let for_people = response.extensions_mut().remove::<ForPeople>().is_some();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if for_people => return,
        None if is_error(response.status()) => framework_problem(response.status()),
        None => return,
    };
    if let Some(cause) = problem.cause() {
        tracing::error!(
            request_id = id,
            status = response.status().as_u16(),
            cause,
            "request failed"
        );
    }
    if for_people {
        return;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    headers.remove(CONTENT_LENGTH);
    *response.body_mut() = Body::from(problem.body(Some(id)));
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

fn framework_problem(status: StatusCode) -> Problem {
    let detail = status.canonical_reason().unwrap_or("The request failed");
    Problem::new(status, "http", format!("{detail}."))
}
