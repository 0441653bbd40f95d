//! Users and the tokens they hold.

use super::access::{Right, Role};
use super::id::{RefreshTokenId, TokenFamily, UserId};
use super::time::Timestamp;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    /// Unique without regard to case; kept as typed.
    pub username: String,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    /// What it may do.
    pub role: Role,
    /// An inactive user cannot sign in, and its tokens stop working.
    pub is_active: bool,
    pub date_joined: Timestamp,
    pub last_login: Option<Timestamp>,
    /// Access tokens issued up to then are refused: it was signed out everywhere.
    pub signed_out_at: Option<Timestamp>,
}

impl User {
    /// Whether this account may do such a thing.
    #[must_use]
    pub const fn may(&self, right: Right) -> bool {
        self.role.may(right)
    }

    /// What the service that this one replaces called staff: everybody but senders.
    #[must_use]
    pub const fn is_staff(&self) -> bool {
        self.may(Right::Read)
    }
}

/// An account about to be stored.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub user: User,
    /// PHC string of the password's hash.
    pub password_hash: String,
}

/// Whether a new account was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreatedUser {
    Created,
    UsernameTaken,
}

/// Whether a change of an account was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdatedUser {
    Updated,
    /// There is no such account.
    Missing,
    /// Another account has the username.
    UsernameTaken,
}

/// One refresh token as stored (the token itself is signed, not stored).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRefreshToken {
    pub id: RefreshTokenId,
    pub family: TokenFamily,
    pub user: UserId,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What happened when a refresh token was traded for its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The old token is used up and the new one stored.
    Rotated,
    /// The old token had been used before: its whole family is now revoked.
    Reused,
    /// The family is revoked, or the token is unknown.
    Refused,
}
