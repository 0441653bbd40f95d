//! GitHub's own description of its REST API, read from `contracts/github/openapi.json`, and the few operations it
//! does not have.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;

const DESCRIPTION: &str = include_str!("../../../contracts/github/openapi.json");

/// Served but not in the description kept: method, path, page of the documentation.
const ADDED: [(&str, &str, &str); 7] = [
    ("GET", "/users/{username}", "users/users#get-a-user"),
    ("GET", "/orgs/{org}", "orgs/orgs#get-an-organization"),
    (
        "GET",
        "/app/installations",
        "apps/apps#list-installations-for-the-authenticated-app",
    ),
    (
        "GET",
        "/installation/repositories",
        "apps/installations#list-repositories-accessible-to-the-app-installation",
    ),
    (
        "GET",
        "/repos/{owner}/{repo}/compare/{basehead}",
        "commits/commits#compare-two-commits",
    ),
    // What the API had before `matching-refs`; it still answers, and the recorded exchanges use it.
    ("GET", "/repos/{owner}/{repo}/git/refs", "git/refs"),
    (
        "GET",
        "/repos/{owner}/{repo}/git/refs/{ref}",
        "git/refs#get-a-reference",
    ),
];

/// Parameters at the end of a path that take the rest of it, slashes included (`x-multi-segment` in the
/// description, which leaves out `path` and `ref` of some).
const TAKES_REST: [&str; 4] = ["path", "ref", "branch", "basehead"];

/// The parameters of a path by their names.
pub type Params = BTreeMap<String, String>;

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The HTTP method.
    pub method: String,
    /// The path with parameters in braces.
    pub template: String,
    /// Its page in the documentation.
    pub documentation: String,
    /// The schema of its body; none when it takes none.
    pub body: Option<Value>,
}

impl Operation {
    /// `METHOD /path/{template}`, by which faults and the journal name it.
    #[must_use]
    pub fn target(&self) -> String {
        format!("{} {}", self.method, self.template)
    }

    /// The parameters of a path of this operation; none when it is another's.
    fn matches(&self, path: &str) -> Option<Params> {
        let mut params = Params::new();
        let mut rest = Some(path.trim_end_matches('/'));
        for expected in self.template.split('/') {
            let name = expected.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
            if let Some(name) = name.filter(|name| TAKES_REST.contains(name)) {
                params.insert(name.to_owned(), decode(rest.unwrap_or_default())?);
                return Some(params);
            }
            let (segment, below) = match rest?.split_once('/') {
                Some((segment, below)) => (segment, Some(below)),
                None => (rest?, None),
            };
            rest = below;
            match name {
                Some(name) if !segment.is_empty() => {
                    params.insert(name.to_owned(), decode(segment)?);
                }
                None if segment == expected => {}
                _ => return None,
            }
        }
        rest.is_none().then_some(params)
    }
}

/// Why the description cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// It is not JSON.
    #[error("contracts/github/openapi.json is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A part is missing.
    #[error("contracts/github/openapi.json: {0} is missing or of the wrong type")]
    Missing(String),
}

/// The whole description.
#[derive(Debug)]
pub struct Contract {
    /// The operations served.
    pub operations: Vec<Operation>,
    /// What the schemas refer to.
    pub components: Value,
}

impl Contract {
    /// Reads the description.
    pub fn read() -> Result<Self, ContractError> {
        let mut description: Value = serde_json::from_str(DESCRIPTION)?;
        let mut operations: Vec<Operation> = ADDED
            .iter()
            .map(|(method, template, page)| Operation {
                method: (*method).to_owned(),
                template: (*template).to_owned(),
                documentation: format!("https://docs.github.com/rest/{page}"),
                body: None,
            })
            .collect();
        let paths = description["paths"]
            .as_object()
            .ok_or_else(|| ContractError::Missing("paths".to_owned()))?;
        for (template, verbs) in paths {
            let verbs = verbs
                .as_object()
                .ok_or_else(|| ContractError::Missing(format!("paths/{template}")))?;
            for (verb, described) in verbs {
                operations.push(operation(template, verb, described)?);
            }
        }
        // Literal parts before parameters: `/git/refs` is not a reference named nothing.
        operations.sort_by_key(|operation| operation.template.matches('{').count());
        Ok(Self {
            operations,
            components: description["components"].take(),
        })
    }

    /// The operation that a method and a path mean, with the path's parameters.
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Option<(&Operation, Params)> {
        self.operations
            .iter()
            .filter(|operation| operation.method == method)
            .find_map(|operation| Some((operation, operation.matches(path)?)))
    }
}

fn operation(template: &str, verb: &str, described: &Value) -> Result<Operation, ContractError> {
    let documentation = described["externalDocs"]["url"]
        .as_str()
        .ok_or_else(|| ContractError::Missing(format!("paths/{template}/{verb}/externalDocs")))?;
    let schema = &described["requestBody"]["content"]["application/json"]["schema"];
    Ok(Operation {
        method: verb.to_ascii_uppercase(),
        template: template.to_owned(),
        documentation: documentation.to_owned(),
        body: schema.is_object().then(|| schema.clone()),
    })
}

fn decode(text: &str) -> Option<String> {
    percent_decode_str(text)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}
