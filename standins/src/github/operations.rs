//! Which code answers which operation, and what it asks of its caller.

use super::access::{ADMIN, METADATA, Need, READ, WRITE};
use super::call::{Call, Outcome};
use super::{accounts, commits, contents, data, refs, repositories, trees};

/// The code of an operation.
pub type Handler = fn(&mut Call) -> Outcome;

/// The code of an operation and what it needs; none when it is not served.
pub fn find(method: &str, template: &str) -> Option<(Need, Handler)> {
    match template.strip_prefix("/repos/{owner}/{repo}") {
        Some(below) => of_repository(method, below),
        None => of_accounts(method, template),
    }
}

fn of_accounts(method: &str, template: &str) -> Option<(Need, Handler)> {
    let (need, handler): (Need, Handler) = match (method, template) {
        ("GET", "/user") => (Need::User, accounts::me),
        ("GET", "/users/{username}") => (Need::Nothing, accounts::user),
        ("GET", "/orgs/{org}") => (Need::Nothing, accounts::organization),
        ("GET", "/rate_limit") => (Need::Nothing, accounts::rate_limit),
        ("GET", "/app") => (Need::App, accounts::app),
        ("GET", "/app/installations") => (Need::App, accounts::installations),
        ("GET", "/app/installations/{installation_id}") => (Need::App, accounts::installation),
        ("POST", "/app/installations/{installation_id}/access_tokens") => (Need::App, accounts::access_token),
        ("GET", "/orgs/{org}/installation" | "/users/{username}/installation") => {
            (Need::App, accounts::account_installation)
        }
        ("GET", "/installation/repositories") => (Need::Installation, accounts::installation_repositories),
        ("GET", "/user/repos") => (Need::User, repositories::list_for_user),
        ("GET", "/orgs/{org}/repos") => (Need::Nothing, repositories::list_for_organization),
        // What these need depends on the body, so they look themselves.
        ("POST", "/user/repos") => (Need::Nothing, repositories::create_for_user),
        ("POST", "/orgs/{org}/repos") => (Need::Nothing, repositories::create_for_organization),
        _ => return None,
    };
    Some((need, handler))
}

fn of_repository(method: &str, below: &str) -> Option<(Need, Handler)> {
    let (need, handler): (Need, Handler) = match (method, below) {
        ("GET", "") => (METADATA, repositories::get),
        ("PATCH", "") => (ADMIN, repositories::update),
        ("DELETE", "") => (ADMIN, repositories::remove),
        ("GET", "/installation") => (Need::App, accounts::repository_installation),
        ("GET", "/branches") => (READ, repositories::branches),
        ("GET", "/branches/{branch}") => (READ, repositories::branch),
        ("GET", "/commits") => (READ, commits::list),
        ("GET", "/commits/{ref}") => (READ, commits::get),
        ("GET", "/compare/{basehead}") => (READ, commits::compare),
        ("GET", "/contents/{path}") => (READ, contents::get),
        ("PUT", "/contents/{path}") => (WRITE, contents::put),
        ("DELETE", "/contents/{path}") => (WRITE, contents::remove),
        ("POST", "/git/blobs") => (WRITE, data::create_blob),
        ("GET", "/git/blobs/{file_sha}") => (READ, data::get_blob),
        ("POST", "/git/commits") => (WRITE, data::create_commit),
        ("GET", "/git/commits/{commit_sha}") => (READ, data::get_commit),
        ("GET", "/git/ref/{ref}") => (READ, refs::get),
        ("GET", "/git/matching-refs/{ref}" | "/git/refs") => (READ, refs::matching),
        ("GET", "/git/refs/{ref}") => (READ, refs::get_or_matching),
        ("POST", "/git/refs") => (WRITE, refs::create),
        ("PATCH", "/git/refs/{ref}") => (WRITE, refs::update),
        ("DELETE", "/git/refs/{ref}") => (WRITE, refs::remove),
        ("POST", "/git/trees") => (WRITE, trees::create),
        ("GET", "/git/trees/{tree_sha}") => (READ, trees::get),
        _ => return None,
    };
    Some((need, handler))
}
