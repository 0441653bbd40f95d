//! Who asks, and what they may.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::refusal::{REST, Refusal};
use super::repository::Repository;
use super::state::State;
use super::token::{Grant, Level, TokenText};

/// Who asks.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Nobody known.
    Anonymous,
    /// The holder of a token.
    Token(Grant),
    /// The app itself, by an assertion.
    App,
}

impl Caller {
    /// Whose requests are counted together: all tokens of one user share their limit, as GitHub's do.
    pub fn counted_as(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Token(Grant::Installation { .. }) => "installation",
            Self::Token(_) => "user",
            Self::App => "app",
        }
    }
}

/// What an operation asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// A user's token.
    User,
    /// The app's assertion.
    App,
    /// An installation's token.
    Installation,
    /// A permission on the repository of the path.
    Repository(&'static str, Level),
}

/// Permission to see a repository.
pub const METADATA: Need = Need::Repository("metadata", Level::Read);
/// Permission to read files and history.
pub const READ: Need = Need::Repository("contents", Level::Read);
/// Permission to change files and history.
pub const WRITE: Need = Need::Repository("contents", Level::Write);
/// Permission to change settings.
pub const ADMIN: Need = Need::Repository("administration", Level::Write);

/// Finds out who asks. `Bearer`, `token` and basic authentication are all taken, as GitHub takes them.
pub fn authenticate(state: &State, authorization: Option<&str>, now: i64) -> Result<Caller, Refusal> {
    let Some(authorization) = authorization else {
        return Ok(Caller::Anonymous);
    };
    let (scheme, credentials) = authorization
        .split_once(' ')
        .ok_or_else(Refusal::bad_credentials)?;
    let text = match scheme.to_ascii_lowercase().as_str() {
        "bearer" | "token" => credentials.trim().to_owned(),
        "basic" => password(credentials).ok_or_else(Refusal::bad_credentials)?,
        _ => return Err(Refusal::bad_credentials()),
    };
    if text.split('.').count() == 3 {
        return state.app.verify(&text, now).map(|()| Caller::App);
    }
    let token = state
        .tokens
        .get(&TokenText::received(&text))
        .filter(|token| !token.revoked && token.expires_at.is_none_or(|end| end > now))
        .ok_or_else(Refusal::bad_credentials)?;
    Ok(Caller::Token(token.grant.clone()))
}

/// The token of basic authentication: the password, or the user name when there is no password.
fn password(credentials: &str) -> Option<String> {
    let pair = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    let token = if password.is_empty() || password == "x-oauth-basic" {
        user
    } else {
        password
    };
    Some(token.to_owned())
}

/// Whether the caller may do what needs that, on the repository of the path where there is one.
pub fn permit(
    state: &State,
    caller: &Caller,
    need: Need,
    repository: Option<&Repository>,
) -> Result<(), Refusal> {
    match (need, caller) {
        (Need::Nothing, _)
        | (Need::App, Caller::App)
        | (Need::Installation, Caller::Token(Grant::Installation { .. }))
        | (Need::User, Caller::Token(Grant::Classic { .. } | Grant::FineGrained { .. })) => Ok(()),
        (Need::User | Need::Installation, Caller::Anonymous) => Err(Refusal::requires_authentication()),
        (Need::App, _) => Err(Refusal::new(
            hyper::StatusCode::UNAUTHORIZED,
            "A JSON web token could not be decoded",
        )
        .about(REST)),
        (Need::User, _) => Err(Refusal::forbidden("Resource not accessible by integration")),
        (Need::Installation, _) => Err(Refusal::forbidden(
            "You must authenticate with an installation access token in order to list repositories for an \
             installation.",
        )),
        (Need::Repository(permission, level), _) => {
            let repository = repository
                .filter(|repository| sees(state, caller, repository))
                .ok_or_else(Refusal::not_found)?;
            on_repository(state, caller, repository, permission, level)
        }
    }
}

/// Whether the caller knows that the repository exists.
pub fn sees(state: &State, caller: &Caller, repository: &Repository) -> bool {
    !repository.private
        || match caller {
            Caller::Anonymous | Caller::App => false,
            Caller::Token(grant) => match grant {
                Grant::Classic { .. } => grant.has_scope("repo"),
                Grant::FineGrained { .. } | Grant::Installation { .. } => selects(state, grant, repository),
            },
        }
}

/// Whether a token with permissions reaches the repository at all.
fn selects(state: &State, grant: &Grant, repository: &Repository) -> bool {
    let Some((permissions, selected)) = grant.permissions() else {
        return true;
    };
    let at_home = !matches!(grant, Grant::Installation { .. }) || repository.owner == state.org.login;
    let chosen = selected.is_none_or(|names| {
        names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&repository.name))
    });
    at_home && chosen && !permissions.is_empty()
}

fn on_repository(
    state: &State,
    caller: &Caller,
    repository: &Repository,
    permission: &str,
    level: Level,
) -> Result<(), Refusal> {
    let reads = level == Level::Read;
    match caller {
        Caller::Anonymous if reads => Ok(()),
        Caller::Anonymous => Err(Refusal::requires_authentication()),
        Caller::App => Err(Refusal::forbidden("Resource not accessible by integration")),
        // GitHub does not tell a classic token what it lacks: what it may not change is not there.
        Caller::Token(grant @ Grant::Classic { .. }) => {
            let enough = (reads && !repository.private)
                || grant.has_scope("repo")
                || (!repository.private && grant.has_scope("public_repo"));
            enough.then_some(()).ok_or_else(Refusal::not_found)
        }
        Caller::Token(grant) => {
            let has = grant
                .permissions()
                .and_then(|(permissions, _)| permissions.get(permission));
            let enough = permission == "metadata"
                || (selects(state, grant, repository) && has.is_some_and(|has| *has >= level))
                || (reads && !repository.private && permission == "contents");
            if enough {
                return Ok(());
            }
            let mut refusal = Refusal::forbidden(grant.not_accessible());
            let needed = if reads { "read" } else { "write" };
            refusal
                .headers
                .push(("x-accepted-github-permissions", format!("{permission}={needed}")));
            Err(refusal)
        }
    }
}
