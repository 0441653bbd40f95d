//! What an answer that is no success means for the backup, and what a person can do about it.
//!
//! Statuses: <https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api>;
//! limits: <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>.

use std::time::{Duration, SystemTime};

use hookyard_plugin_sdk::http::{Error as HttpError, Response};
use hookyard_plugin_sdk::{Failure, clock};
use octocrab::GitHubError;

/// The wait for a secondary limit that names none: "at least one minute", says GitHub.
const UNNAMED_WAIT: Duration = Duration::from_mins(1);

/// The shortest wait for a limit whose reset has just passed.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// The wait until every server of GitHub's knows a new installation token.
const FRESH_WAIT: Duration = Duration::from_secs(5);

/// Characters of GitHub's text that are kept; a proxy's error page can be long.
const MAX_TEXT: usize = 500;

/// What to do about a rule.
const PROTECTED: &str =
    "a rule protects the branch; let the token's owner bypass it, or set another `branch` in plugins.toml";

/// A request that did not succeed.
#[derive(Debug)]
pub(crate) struct Error {
    /// What was being done, for people: `reading the branch`.
    what: &'static str,
    cause: Cause,
    /// Whether the token may be so new that not every server of GitHub's knows it.
    fresh: bool,
}

#[derive(Debug)]
enum Cause {
    /// GitHub answered, and not with a success.
    Refused(Box<GitHubError>),
    /// There was no whole answer, or none that can be read.
    Failed(Failure),
}

impl Error {
    pub(super) fn new(what: &'static str, error: octocrab::Error) -> Self {
        let cause = match error {
            octocrab::Error::GitHub { source, .. } => Cause::Refused(source),
            octocrab::Error::Service { source, .. } => Cause::Failed(unanswered(&*source)),
            octocrab::Error::Json { source, .. } => {
                Cause::Failed(unreadable(&source.to_string(), source.inner().is_eof()))
            }
            other => Cause::Failed(Failure::reject(cut(&other.to_string()))),
        };
        Self {
            what,
            cause,
            fresh: false,
        }
    }

    /// The same, of a token that may be a few seconds old.
    pub(super) fn fresh(self, fresh: bool) -> Self {
        Self { fresh, ..self }
    }

    /// The status of GitHub's answer.
    pub(crate) fn status(&self) -> Option<u16> {
        match &self.cause {
            Cause::Refused(error) => Some(error.status_code.as_u16()),
            Cause::Failed(_) => None,
        }
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// A repository without any commit answers every git data request so.
    pub(crate) fn is_empty_repository(&self) -> bool {
        self.status() == Some(409) && self.says("empty")
    }

    /// The branch is no longer where it was: somebody else was first.
    pub(crate) fn is_moved(&self) -> bool {
        match self.status() {
            Some(409) => !self.is_empty_repository() && !self.says("rule"),
            Some(422) => self.says("fast forward") || self.says("fast-forward"),
            _ => false,
        }
    }

    /// The name is taken: by what this token may not see, or since a moment.
    pub(crate) fn is_taken(&self) -> bool {
        self.status() == Some(422) && self.says("already exists")
    }

    /// What GitHub says, for a report about one file.
    pub(crate) fn text(&self) -> String {
        match &self.cause {
            Cause::Refused(error) => said(error),
            Cause::Failed(failure) => failure.reason().to_owned(),
        }
    }

    /// Whether one of GitHub's texts has this, in any case.
    fn says(&self, words: &str) -> bool {
        match &self.cause {
            Cause::Refused(error) => said(error).to_lowercase().contains(words),
            Cause::Failed(_) => false,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.cause {
            Cause::Failed(failure) => failure.context(error.what),
            Cause::Refused(source) if error.fresh && is_unknown(&source) => Failure::retry_after(
                format!(
                    "GitHub answers {}: {}",
                    source.status_code.as_u16(),
                    said(&source)
                ),
                FRESH_WAIT,
            )
            .context(error.what),
            Cause::Refused(source) => settle(&source).context(error.what),
        }
    }
}

/// The SDK's own error is inside octocrab's; it knows whether a retry makes sense.
fn unanswered(source: &(dyn std::error::Error + 'static)) -> Failure {
    source.downcast_ref::<HttpError>().map_or_else(
        || Failure::retry(cut(&source.to_string())),
        |error| Failure::from(error.clone()),
    )
}

/// A success that octocrab's types do not fit. One that ends early was cut off on the way.
fn unreadable(text: &str, ends_early: bool) -> Failure {
    let text = format!("the answer is not what GitHub's API gives ({})", cut(text));
    if ends_early {
        Failure::retry(text)
    } else {
        Failure::reject(format!("{text}; check `api-base` in plugins.toml"))
    }
}

/// How GitHub refuses a token that it does not know.
fn is_unknown(error: &GitHubError) -> bool {
    error.status_code.as_u16() == 401
}

fn settle(error: &GitHubError) -> Failure {
    let status = error.status_code.as_u16();
    let text = format!("GitHub answers {status}: {}", said(error));
    if matches!(status, 403 | 429)
        && let Some(wait) = limit(error, clock::now())
    {
        return Failure::defer(
            format!("{text} (a rate limit; waiting {} s)", wait.as_secs()),
            wait,
        );
    }
    match (status, retry_after(error)) {
        (409, _) if is_rule(error) => Failure::reject(format!("{text}; {PROTECTED}")),
        (408 | 409 | 425 | 500..=599, Some(after)) => Failure::retry_after(text, after),
        (408 | 409 | 425 | 500..=599, None) => Failure::retry(text),
        _ => Failure::reject(format!("{text}; {}", mend(status, error))),
    }
}

/// The wait that a rate limit imposes, if this is one. Exactly what GitHub names where it does.
fn limit(error: &GitHubError, now: SystemTime) -> Option<Duration> {
    if let Some(wait) = retry_after(error) {
        return Some(wait.max(SHORTEST_WAIT));
    }
    if header(error, "x-ratelimit-remaining") == Some("0")
        && let Some(reset) = error.rate_limit_reset
    {
        let reset = SystemTime::UNIX_EPOCH + Duration::from_secs(reset);
        return Some(reset.duration_since(now).unwrap_or_default().max(SHORTEST_WAIT));
    }
    let text = error.message.to_lowercase();
    let named = ["rate limit", "abuse detection"]
        .iter()
        .any(|words| text.contains(words));
    (named || error.status_code.as_u16() == 429).then_some(UNNAMED_WAIT)
}

fn retry_after(error: &GitHubError) -> Option<Duration> {
    let value = header(error, "retry-after")?.to_owned();
    let headers = vec![("retry-after".to_owned(), value)];
    let (status, body) = (error.status_code.as_u16(), Vec::new());
    Response {
        status,
        headers,
        body,
    }
    .retry_after()
}

/// What to do about an answer that waiting does not change.
fn mend(status: u16, error: &GitHubError) -> String {
    let text = said(error).to_lowercase();
    let fixed = match status {
        301 | 302 | 307 | 308 => {
            "the repository was renamed or moved; set `owner` and `repo` in plugins.toml to its new place"
        }
        401 => "the token is wrong, expired or revoked; make a new one and put it where the secret points",
        403 if text.contains("archived") => {
            "unarchive the repository in its settings, or set another `repo` in plugins.toml"
        }
        403 if header(error, "x-github-sso").is_some() => {
            "the organisation demands single sign-on; authorise the token for it under Settings, \
             Developer settings, Personal access tokens, Configure SSO"
        }
        403 | 404 if let Some(mend) = scopes(error) => return mend,
        403 => return permission(error),
        404 => {
            "check `owner`, `repo` and `branch` in plugins.toml, and that the token may use this repository: \
             GitHub answers 404 for what a token may not see"
        }
        422 if is_rule(error) => PROTECTED,
        _ => "see the message; GitHub refuses the request as it stands",
    };
    fixed.to_owned()
}

/// A ruleset or a branch protection says no.
fn is_rule(error: &GitHubError) -> bool {
    let text = said(error).to_lowercase();
    text.contains("rule") || text.contains("protected branch")
}

/// A classic token without the scope for repositories. GitHub names the scopes of such tokens, and of no others:
/// <https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps>.
fn scopes(error: &GitHubError) -> Option<String> {
    let scopes = cut(header(error, "x-oauth-scopes")?);
    if scopes.split(',').any(|scope| scope.trim() == "repo") {
        return None;
    }
    let has = if scopes.is_empty() {
        "no scope".to_owned()
    } else {
        format!("only `{scopes}`")
    };
    Some(format!(
        "the token is a classic one and has {has}: give it `repo` (a public repository needs `public_repo`), or use \
         a fine-grained token"
    ))
}

/// GitHub names the permission that would do in a header.
fn permission(error: &GitHubError) -> String {
    let needed = header(error, "x-accepted-github-permissions").map(cut);
    let needed = needed.filter(|needed| !needed.is_empty());
    let needed = needed.map_or_else(
        || {
            "Contents: read and write (and Administration: read and write to create the repository)"
                .to_owned()
        },
        |needed| format!("`{needed}`"),
    );
    format!("the token lacks a permission: give it {needed} for this repository")
}

fn header<'a>(error: &'a GitHubError, name: &str) -> Option<&'a str> {
    error.headers.as_ref()?.get(name)?.to_str().ok()
}

/// GitHub's message with its details, in one line.
fn said(error: &GitHubError) -> String {
    let mut text = error.message.clone();
    for detail in error.errors.iter().flatten() {
        let words = detail["message"].as_str().or_else(|| detail.as_str());
        text.push_str("; ");
        text.push_str(&words.map_or_else(|| detail.to_string(), str::to_owned));
    }
    cut(&text.replace(['\n', '\r'], " "))
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}
