//! What is kept of who does things: API keys, and the log of changes by people.

use async_trait::async_trait;

use super::StoreResult;
use crate::domain::api_key::{ApiKey, ApiKeyId, NewApiKey, RevokedKey};
use crate::domain::audit::{AuditEntry, AuditFilter};
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;

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
