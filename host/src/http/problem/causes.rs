//! Which problem each failure of the services below becomes.

use std::time::Duration;

use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};

use super::{Problem, chain};
use crate::actions::ActionError;
use crate::auth::lockout::LockedOut;
use crate::auth::password::HashError;
use crate::auth::{
    ApiKeyError, ChangeError, FieldErrors, RegistrationError, SignInError, TokenError, TooMany,
};
use crate::domain::rejected::{Check, Rejection};
use crate::intake::rehearse::RehearsalError;
use crate::intake::sources::SourceError;
use crate::intake::{IntakeError, LateError};
use crate::operator::EditError;
use crate::processes::ProcessError;
use crate::scheduler::ScheduleError;
use crate::store::StoreError;
use crate::wasm::RollbackError;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        store(&error)
    }
}

fn store(error: &StoreError) -> Problem {
    match error {
        StoreError::Unavailable(_) => {
            Problem::unavailable("The database does not answer: try again in a moment.").because(error)
        }
        _ => Problem::internal(chain(error)),
    }
}

impl From<LockedOut> for Problem {
    fn from(locked: LockedOut) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-attempts",
            format!("{locked}."),
        )
        .retry_after(locked.retry_after)
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::unavailable("Too many sign-ins at once: try again in a moment."),
            HashError::Failed(why) => Self::internal(why),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let description = match error {
            TokenError::Expired => {
                "Bearer error=\"invalid_token\", error_description=\"The token is expired\""
            }
            TokenError::Invalid => {
                "Bearer error=\"invalid_token\", error_description=\"The token is invalid\""
            }
            TokenError::Inactive => {
                "Bearer error=\"invalid_token\", error_description=\"The user is inactive\""
            }
            TokenError::Signing(error) => return Self::internal(chain(&error)),
        };
        Self::new(StatusCode::UNAUTHORIZED, "invalid-token", error.to_string())
            // What clients of the old service look at.
            .with("code", "token_not_valid")
            .header(WWW_AUTHENTICATE, HeaderValue::from_static(description))
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::BadCredentials => {
                Self::new(StatusCode::UNAUTHORIZED, "bad-credentials", error.to_string())
                    .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            SignInError::LockedOut(locked) => locked.into(),
            SignInError::Hash(error) => error.into(),
            SignInError::Token(error) => error.into(),
            SignInError::Store(error) => error.into(),
        }
    }
}

impl From<FieldErrors> for Problem {
    fn from(errors: FieldErrors) -> Self {
        let problem = Self::new(StatusCode::BAD_REQUEST, "invalid-fields", errors.to_string());
        errors.iter().fold(problem, |problem, (field, messages)| {
            problem.with(field, messages)
        })
    }
}

impl From<RegistrationError> for Problem {
    fn from(error: RegistrationError) -> Self {
        match error {
            RegistrationError::Closed => Self::new(
                StatusCode::FORBIDDEN,
                "registration-closed",
                "Registration is closed: ask the operator for an account.",
            ),
            RegistrationError::Invalid(errors) => errors.into(),
            RegistrationError::LockedOut(locked) => locked.into(),
            RegistrationError::Hash(error) => error.into(),
            RegistrationError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Missing => Self::no_such("user"),
            ChangeError::LastAdmin(_) => Self::new(StatusCode::CONFLICT, "last-admin", format!("{error}.")),
            ChangeError::Password(error) => error.into(),
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl From<ApiKeyError> for Problem {
    fn from(error: ApiKeyError) -> Self {
        let kind = match error {
            ApiKeyError::Unknown => "unknown-key",
            ApiKeyError::Expired { .. } => "expired-key",
            ApiKeyError::Revoked { .. } => "revoked-key",
            ApiKeyError::Owner(_) => "key-owner",
            ApiKeyError::LockedOut(locked) => return locked.into(),
            ApiKeyError::Store(error) => return error.into(),
        };
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        Self::new(StatusCode::UNAUTHORIZED, kind, format!("{error}.")).header(WWW_AUTHENTICATE, challenge)
    }
}

impl From<TooMany> for Problem {
    fn from(error: TooMany) -> Self {
        let wait = error.retry_after;
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-requests",
            format!("{error}."),
        )
        .with("limit", error.limit.to_string())
        .retry_after(wait)
    }
}

impl From<ScheduleError> for Problem {
    fn from(error: ScheduleError) -> Self {
        match error {
            ScheduleError::NoSuch(_) => Self::no_such("schedule"),
            ScheduleError::Several { .. } | ScheduleError::NotRunning { .. } => {
                Self::new(StatusCode::CONFLICT, "not-running", format!("{error}."))
            }
            ScheduleError::Busy => Self::unavailable(format!("{error}.")),
            ScheduleError::Store(error) => error.into(),
        }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Body(bad) => Self::new(StatusCode::BAD_REQUEST, "bad-json", format!("{bad}."))
                .with("line", bad.line)
                .with("column", bad.column),
            IntakeError::Name(bad) => {
                Self::new(StatusCode::BAD_REQUEST, "bad-name", format!("{bad}.")).with("origin", bad.origin)
            }
            IntakeError::Source(source) => {
                let detail = format!("This API key may not send as the source `{source}`.");
                Self::new(StatusCode::FORBIDDEN, "source-not-allowed", detail).with("source", source)
            }
            IntakeError::Full => {
                Self::unavailable("Too many events wait to be stored: try again in a moment.")
            }
            IntakeError::Stopping => Self::unavailable("The service is stopping: try again in a moment."),
            IntakeError::Protected(_) => {
                Self::new(StatusCode::FORBIDDEN, "verified-source", capitalized(&error))
            }
            IntakeError::InProgress => {
                Self::new(StatusCode::CONFLICT, "in-progress", capitalized(&error)).retry_after(IN_PROGRESS)
            }
            IntakeError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                capitalized(&error),
            ),
            // Whatever the cause, the event is not stored and the sender must come again.
            IntakeError::Store(error) => {
                Self::unavailable("The event could not be stored: try again in a moment.").because(&*error)
            }
        }
    }
}

/// What to wait while another request with the same key is dealt with: a commit takes milliseconds.
const IN_PROGRESS: Duration = Duration::from_secs(1);

/// An error's text as a sentence.
fn capitalized(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

impl From<SourceError> for Problem {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Unknown => Self::no_such("source"),
            SourceError::Intake(error) => error.into(),
            SourceError::Rejected(rejection) => rejected(&rejection),
        }
    }
}

impl From<RehearsalError> for Problem {
    fn from(error: RehearsalError) -> Self {
        match error {
            RehearsalError::Source(error) => error.into(),
            RehearsalError::Late(error) => error.into(),
        }
    }
}

/// What a sender is told: which check failed and why. What is missing on our side is not its business.
fn rejected(rejection: &Rejection) -> Problem {
    let check = rejection.check.as_str();
    match rejection.check {
        Check::NoSecret => {
            Problem::unavailable("The source cannot be verified now: its operator has to set its secret.")
                .because(rejection)
        }
        Check::Body => Problem::new(StatusCode::BAD_REQUEST, "bad-body", capitalized(rejection)),
        _ => Problem::new(StatusCode::UNAUTHORIZED, "not-verified", capitalized(rejection)),
    }
    .with("check", check)
}

impl From<LateError> for Problem {
    fn from(error: LateError) -> Self {
        match error {
            LateError::NoSuch => Self::no_such("rejected request"),
            LateError::Intake(error) => error.into(),
            LateError::Store(error) => error.into(),
            LateError::Already(event) => {
                Self::new(StatusCode::CONFLICT, "accepted-before", capitalized(&error))
                    .with("event", event.to_string())
            }
            LateError::OtherBody(event) => Self::new(
                StatusCode::CONFLICT,
                "idempotency-key-reused",
                capitalized(&error),
            )
            .with("event", event.to_string()),
            LateError::Refused(ref rejection) => {
                Self::new(StatusCode::CONFLICT, "refused-again", capitalized(&error))
                    .with("check", rejection.check.as_str())
            }
            LateError::NoSource(_)
            | LateError::NotKept(_)
            | LateError::NoCredential(_)
            | LateError::NoEvent => Self::new(StatusCode::CONFLICT, "not-acceptable", capitalized(&error)),
        }
    }
}

impl From<ProcessError> for Problem {
    fn from(error: ProcessError) -> Self {
        match error {
            ProcessError::Invalid(errors) => errors.into(),
            ProcessError::Taken(_) => {
                FieldErrors::one("code", "process with this code already exists.").into()
            }
            ProcessError::Missing(_) => Self::no_such("process"),
            ProcessError::Store(error) => error.into(),
        }
    }
}

impl From<ActionError> for Problem {
    fn from(error: ActionError) -> Self {
        match error {
            ActionError::NoPlugin(_) => Self::no_such("plugin"),
            ActionError::Wrong(why) => Self::new(StatusCode::BAD_REQUEST, "bad-input", why),
            ActionError::NotRunning { .. } => {
                Self::new(StatusCode::CONFLICT, "plugin-not-running", error.to_string())
            }
            ActionError::Json(_) => Self::internal(chain(&error)),
            ActionError::Store(error) => error.into(),
        }
    }
}

impl From<EditError> for Problem {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Unknown(..) => Self::new(StatusCode::NOT_FOUND, "no-such-plugin", error.to_string()),
            EditError::Wrong(_) | EditError::Toml(..) | EditError::Taken(..) => {
                Self::new(StatusCode::CONFLICT, "plugins-file-wrong", error.to_string())
            }
            EditError::NodesDiffer(_) => Self::new(StatusCode::CONFLICT, "nodes-differ", error.to_string()),
            EditError::Broken(_) => Self::internal(chain(&error)),
            EditError::Busy(_) | EditError::Changed(_) | EditError::Overtaken(_) | EditError::Write(..) => {
                Self::new(
                    StatusCode::CONFLICT,
                    "plugins-file-not-written",
                    error.to_string(),
                )
            }
        }
    }
}

impl From<RollbackError> for Problem {
    fn from(error: RollbackError) -> Self {
        match error {
            RollbackError::Unknown(_) => {
                Self::new(StatusCode::NOT_FOUND, "no-such-plugin", error.to_string())
            }
            _ => Self::new(StatusCode::CONFLICT, "not-rolled-back", error.to_string()),
        }
    }
}
