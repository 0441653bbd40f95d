//! Every path works with and without its trailing slash.
//!
//! The path is changed before routing instead of answered with a redirect, which most senders of
//! webhooks do not follow and which turns a `POST` into a `GET` in many clients.

use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use tower::ServiceExt;
use tower::util::MapRequest;

/// The service behind a step that brings paths into the form they are routed by.
pub(super) fn with_or_without(inner: Router) -> MapRequest<Router, fn(Request) -> Request> {
    inner.map_request(canonical)
}

/// Path and query as they were sent: some senders sign them.
#[derive(Clone, Debug)]
pub struct AsSent(pub String);

fn canonical(mut request: Request) -> Request {
    let sent = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let sent = AsSent(sent.to_owned());
    request.extensions_mut().insert(sent);
    if let Some(uri) = canonical_uri(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// The path it is routed by, when that differs: with a slash below `/api/` and `/admin/`, without one elsewhere.
/// The document, the pages that show it and what the admin's pages load are files and have names of their own.
fn canonical_uri(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let is_file = path == "/api/openapi.json"
        || path == "/api/docs"
        || path.starts_with("/api/docs/")
        || path.starts_with("/admin/assets/");
    let path = match path.strip_suffix('/') {
        _ if is_file => return None,
        None if path == "/admin" || path.starts_with("/api/") || path.starts_with("/admin/") => {
            format!("{path}/")
        }
        Some("/healthz") => "/healthz".to_owned(),
        Some("/readyz") => "/readyz".to_owned(),
        _ => return None,
    };
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::canonical_uri;

    fn canonical(uri: &str) -> String {
        let uri = uri.parse().expect("a URI");
        canonical_uri(&uri).unwrap_or(uri).to_string()
    }

    #[test]
    fn api_paths_get_a_slash_and_keep_their_query() {
        assert_eq!(canonical("/api/auth/token"), "/api/auth/token/");
        assert_eq!(
            canonical("/api/webhooks/list?page=2"),
            "/api/webhooks/list/?page=2"
        );
        assert_eq!(
            canonical("/api/webhooks/list/?a=%2F"),
            "/api/webhooks/list/?a=%2F"
        );
        assert_eq!(
            canonical("http://host/api/auth/token"),
            "http://host/api/auth/token/"
        );
        assert_eq!(canonical("/admin"), "/admin/");
        assert_eq!(canonical("/admin/events?page=2"), "/admin/events/?page=2");
    }

    #[test]
    fn files_and_probes_keep_their_names() {
        for path in [
            "/api/openapi.json",
            "/api/docs",
            "/api/docs/swagger-ui.css",
            "/admin/assets/0123456789abcdef-hookyard.css",
            "/healthz",
            "/",
        ] {
            assert_eq!(canonical(path), path);
        }
        assert_eq!(canonical("/readyz/"), "/readyz");
    }
}
