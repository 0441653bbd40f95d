//! One request that may be answered: what it asks, and helpers to answer it.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Map, Value};

use super::access::Caller;
use super::contract::Params;
use super::refusal::Refusal;
use super::repository::Repository;
use super::state::State;

/// Items on a page when the request says nothing, and at most (the description's `per-page`).
const PER_PAGE: (usize, usize) = (30, 100);

/// What an operation comes to.
pub type Outcome = Result<Answer, Refusal>;

/// A good answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body.
    pub body: Body,
    /// Headers that belong to it.
    pub headers: Vec<(&'static str, String)>,
}

/// A body.
#[derive(Debug)]
pub enum Body {
    /// JSON.
    Json(Value),
    /// The bytes of a file.
    Raw(Bytes),
    /// None.
    Empty,
}

impl Answer {
    /// An answer in JSON.
    pub fn new(status: StatusCode, body: Value) -> Self {
        Self {
            status,
            body: Body::Json(body),
            headers: Vec::new(),
        }
    }

    /// 200.
    pub fn ok(body: Value) -> Self {
        Self::new(StatusCode::OK, body)
    }

    /// 201, with the place of what was made.
    pub fn created(body: Value) -> Self {
        let location = body["url"].as_str().map(str::to_owned);
        let mut answer = Self::new(StatusCode::CREATED, body);
        answer.headers.extend(location.map(|url| ("location", url)));
        answer
    }

    /// 204.
    pub fn nothing() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            body: Body::Empty,
            headers: Vec::new(),
        }
    }

    /// The bytes of a file.
    pub fn raw(content: Bytes) -> Self {
        Self {
            status: StatusCode::OK,
            body: Body::Raw(content),
            headers: Vec::new(),
        }
    }
}

/// A request that was let through.
#[derive(Debug)]
pub struct Call<'a> {
    /// Everything the stand-in knows.
    pub state: &'a mut State,
    /// Who asks.
    pub caller: &'a Caller,
    /// The parameters of the path.
    pub params: Params,
    /// The parameters of the query; of several with one name the last.
    pub query: BTreeMap<String, String>,
    /// The body, checked against its schema.
    pub body: Map<String, Value>,
    /// The `Accept` header.
    pub accept: String,
    /// The stand-in's origin.
    pub base: &'a str,
    /// The path asked for, still encoded.
    pub path: &'a str,
    /// Seconds since 1970.
    pub now: i64,
}

impl Call<'_> {
    /// A parameter of the path; empty when the path has none of that name.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// A text of the body.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }

    /// A truth value of the body.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.body.get(name).and_then(Value::as_bool)
    }

    /// The repository of the path.
    pub fn repo(&self) -> Result<&Repository, Refusal> {
        self.state
            .repository(self.param("owner"), self.param("repo"))
            .ok_or_else(Refusal::not_found)
    }

    /// The repository of the path, to change it.
    pub fn repo_mut(&mut self) -> Result<&mut Repository, Refusal> {
        let owner = self.params.get("owner").map_or("", String::as_str);
        let name = self.params.get("repo").map_or("", String::as_str);
        self.state
            .repository_mut(owner, name)
            .ok_or_else(Refusal::not_found)
    }

    /// Where the repository's API is.
    pub fn repo_url(&self) -> Result<String, Refusal> {
        Ok(format!("{}/repos/{}", self.base, self.repo()?.full_name()))
    }

    /// Whether the raw bytes are asked for.
    pub fn wants_raw(&self) -> bool {
        self.accept.contains("application/vnd.github") && self.accept.contains("raw")
    }

    /// The page asked for of a list, and the `Link` header that leads to the others.
    pub fn paged<T>(&self, items: Vec<T>) -> (Vec<T>, Vec<(&'static str, String)>) {
        let number = |name: &str| self.query.get(name).and_then(|text| text.parse::<usize>().ok());
        let per_page = number("per_page").filter(|n| *n > 0).unwrap_or(PER_PAGE.0);
        let per_page = per_page.min(PER_PAGE.1);
        let page = number("page").filter(|n| *n > 0).unwrap_or(1);
        let last = items.len().div_ceil(per_page).max(1);
        let mut links = Vec::new();
        for (relation, to, wanted) in [
            ("prev", page.saturating_sub(1).min(last), page > 1),
            ("next", page.saturating_add(1), page < last),
            ("last", last, page < last),
            ("first", 1, page > 1),
        ] {
            if wanted {
                links.push(format!("<{}>; rel=\"{relation}\"", self.page_url(to)));
            }
        }
        let shown = items
            .into_iter()
            .skip((page - 1).saturating_mul(per_page))
            .take(per_page)
            .collect();
        let header = (!links.is_empty()).then(|| ("link", links.join(", ")));
        (shown, header.into_iter().collect())
    }

    fn page_url(&self, page: usize) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.query.iter().filter(|(name, _)| *name != "page"));
        query.append_pair("page", &page.to_string());
        format!("{}{}?{}", self.base, self.path, query.finish())
    }
}
