//! What operations have in common, described once: a handler describes what is its own.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{Content, OpenApi as Document, Ref, RefOr, Response};

use crate::http::limit::COUNTED;
use crate::http::problem::PROBLEM_JSON;

/// Of every operation.
const ALWAYS: [(&str, &str); 2] = [
    (
        "400",
        "A parameter cannot be read (`parameter` names it), or no HTTP of ours",
    ),
    ("503", "Not now; see `Retry-After`"),
];

/// Of those below [`COUNTED`], where requests of an address and of a user are counted.
const LIMITED: [(&str, &str); 1] = [(
    "429",
    "Too many requests from this address or of this user; see `Retry-After`",
)];

/// Of those that need a token.
const SECURED: [(&str, &str); 2] = [
    (
        "401",
        "No token, or one that is expired or wrong; see `WWW-Authenticate`",
    ),
    ("403", "Not with these rights"),
];

/// Of those that take a body.
const WITH_BODY: [(&str, &str); 3] = [
    ("408", "The body came too slowly"),
    ("413", "The body is too large; see `max_bytes`"),
    ("415", "Not a JSON media type; see `Accept-Post`"),
];

/// Adds these answers where a handler has not described its own, and makes the operations' ids unique: they come from
/// the handlers' names, of which several are `list`.
pub(in crate::http) fn complete(document: &mut Document) {
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            name(operation);
            describe(operation, &ALWAYS);
            if path.starts_with(COUNTED) {
                describe(operation, &LIMITED);
            }
            if operation
                .security
                .as_ref()
                .is_some_and(|needed| !needed.is_empty())
            {
                describe(operation, &SECURED);
            }
            if operation.request_body.is_some() {
                describe(operation, &WITH_BODY);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let methods = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
        &mut item.options,
    ];
    methods.into_iter().flatten()
}

fn name(operation: &mut Operation) {
    let tag = operation.tags.as_ref().and_then(|tags| tags.first());
    if let (Some(tag), Some(handler)) = (tag, &operation.operation_id) {
        operation.operation_id = Some(format!("{tag}-{handler}"));
    }
}

fn describe(operation: &mut Operation, answers: &[(&str, &str)]) {
    for (status, description) in answers {
        let responses = &mut operation.responses.responses;
        responses
            .entry((*status).to_owned())
            .or_insert_with(|| RefOr::T(problem(description)));
    }
}

fn problem(description: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    let mut response = Response::new(description);
    response
        .content
        .insert(PROBLEM_JSON.to_owned(), RefOr::T(Content::new(Some(schema))));
    response
}
