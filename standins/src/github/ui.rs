//! The pages: repositories at `/`, a repository at `/ui/{owner}/{repo}`, below it `commit/{sha}`, `blob/{path}`,
//! `tree/{path}` and `raw/{path}`, each of the last three with `?ref=`. They load nothing from outside and run no
//! script; whatever a file or a message holds arrives as text.

mod change;
mod files;
mod frame;
mod overview;

use hyper::StatusCode;
use hyper::header::HeaderName;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::form_urlencoded;

use super::Shared;
use super::git::ObjectId;
use super::repository::Repository;
use crate::wire::{Received, Reply};

/// What needs no escape in a path or a query of an address.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'/');

/// Nothing may be loaded or run, whatever a file holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// A repository seen at a branch or a commit.
#[derive(Clone, Copy, Debug)]
struct View<'a> {
    repository: &'a Repository,
    /// The name of the branch, tag or commit.
    at: &'a str,
    /// The commit it means; none in an empty repository.
    commit: Option<ObjectId>,
}

impl View<'_> {
    /// Where the repository's pages are.
    fn home(&self) -> String {
        format!("/ui/{}", encoded(&self.repository.full_name()))
    }

    /// The address of a page of this kind for a path at the same commit.
    fn link(&self, kind: &str, path: &str) -> String {
        format!(
            "{}/{kind}/{}?ref={}",
            self.home(),
            encoded(path),
            encoded(self.at)
        )
    }
}

/// Draws a page.
pub fn answer(shared: &Shared, received: &Received) -> Reply {
    if received.path == "/" {
        return html(StatusCode::OK, overview::repositories(shared));
    }
    let state = shared.state();
    let path = received.path.trim_start_matches("/ui/").trim_end_matches('/');
    let path = percent_decode_str(path).decode_utf8_lossy();
    let mut parts = path.splitn(4, '/');
    let mut part = || parts.next().unwrap_or_default();
    let (owner, name, kind, below) = (part(), part(), part(), part());
    let Some(repository) = state.repository(owner, name) else {
        return html(
            StatusCode::NOT_FOUND,
            frame::missing("There is no such repository."),
        );
    };
    let asked = form_urlencoded::parse(received.query.as_bytes())
        .find(|(name, _)| name == "ref")
        .map(|(_, at)| at.into_owned());
    let at = asked.as_deref().unwrap_or(&repository.default_branch);
    let view = View {
        repository,
        at,
        commit: repository.resolve(at),
    };
    let page = match kind {
        "" => Some(overview::repository(&view)),
        "commit" => change::commit(&view, below),
        "tree" => files::folder(&view, below),
        "blob" => files::file(&view, below),
        "raw" => return raw(&view, below),
        _ => None,
    };
    match page {
        Some(page) => html(StatusCode::OK, page),
        None => html(StatusCode::NOT_FOUND, frame::missing("There is no such page.")),
    }
}

/// The bytes of a file, as text that no browser runs.
fn raw(view: &View, path: &str) -> Reply {
    match files::content(view, path) {
        Some(content) => Reply::text(StatusCode::OK, content)
            .with(HeaderName::from_static("x-content-type-options"), "nosniff"),
        None => Reply::text(StatusCode::NOT_FOUND, "There is no such file.\n"),
    }
}

fn html(status: StatusCode, page: String) -> Reply {
    Reply::new(status, "text/html; charset=utf-8", page)
        .with(HeaderName::from_static("content-security-policy"), POLICY)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}
