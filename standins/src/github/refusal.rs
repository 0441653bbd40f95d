//! A request refused in GitHub's words.

use hyper::StatusCode;
use serde_json::{Value, json};

/// Where GitHub's answers point when no method is meant.
pub const REST: &str = "https://docs.github.com/rest";

/// The page about both kinds of limits.
const LIMITS: &str = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api";

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// The sentence for people.
    pub message: String,
    /// The list of what is wrong, when there is one.
    pub errors: Option<Value>,
    /// The page about it; the method's own when empty.
    pub documentation: Option<String>,
    /// Headers that belong to it.
    pub headers: Vec<(&'static str, String)>,
}

impl Refusal {
    /// A refusal that points to the method's page.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            errors: None,
            documentation: None,
            headers: Vec::new(),
        }
    }

    /// 404: not there, or not to be seen.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    /// 401: a token that is none.
    pub fn bad_credentials() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Bad credentials").about(REST)
    }

    /// 401: no token where one is needed.
    pub fn requires_authentication() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Requires authentication")
    }

    /// 403.
    pub fn forbidden(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 409.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// 409: git data of a repository without a commit.
    pub fn empty_repository() -> Self {
        Self::conflict("Git Repository is empty.")
    }

    /// 422 in one sentence.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// 422 from the description: a member is missing or of the wrong type.
    pub fn invalid_request(what: &str) -> Self {
        Self::unprocessable(format!("Invalid request.\n\n{what}"))
    }

    /// 403: the repository is archived.
    pub fn archived() -> Self {
        Self::forbidden("Repository was archived so is read-only.")
    }

    /// 403: the hour's requests are used up.
    pub fn primary_limit(who: &str) -> Self {
        let message = format!(
            "API rate limit exceeded for {who}. If you reach out to GitHub Support for help, please include the \
             request ID and timestamp."
        );
        Self::forbidden(&message).about(LIMITS)
    }

    /// 403 or 429: too much at once; come back after these seconds.
    pub fn secondary_limit(status: StatusCode, retry_after: u64) -> Self {
        let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If \
                       you reach out to GitHub Support for help, please include the request ID and timestamp.";
        let mut refusal = Self::new(status, message).about(&format!("{LIMITS}#about-secondary-rate-limits"));
        refusal.headers.push(("retry-after", retry_after.to_string()));
        refusal
    }

    /// Points to another page than the method's.
    pub fn about(mut self, page: &str) -> Self {
        self.documentation = Some(page.to_owned());
        self
    }

    /// Adds the list of what is wrong.
    pub fn with_errors(mut self, errors: Value) -> Self {
        self.errors = Some(errors);
        self
    }

    /// The answer's body; `page` is the method's own.
    pub fn body(&self, page: &str) -> Value {
        let page = self.documentation.as_deref().unwrap_or(page);
        let mut body = json!({
            "message": self.message,
            "documentation_url": page,
            "status": self.status.as_u16().to_string(),
        });
        if let Some(errors) = &self.errors {
            body["errors"] = errors.clone();
        }
        body
    }

    /// A refusal on demand, by a short name; see [`NAMES`].
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "bad_credentials" => Self::bad_credentials(),
            "not_found" => Self::not_found(),
            "not_accessible" => Self::forbidden("Resource not accessible by personal access token"),
            "archived" => Self::archived(),
            "primary_rate_limit" => Self::primary_limit("user"),
            "secondary_rate_limit" => Self::secondary_limit(StatusCode::FORBIDDEN, 60),
            "conflict" => Self::conflict("is at a newer commit than expected"),
            "not_fast_forward" => Self::unprocessable("Update is not a fast forward"),
            "server_error" => Self::new(StatusCode::BAD_GATEWAY, "Server Error"),
            _ => return None,
        })
    }
}

/// The names that [`Refusal::named`] knows.
pub const NAMES: [&str; 9] = [
    "bad_credentials",
    "not_found",
    "not_accessible",
    "archived",
    "primary_rate_limit",
    "secondary_rate_limit",
    "conflict",
    "not_fast_forward",
    "server_error",
];
