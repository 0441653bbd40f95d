//! Sessions: people who are signed in to the admin pages.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::id::UserId;
use super::time::Timestamp;

/// How long a session lasts after the last page that a person asked for: a meeting or a lunch.
pub const SESSION_IDLE: Duration = Duration::from_hours(1);
/// How long it lasts in all: a working day, after which whoever found the cookie has to know the password.
pub const SESSION_AGE: Duration = Duration::from_hours(12);
/// How exactly it is known when a session was seen last: not every page is a write.
pub const SEEN_WITHIN: Duration = Duration::from_mins(1);
/// Sessions of one account; the oldest end when there are more. More than a person has browsers.
pub const MAX_SESSIONS: u32 = 20;
/// Longest text kept of what a browser calls itself, in characters.
pub const MAX_AGENT_CHARS: usize = 200;

/// What is kept of a session's token: its SHA-256. Whoever reads the database cannot sign in with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionDigest([u8; 32]);

/// A text that is no digest.
#[derive(Debug, thiserror::Error)]
#[error("not 64 hexadecimal digits")]
pub struct InvalidSessionDigest;

impl SessionDigest {
    /// The digest of this token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

impl fmt::Display for SessionDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SessionDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SessionDigest {
    type Err = InvalidSessionDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidSessionDigest)?;
        Ok(Self(bytes))
    }
}

/// A session as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub digest: SessionDigest,
    pub user: UserId,
    pub created_at: Timestamp,
    /// To within [`SEEN_WITHIN`].
    pub seen_at: Timestamp,
    /// Where the sign-in came from.
    pub address: String,
    /// What the browser calls itself; at most [`MAX_AGENT_CHARS`].
    pub agent: String,
}

impl Session {
    /// Whether it has ended by itself: idle for too long, or too old.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) >= SESSION_IDLE || now.since(self.created_at) >= SESSION_AGE
    }

    /// Whether a page asked for now is to be noted.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) >= SEEN_WITHIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGAN: Timestamp = Timestamp::from_millis(1_750_000_000_000);

    fn session(seen_after: Duration) -> Session {
        Session {
            digest: SessionDigest::of("a"),
            user: UserId::generate(),
            created_at: BEGAN,
            seen_at: BEGAN.plus(seen_after),
            address: String::new(),
            agent: String::new(),
        }
    }

    #[test]
    fn a_session_ends_when_it_is_idle_or_old() {
        let moment = Duration::from_millis(1);
        let fresh = session(Duration::ZERO);
        assert!(!fresh.is_over(BEGAN.plus(SESSION_IDLE.saturating_sub(moment))));
        assert!(fresh.is_over(BEGAN.plus(SESSION_IDLE)));
        let used = session(SESSION_AGE.saturating_sub(moment));
        assert!(!used.is_over(BEGAN.plus(SESSION_AGE.saturating_sub(moment))));
        assert!(used.is_over(BEGAN.plus(SESSION_AGE)));
        // A clock that went back ends nothing.
        assert!(!fresh.is_over(BEGAN.minus(SESSION_AGE)));
        assert!(fresh.is_stale(BEGAN.plus(SEEN_WITHIN)) && !fresh.is_stale(BEGAN));
    }

    #[test]
    fn a_digest_goes_through_text() {
        let digest = SessionDigest::of("");
        let text = digest.to_string();
        assert!(text.starts_with("e3b0c442"), "{text}");
        assert_eq!(text.parse::<SessionDigest>().expect("its own text"), digest);
        assert!("e3".parse::<SessionDigest>().is_err());
    }
}
