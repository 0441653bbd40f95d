//! API keys: made, told from wrong ones, revoked.
//!
//! What a request's key stands for is remembered for [`CACHE_TTL`], so that a busy sender costs the database two
//! reads a second. A revocation here takes effect at once, on other nodes when their memory of the key ends. When a
//! key was used last is noted in memory and written by [`ApiKeys::flush`], away from the webhook's own commit.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hmac::digest::CtOutput;
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};

use super::lockout::{LockedOut, Lockout};
use crate::clock::SharedClock;
use crate::domain::access::Right;
use crate::domain::api_key::{
    ApiKey, ApiKeyId, ID_CHARS, NewApiKey, PREFIX, RevokedKey, SECRET_CHARS, SourceScope, id_in,
};
use crate::domain::page::{Page, PageRequest};
use crate::domain::rate_limit::RateLimit;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::secret::Secret;
use crate::store::{FoundKey, SharedStore, StoreError, StoreResult};

/// How long what is known of a key is believed: how late a revocation on another node may take effect here.
pub const CACHE_TTL: Duration = Duration::from_secs(1);
/// Keys remembered: more than a node serves in a second; about 10 MiB. When it is full it is begun anew.
pub const MAX_CACHED: usize = 10_000;
/// How often the last uses are written: the column is for people who ask whether a key is still in use.
pub const FLUSH_INTERVAL: Duration = Duration::from_mins(1);
/// Ids drawn before we give up: with a million keys one in 50,000 is taken.
const MAX_DRAWS: usize = 8;

/// Why a key is not accepted. The texts are what callers see.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    #[error("The API key is unknown")]
    Unknown,
    #[error("The API key {id} expired at {at}")]
    Expired { id: ApiKeyId, at: Timestamp },
    #[error("The API key {id} was revoked at {at}")]
    Revoked { id: ApiKeyId, at: Timestamp },
    #[error("The account of the API key {0} is inactive or may not send")]
    Owner(ApiKeyId),
    #[error(transparent)]
    LockedOut(#[from] LockedOut),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A key as somebody asks for it.
#[derive(Clone, Debug)]
pub struct KeyRequest {
    pub name: String,
    pub owner: User,
    pub sources: SourceScope,
    pub rate: Option<RateLimit>,
    pub expires_at: Option<Timestamp>,
    /// Who asks.
    pub by: String,
}

/// A key that is accepted, and whose it is.
#[derive(Clone, Debug)]
pub struct KnownKey {
    pub key: ApiKey,
    pub owner: User,
}

#[derive(Clone)]
struct Remembered {
    found: FoundKey,
    owner: Option<User>,
    at: Timestamp,
}

/// The keys of this service.
pub struct ApiKeys {
    store: SharedStore,
    clock: SharedClock,
    remembered: Mutex<HashMap<ApiKeyId, Remembered>>,
    used: Mutex<HashMap<ApiKeyId, Timestamp>>,
}

impl ApiKeys {
    /// The keys in this store.
    #[must_use]
    pub fn new(store: SharedStore, clock: SharedClock) -> Self {
        Self {
            store,
            clock,
            remembered: Mutex::default(),
            used: Mutex::default(),
        }
    }

    /// Whether a key that works until then would be over before it is used.
    #[must_use]
    pub fn is_over(&self, expires_at: Timestamp) -> bool {
        expires_at <= self.clock.now()
    }

    /// Makes a key. The second part is the key itself, which is kept nowhere.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn create(&self, request: KeyRequest) -> StoreResult<(ApiKey, Secret)> {
        for _ in 0..MAX_DRAWS {
            let id: ApiKeyId = word(ID_CHARS)
                .parse()
                .expect("letters and digits, as many as an id has");
            let text = Secret::new(format!("{PREFIX}{id}_{}", word(SECRET_CHARS)));
            let new = NewApiKey {
                digest: Sha256::digest(text.expose()).into(),
                key: ApiKey {
                    id,
                    name: request.name.clone(),
                    owner: request.owner.id,
                    sources: request.sources.clone(),
                    rate: request.rate,
                    created_at: self.clock.now(),
                    created_by: request.by.clone(),
                    expires_at: request.expires_at,
                    revoked_at: None,
                    revoked_by: None,
                    last_used_at: None,
                },
            };
            if self.store.create_api_key(&new).await? {
                return Ok((new.key, text));
            }
        }
        Err(StoreError::Unavailable(
            "every id drawn for the key was taken".into(),
        ))
    }

    /// What the key stands for, when it may be used now by whoever is at `from`.
    pub(super) async fn authenticate(
        &self,
        text: &str,
        from: IpAddr,
        lockout: &Lockout,
    ) -> Result<KnownKey, ApiKeyError> {
        lockout.key(from)?;
        let unknown = || {
            lockout.bad_key(from);
            ApiKeyError::Unknown
        };
        let id = id_in(text).ok_or_else(unknown)?;
        let known = self.look_up(&id).await?.ok_or_else(unknown)?;
        // What a key's state is, only its holder is told.
        if !same(&known.found.digest, text) {
            return Err(unknown());
        }
        let (key, now) = (known.found.key, self.clock.now());
        if let Some(at) = key.revoked_at {
            return Err(ApiKeyError::Revoked { id, at });
        }
        if let Some(at) = key.expires_at.filter(|at| *at <= now) {
            return Err(ApiKeyError::Expired { id, at });
        }
        let owner = known
            .owner
            .filter(|owner| owner.is_active && owner.may(Right::Send))
            .ok_or(ApiKeyError::Owner(id))?;
        self.note_use(&key.id, now);
        Ok(KnownKey { key, owner })
    }

    /// A page of keys, newest first, with their last uses up to now.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn page(&self, page: PageRequest) -> StoreResult<Page<ApiKey>> {
        self.flush().await?;
        self.store.api_keys(page).await
    }

    /// Revokes a key, for good.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn revoke(&self, id: &ApiKeyId, by: &str) -> StoreResult<RevokedKey> {
        let revoked = self.store.revoke_api_key(id, self.clock.now(), by).await;
        // After the commit, or a request in between would remember it as it was.
        self.remembered().remove(id);
        revoked
    }

    /// Writes when keys were used last.
    ///
    /// # Errors
    /// When the store cannot be written; the next flush tries them again.
    pub async fn flush(&self) -> StoreResult<()> {
        let uses = std::mem::take(&mut *self.used());
        if uses.is_empty() {
            return Ok(());
        }
        let mut rows: Vec<_> = uses.into_iter().collect();
        // In one order, so that two nodes cannot wait for each other in a circle.
        rows.sort();
        let written = self.store.note_keys_used(&rows).await;
        if written.is_err() {
            let mut waiting = self.used();
            for (id, at) in rows {
                waiting.entry(id).or_insert(at);
            }
        }
        written
    }

    async fn look_up(&self, id: &ApiKeyId) -> StoreResult<Option<Remembered>> {
        let now = self.clock.now();
        let fresh = |known: &&Remembered| known.at <= now && now.since(known.at) < CACHE_TTL;
        if let Some(known) = self.remembered().get(id).filter(fresh) {
            return Ok(Some(known.clone()));
        }
        let Some(found) = self.store.api_key(id).await? else {
            return Ok(None);
        };
        let known = Remembered {
            owner: self.store.user(found.key.owner).await?,
            found,
            at: now,
        };
        let mut remembered = self.remembered();
        if remembered.len() >= MAX_CACHED {
            remembered.clear();
        }
        remembered.insert(id.clone(), known.clone());
        Ok(Some(known))
    }

    fn note_use(&self, id: &ApiKeyId, now: Timestamp) {
        let mut used = self.used();
        // Bounded: past it a use goes unnoted until the next flush.
        if used.len() < MAX_CACHED || used.contains_key(id) {
            used.insert(id.clone(), now);
        }
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashMap<ApiKeyId, Remembered>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn used(&self) -> std::sync::MutexGuard<'_, HashMap<ApiKeyId, Timestamp>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this is the digest of the key, in a time that does not depend on where they differ.
fn same(digest: &[u8], text: &str) -> bool {
    let Ok(digest) = <[u8; 32]>::try_from(digest) else {
        return false;
    };
    CtOutput::<Sha256>::new(digest.into()) == CtOutput::new(Sha256::digest(text))
}

/// Random letters and digits, each as likely as any other.
fn word(chars: usize) -> String {
    rand::rng()
        .sample_iter(rand::distr::Alphanumeric)
        .take(chars)
        .map(char::from)
        .collect()
}
