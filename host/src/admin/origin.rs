//! Whether a form comes from these pages, in the browser's own words.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, StatusCode};

use crate::http::{ApiState, Problem};

/// What browsers say of where a request comes from (Fetch Metadata). Sent to https and to loopback alone.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a form that another site sent, and one of which nothing says where it comes from: every browser sends one of
/// the two with a form.
pub fn check(state: &ApiState, headers: &HeaderMap) -> Result<(), Problem> {
    let site = headers.get(SEC_FETCH_SITE);
    let origin = headers.get(ORIGIN);
    let site_fits = site.is_none_or(|site| site == "same-origin");
    let origin_fits = origin.is_none_or(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        is_ours(state, headers, origin)
    });
    if site_fits && origin_fits && (site.is_some() || origin.is_some()) {
        return Ok(());
    }
    let detail = "This form was not sent from these pages, so nothing was done.";
    Err(Problem::new(StatusCode::FORBIDDEN, "foreign-form", detail))
}

/// The public address, or the host by which the browser reached us: a page elsewhere can name neither.
fn is_ours(state: &ApiState, headers: &HeaderMap, origin: &str) -> bool {
    let public = state.public_url.as_ref();
    if public.is_some_and(|public| public.origin() == origin) {
        return true;
    }
    let Some((_, authority)) = origin.split_once("://") else {
        return false;
    };
    headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .is_some_and(|host| host.eq_ignore_ascii_case(authority))
}
