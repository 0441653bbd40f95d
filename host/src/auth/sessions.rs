//! Sessions of people at the admin pages: opened with a password, known by a random token, ended by time, by signing
//! out, and by whatever changes the account.
//!
//! The token is the secret: 256 random bits, in a cookie. The database has its SHA-256. A form's CSRF token is derived
//! from it, so that it needs no place of its own and ends with the session.

use std::net::IpAddr;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::{Auth, SignInError, TokenError};
use crate::clock::SharedClock;
use crate::domain::access::{Right, Role};
use crate::domain::session::{
    MAX_AGENT_CHARS, MAX_SESSIONS, SESSION_AGE, SESSION_IDLE, Session, SessionDigest,
};
use crate::domain::user::User;
use crate::secret::Secret;
use crate::store::{SharedStore, StoreResult};

/// Bytes of a token: nobody guesses 256 bits.
const TOKEN_BYTES: usize = 32;

/// Sets the derivation of CSRF tokens apart from any other use of a token.
const CSRF_LABEL: &[u8] = b"hookyard csrf token v1";

/// Why no session was opened.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// The password is right.
    #[error("your role, {0}, has no admin pages: ask an admin for another one, or use the API")]
    NoPages(Role),
}

/// Who asks for a session, beside name and password.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub address: IpAddr,
    /// What the browser calls itself.
    pub agent: String,
    /// The token it came with, of a session that the new one takes the place of.
    pub token: Option<SessionToken>,
}

/// What a browser proves itself by. Shows as `***`.
#[derive(Clone, Debug)]
pub struct SessionToken(Secret);

impl SessionToken {
    /// A fresh one.
    #[must_use]
    pub fn generate() -> Self {
        Self(Secret::new(hex::encode(rand::random::<[u8; TOKEN_BYTES]>())))
    }

    /// The token in a cookie; `None` for a text that can be none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let fits = text.len() == 2 * TOKEN_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| Self(Secret::new(text.to_owned())))
    }

    /// The token itself, for the cookie.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What the database knows it by.
    #[must_use]
    pub fn digest(&self) -> SessionDigest {
        SessionDigest::of(self.expose())
    }

    /// What every form of this session carries.
    #[must_use]
    pub fn csrf(&self) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.expose().as_bytes()).expect("HMAC takes keys of any length");
        mac.update(CSRF_LABEL);
        hex::encode(mac.finalize().into_bytes())
    }

    /// Whether a form carries it, in a time that does not depend on where they differ.
    #[must_use]
    pub fn is_csrf(&self, given: &str) -> bool {
        self.csrf().as_bytes().ct_eq(given.as_bytes()).into()
    }
}

/// A session with its account, as it is now.
#[derive(Clone, Debug)]
pub struct KnownSession {
    pub session: Session,
    pub user: User,
    pub token: SessionToken,
}

/// Whether to note that a session was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A person asked for a page.
    ByPerson,
    /// A page that is open asked by itself: that keeps no session alive.
    ByItself,
}

/// The sessions of this service.
pub struct Sessions {
    store: SharedStore,
    clock: SharedClock,
}

impl Sessions {
    /// The sessions in this store.
    #[must_use]
    pub fn new(store: SharedStore, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// The session of this token, when it is not over and its account may still look.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn find(&self, token: SessionToken, seen: Seen) -> StoreResult<Option<KnownSession>> {
        let now = self.clock.now();
        let found = self.store.session(token.digest()).await?;
        let Some(session) = found.filter(|session| !session.is_over(now)) else {
            return Ok(None);
        };
        let user = self.store.user(session.user).await?;
        let Some(user) = user.filter(|user| user.is_active && user.may(Right::Read)) else {
            return Ok(None);
        };
        if seen == Seen::ByPerson && session.is_stale(now) {
            self.store.touch_session(session.digest, now).await?;
        }
        Ok(Some(KnownSession { session, user, token }))
    }

    /// Ends a session; whether there was one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end(&self, token: &SessionToken) -> StoreResult<bool> {
        self.store.end_session(token.digest()).await
    }

    /// Removes sessions that are over, at most `limit`; how many went.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn purge(&self, limit: u32) -> StoreResult<u64> {
        let now = self.clock.now();
        self.store
            .purge_sessions(now, SESSION_IDLE, SESSION_AGE, limit)
            .await
    }
}

impl Auth {
    /// Trades a password for a session. Failed tries count as at [`Auth::sign_in`]. The token is always a fresh one,
    /// and the session the browser came with ends: who planted a token knows none that is signed in.
    ///
    /// # Errors
    /// As [`Auth::sign_in`]'s, and for a role that has no pages.
    pub async fn open_session(
        &self,
        username: &str,
        password: &Secret,
        visitor: &Visitor,
    ) -> Result<KnownSession, SessionError> {
        let user = self.check_password(username, password, visitor.address).await?;
        if !user.may(Right::Read) {
            return Err(SessionError::NoPages(user.role));
        }
        let (token, now) = (SessionToken::generate(), self.clock.now());
        let session = Session {
            digest: token.digest(),
            user: user.id,
            created_at: now,
            seen_at: now,
            address: visitor.address.to_string(),
            agent: visitor.agent.chars().take(MAX_AGENT_CHARS).collect(),
        };
        let replaces = visitor.token.as_ref().map(SessionToken::digest);
        self.store
            .open_session(&session, replaces, MAX_SESSIONS)
            .await
            .map_err(SignInError::from)?;
        self.store
            .record_login(user.id, now)
            .await
            .map_err(SignInError::from)?;
        Ok(KnownSession { session, user, token })
    }

    /// A fresh access token of somebody who is signed in otherwise, to try the API with.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn access_token(&self, user: &User) -> Result<String, TokenError> {
        let claims = super::tokens::Claims::access(user.id, self.clock.now(), self.settings.access_ttl);
        self.keyring.sign(&claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_fresh_and_carry_a_csrf_token_of_their_own() {
        let (one, two) = (SessionToken::generate(), SessionToken::generate());
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.expose().len(), 64);
        assert!(one.is_csrf(&one.csrf()));
        assert!(!one.is_csrf(&two.csrf()) && !one.is_csrf("") && !one.is_csrf(one.expose()));
        assert_ne!(one.csrf(), one.digest().to_string());
        assert_eq!(format!("{one:?}"), "SessionToken(***)");
    }

    #[test]
    fn what_can_be_no_token_is_none() {
        let token = SessionToken::generate();
        assert!(SessionToken::read(token.expose()).is_some());
        for wrong in ["", "a", &"g".repeat(64), &"a".repeat(65)] {
            assert!(SessionToken::read(wrong).is_none(), "{wrong}");
        }
    }
}
