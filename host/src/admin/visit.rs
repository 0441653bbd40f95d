//! What every page takes from its request: where it lies, how it is to look, who asks.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::LOCATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::cookies::{self, Theme};
use crate::config::PublicUrl;
use crate::http::{ApiState, Problem};

/// What htmx sends with its requests: a page that is open asks, and not a person.
const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");

/// Where pages are told what changed.
pub const LIVE: &str = "/admin/live/";

/// Where all pages lie.
pub const PAGES: &str = "/admin/";

/// A request as pages need it.
#[derive(Clone, Debug)]
pub struct Visit {
    /// What comes before `/admin/` in links: the path that a proxy takes off.
    pub root: String,
    pub theme: Theme,
    /// Path and query that were asked for, without the word of what was done.
    pub here: String,
    /// Whether the page asks by itself.
    pub by_itself: bool,
}

impl Visit {
    /// The request with this head.
    #[must_use]
    pub fn of(state: &ApiState, uri: &Uri, headers: &HeaderMap) -> Self {
        let prefix = state.public_url.as_ref().map(PublicUrl::prefix);
        Self {
            root: prefix.unwrap_or_default().to_owned(),
            theme: cookies::theme(headers),
            here: told(uri.path(), uri.query(), None),
            by_itself: headers.contains_key(HX_REQUEST) || uri.path() == LIVE,
        }
    }

    /// The address of a page.
    #[must_use]
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// Sends the browser to a page, by `GET`.
    pub fn redirect(&self, path: &str) -> Result<Response, Problem> {
        let address = HeaderValue::try_from(self.link(path));
        let address = address.map_err(|error| Problem::internal(error.to_string()))?;
        Ok((StatusCode::SEE_OTHER, [(LOCATION, address)]).into_response())
    }
}

impl FromRequestParts<ApiState> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Infallible> {
        Ok(Self::of(state, &parts.uri, &parts.headers))
    }
}

/// The path of a page of ours that somebody named; the overview for everything else. It never leads away: it begins
/// with `/admin/`, and has nothing that a browser takes for a host.
#[must_use]
pub fn ours(path: Option<&str>) -> &str {
    let is_ours = |path: &&str| {
        path.starts_with(PAGES)
            && path
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#')
    };
    path.filter(is_ours).unwrap_or(PAGES)
}

/// This page of ours, to say there what was done.
#[must_use]
pub fn done_at(path: &str, word: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    told(path, Some(query), Some(word))
}

/// Path and query with this word of what was done, or with none.
fn told(path: &str, query: Option<&str>, word: Option<&str>) -> String {
    let mut kept = url::form_urlencoded::Serializer::new(String::new());
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    kept.extend_pairs(pairs.filter(|(name, _)| name != "done"));
    if let Some(word) = word {
        kept.append_pair("done", word);
    }
    match kept.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ours_are_gone_back_to() {
        for path in ["/admin/", "/admin/events/?status=failed&source=a%20b"] {
            assert_eq!(ours(Some(path)), path);
        }
        for path in [
            "",
            "//evil.example/admin/",
            "/admin",
            "/api/",
            "https://evil.example/admin/",
            "/admin/\\evil",
            "/admin/\r\nSet-Cookie: a=b",
        ] {
            assert_eq!(ours(Some(path)), PAGES, "{path}");
        }
        assert_eq!(ours(None), PAGES);
    }

    #[test]
    fn what_was_done_is_said_once() {
        assert_eq!(done_at("/admin/", "replayed"), "/admin/?done=replayed");
        assert_eq!(
            done_at("/admin/events/?page=2&done=sent", "replayed"),
            "/admin/events/?page=2&done=replayed"
        );
        assert_eq!(told("/admin/", Some("done=sent"), None), "/admin/");
    }
}
