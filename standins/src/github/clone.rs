//! Git's plain ("dumb") HTTP protocol, so that `git clone` reads a repository
//! (<https://git-scm.com/docs/http-protocol#_dumb_clients>). Nothing can be pushed.

use std::fmt::Write;

use hyper::StatusCode;
use hyper::header::WWW_AUTHENTICATE;

use super::Shared;
use super::access;
use super::git::ObjectId;
use super::repository::Repository;
use crate::wall;
use crate::wire::{Received, Reply};

/// Answers a request below `/{owner}/{repo}.git/`.
pub fn answer(shared: &Shared, repository: &str, below: &str, received: &Received) -> Reply {
    let state = shared.state();
    let caller = access::authenticate(&state, received.header("authorization"), wall::now_seconds());
    let Ok(caller) = caller else {
        return unauthorized();
    };
    let found = repository
        .trim_start_matches('/')
        .split_once('/')
        .and_then(|(owner, name)| state.repository(owner, name));
    match found {
        Some(found) if access::sees(&state, &caller, found) => file(found, below, received),
        // GitHub asks for a password for what is not there, so that nobody learns what is.
        _ if matches!(caller, access::Caller::Anonymous) => unauthorized(),
        _ => Reply::text(StatusCode::NOT_FOUND, "Repository not found.\n"),
    }
}

fn unauthorized() -> Reply {
    Reply::text(StatusCode::UNAUTHORIZED, "Repository not found.\n")
        .with(WWW_AUTHENTICATE, "Basic realm=\"GitHub\"")
}

fn file(repository: &Repository, below: &str, received: &Received) -> Reply {
    if received.query.contains("git-receive-pack") {
        return Reply::text(StatusCode::FORBIDDEN, "The stand-in takes no push.\n");
    }
    match below {
        "HEAD" => Reply::text(
            StatusCode::OK,
            format!("ref: refs/heads/{}\n", repository.default_branch),
        ),
        "info/refs" => Reply::text(StatusCode::OK, references(repository)),
        "objects/info/packs" => Reply::text(StatusCode::OK, "\n"),
        path => match object(repository, path) {
            Some(object) => Reply::new(StatusCode::OK, "application/x-git-loose-object", object),
            None => Reply::text(StatusCode::NOT_FOUND, "not found\n"),
        },
    }
}

fn references(repository: &Repository) -> String {
    let mut out = String::new();
    for (name, id) in &repository.refs {
        let _ = writeln!(out, "{id}\t{name}");
    }
    out
}

fn object(repository: &Repository, path: &str) -> Option<Vec<u8>> {
    let (front, back) = path.strip_prefix("objects/")?.split_once('/')?;
    let id = ObjectId::parse(&format!("{front}{back}")).filter(|_| front.len() == 2)?;
    repository.objects.loose(id)
}
