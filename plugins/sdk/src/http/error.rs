//! Why a request brought no answer.

use std::fmt;

use crate::Failure;

/// A request that brought no answer, or not a whole one. Texts are for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The host did not let it out: not granted. The text has the mend where the host gave one.
    Denied(String),
    /// A limit of the run is reached: its requests or their bytes. What does not depend on them may be done by
    /// another run. The text names the limit.
    RunLimit(String),
    /// The request itself is malformed: no usable URL, a header that is not allowed.
    Malformed(String),
    /// No connection, a name that does not resolve, TLS, a time-out.
    Transport(String),
    /// The answer broke off.
    CutOff(String),
    /// The request was sent and answered, and the host did not hand the answer over: it was coded so that it
    /// could not be searched for a secret, or its header section was too large. What the request was to do
    /// may have been done, and asking again brings the same.
    Withheld(String),
    /// The answer is longer than [`crate::http::Request::max_body`], or the answers of the run are
    /// together longer than the operator's `response-bytes`; the bound, in bytes.
    TooLarge(usize),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(text) => write!(f, "the host did not let the request out: {text}"),
            Self::RunLimit(text) => write!(f, "{text}"),
            Self::Malformed(text) => write!(f, "the request is malformed: {text}"),
            Self::Transport(text) => write!(f, "the request got no answer: {text}"),
            Self::CutOff(text) => write!(f, "the answer broke off: {text}"),
            Self::Withheld(text) => write!(
                f,
                "the request was sent and answered, but the host did not hand the answer over: {text}"
            ),
            Self::TooLarge(limit) => write!(
                f,
                "the answer is longer than {limit} bytes (the request's own bound, or `response-bytes` of \
                 [plugins.NAME.limits] in plugins.toml)"
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Transport(_) | Error::CutOff(_) => Self::retry(text),
            Error::Denied(_)
            | Error::RunLimit(_)
            | Error::Malformed(_)
            | Error::Withheld(_)
            | Error::TooLarge(_) => Self::reject(text),
        }
    }
}
