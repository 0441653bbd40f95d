//! Secrets that people set from the command line, sealed in the database.
//!
//! Each is sealed with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under a master key that is not
//! in the database: its random nonces of 192 bits need no counter. The name is bound in, so that a row
//! cannot be passed off as another. Whoever has the database alone has nothing.

mod credential;
mod events;
mod key;
mod resolve;

use std::sync::Arc;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use serde::Serialize;
use zeroize::Zeroizing;

pub use self::events::EventSealer;
pub use self::key::{KeyId, MasterKeyError, MasterKeys};
pub use self::resolve::SecretReader;
pub(crate) use self::resolve::{of_node, resolve};
use crate::clock::SharedClock;
use crate::domain::grant::StoredName;
use crate::domain::time::Timestamp;
use crate::secret::Secret;
use crate::store::{SealedSecret, SharedStore, StoreError};

/// Bytes of the cipher's nonce.
const NONCE_BYTES: usize = 24;
/// Largest secret, in bytes: a key file is a few KiB.
pub const MAX_SECRET_BYTES: usize = 64 << 10;

/// Why a stored secret cannot be had. Never repeats a value.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("no secret `{0}` is stored; `hookyard secrets set {0}` stores one")]
    Missing(StoredName),
    #[error(
        "the secret `{name}` is sealed under the master key {key}, which this node does not have \
         (HOOKYARD_MASTER_KEY, or vault/master.key in the data directory); give it the key, or set the secret again"
    )]
    OtherKey { name: StoredName, key: KeyId },
    #[error("the secret `{0}` in the database was altered; set it again")]
    Altered(StoredName),
    #[error("a secret has at least 1 and at most {MAX_SECRET_BYTES} bytes")]
    Size,
    #[error(transparent)]
    Key(#[from] MasterKeyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What may be shown of a stored secret.
#[derive(Clone, Debug, Serialize)]
pub struct StoredSecret {
    pub name: StoredName,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The master key it is sealed under.
    pub key: KeyId,
    /// Whether this node has that key.
    pub readable: bool,
}

/// Seals and opens.
#[derive(Clone)]
pub struct Vault {
    store: SharedStore,
    clock: SharedClock,
    keys: Arc<MasterKeys>,
}

impl Vault {
    /// A vault over this store.
    #[must_use]
    pub fn new(store: SharedStore, clock: SharedClock, keys: MasterKeys) -> Self {
        Self {
            store,
            clock,
            keys: Arc::new(keys),
        }
    }

    /// Stores a secret, new or in place of the one of that name.
    ///
    /// # Errors
    /// When it is empty or too large, or cannot be sealed or stored.
    pub async fn set(&self, name: &StoredName, value: &Secret) -> Result<(), VaultError> {
        let now = self.clock.now();
        let sealed = self.seal(name, value, now, now)?;
        Ok(self.store.put_secret(&sealed).await?)
    }

    /// The value of a stored secret.
    ///
    /// # Errors
    /// When there is none of this name, or it cannot be opened.
    pub async fn get(&self, name: &StoredName) -> Result<Secret, VaultError> {
        let sealed = self.store.secret(name).await?;
        self.open(&sealed.ok_or_else(|| VaultError::Missing(name.clone()))?)
    }

    /// What is stored, by name, without values.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(&self) -> Result<Vec<StoredSecret>, VaultError> {
        let keys = self.keys.all()?;
        let stored = self.store.secrets().await?.into_iter();
        Ok(stored
            .map(|sealed| StoredSecret {
                readable: keys.iter().any(|key| key.id().as_str() == sealed.key_id),
                key: KeyId::stored(sealed.key_id),
                name: sealed.name,
                created_at: sealed.created_at,
                updated_at: sealed.updated_at,
            })
            .collect())
    }

    /// Removes a stored secret; whether it was there.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn remove(&self, name: &StoredName) -> Result<bool, VaultError> {
        Ok(self.store.remove_secret(name).await?)
    }

    /// Seals every secret anew under the first master key; how many there were. One that somebody sets or removes
    /// meanwhile stays as they left it.
    ///
    /// # Errors
    /// When one cannot be opened; those before it are sealed anew by then.
    pub async fn reseal(&self) -> Result<u64, VaultError> {
        let mut count = 0;
        for sealed in self.store.secrets().await? {
            let value = self.open(&sealed)?;
            let anew = self.seal(&sealed.name, &value, sealed.created_at, sealed.updated_at)?;
            count += u64::from(self.store.replace_secret(&sealed, &anew).await?);
        }
        Ok(count)
    }

    fn seal(
        &self,
        name: &StoredName,
        value: &Secret,
        created_at: Timestamp,
        updated_at: Timestamp,
    ) -> Result<SealedSecret, VaultError> {
        let bytes = value.expose().as_bytes();
        if bytes.is_empty() || bytes.len() > MAX_SECRET_BYTES {
            return Err(VaultError::Size);
        }
        let key = self.keys.first_or_made()?;
        let nonce = rand::random::<[u8; NONCE_BYTES]>();
        let payload = Payload {
            msg: bytes,
            aad: &bound(name, key.id().as_str()),
        };
        let sealed = XChaCha20Poly1305::new(key.bytes().into())
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| VaultError::Size)?;
        Ok(SealedSecret {
            name: name.clone(),
            key_id: key.id().as_str().to_owned(),
            sealed: [nonce.as_slice(), &sealed].concat(),
            created_at,
            updated_at,
        })
    }

    fn open(&self, sealed: &SealedSecret) -> Result<Secret, VaultError> {
        let keys = self.keys.all()?;
        let key = keys.iter().find(|key| key.id().as_str() == sealed.key_id);
        let key = key.ok_or_else(|| VaultError::OtherKey {
            name: sealed.name.clone(),
            key: KeyId::stored(sealed.key_id.clone()),
        })?;
        let altered = || VaultError::Altered(sealed.name.clone());
        let (nonce, text) = sealed
            .sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or_else(altered)?;
        let payload = Payload {
            msg: text,
            aad: &bound(&sealed.name, &sealed.key_id),
        };
        let opened = XChaCha20Poly1305::new(key.bytes().into())
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| altered())?;
        let opened = Zeroizing::new(opened);
        let text = std::str::from_utf8(&opened).map_err(|_| altered())?;
        Ok(Secret::new(text.to_owned()))
    }
}

/// What a sealed value is bound to. The name has no NUL, so that no two pairs look the same.
fn bound(name: &StoredName, key_id: &str) -> Vec<u8> {
    format!("hookyard stored secret\0{name}\0{key_id}").into_bytes()
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}
