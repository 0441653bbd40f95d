//! What is kept of who does things: accounts, their tokens, API keys, and the log of changes by people.

use async_trait::async_trait;

use super::StoreResult;
use crate::domain::api_key::{ApiKey, ApiKeyId, NewApiKey, RevokedKey};
use crate::domain::audit::{AuditEntry, AuditFilter};
use crate::domain::id::{RefreshTokenId, TokenFamily, UserId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::user::{CreatedUser, NewRefreshToken, NewUser, Rotation, UpdatedUser, User};

/// Users.
#[async_trait]
pub trait UserStore: Send + Sync {
    async fn create_user(&self, user: &NewUser) -> StoreResult<CreatedUser>;
    async fn user(&self, id: UserId) -> StoreResult<Option<User>>;
    /// The account and its password hash, by username without regard to case.
    async fn user_by_name(&self, username: &str) -> StoreResult<Option<(User, String)>>;
    /// All users, by name.
    async fn users(&self) -> StoreResult<Vec<User>>;
    /// A page of them, by name.
    async fn user_page(&self, page: PageRequest) -> StoreResult<Page<User>>;
    /// Writes everything but the password. Another role or activity ends the user's sessions.
    async fn update_user(&self, user: &User) -> StoreResult<UpdatedUser>;
    /// Replaces the password hash, revokes every refresh token of the user and ends its sessions.
    async fn set_password(&self, id: UserId, password_hash: &str) -> StoreResult<bool>;
    /// Puts `new` in the place of the password hash `old`, of the same password: tokens stay as they are. Nothing
    /// when the hash is another by now.
    async fn renew_password_hash(&self, id: UserId, old: &str, new: &str) -> StoreResult<()>;
    /// Revokes every refresh token of the user, ends its sessions, and notes that access tokens issued up to `at`
    /// count no more. Whether there is such a user.
    async fn sign_out(&self, id: UserId, at: Timestamp) -> StoreResult<bool>;
    /// Notes a sign-in.
    async fn record_login(&self, id: UserId, at: Timestamp) -> StoreResult<()>;
}

/// Refresh tokens.
#[async_trait]
pub trait TokenStore: Send + Sync {
    async fn store_refresh_token(&self, token: &NewRefreshToken) -> StoreResult<()>;

    /// Trades `old` for `new` in one transaction. A token that was used before revokes its
    /// family.
    async fn rotate_refresh_token(
        &self,
        old: RefreshTokenId,
        new: &NewRefreshToken,
        at: Timestamp,
    ) -> StoreResult<Rotation>;

    /// Ends every token of a family.
    async fn revoke_family(&self, family: TokenFamily, at: Timestamp) -> StoreResult<()>;

    /// Removes tokens that expired before `before`, at most `limit`; how many went.
    async fn purge_refresh_tokens(&self, before: Timestamp, limit: u32) -> StoreResult<u64>;
}

/// A key with what proves it.
#[derive(Clone, Debug)]
pub struct FoundKey {
    pub key: ApiKey,
    /// SHA-256 of the whole key.
    pub digest: Vec<u8>,
}

/// API keys.
#[async_trait]
pub trait ApiKeyStore: Send + Sync {
    /// Stores a key whose id must be new; whether it was.
    async fn create_api_key(&self, new: &NewApiKey) -> StoreResult<bool>;
    async fn api_key(&self, id: &ApiKeyId) -> StoreResult<Option<FoundKey>>;
    /// A page of keys, newest first; revoked ones stay.
    async fn api_keys(&self, page: PageRequest) -> StoreResult<Page<ApiKey>>;
    async fn revoke_api_key(&self, id: &ApiKeyId, at: Timestamp, by: &str) -> StoreResult<RevokedKey>;
    /// Notes when keys were used last; an earlier moment than the one that is known changes nothing.
    async fn note_keys_used(&self, uses: &[(ApiKeyId, Timestamp)]) -> StoreResult<()>;
}

/// What people changed.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Adds entries, all in one transaction.
    async fn note_audit(&self, entries: &[AuditEntry]) -> StoreResult<()>;
    /// A page of the log, newest first.
    async fn audit_page(&self, filter: &AuditFilter, page: PageRequest) -> StoreResult<Page<AuditEntry>>;
}
