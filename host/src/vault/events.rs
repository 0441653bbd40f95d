//! Seals what events hold, under the same master keys as stored secrets.

use std::fmt;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};

use super::key::MasterKey;
use super::{MasterKeyError, NONCE_BYTES, Vault};
use crate::store::Sealer;

/// Keys, read once: an event must not cost a look at a file.
pub struct EventSealer {
    keys: Vec<Arc<MasterKey>>,
    /// Whether what is written is sealed, under the first key.
    seals: bool,
}

impl Vault {
    /// What opens sealed events and, if `seals`, seals new ones. Without sealing it does with the keys that there are.
    ///
    /// # Errors
    /// When events are to be sealed and a master key cannot be read, or made where none is.
    pub fn event_sealer(&self, seals: bool) -> Result<EventSealer, MasterKeyError> {
        if seals {
            self.keys.first_or_made()?;
        }
        let keys = match self.keys.all() {
            Err(error) if !seals => {
                tracing::warn!(%error, "sealed events cannot be opened");
                Vec::new()
            }
            keys => keys?,
        };
        Ok(EventSealer { keys, seals })
    }
}

impl Sealer for EventSealer {
    fn key_id(&self) -> Option<String> {
        let first = self.keys.first().filter(|_| self.seals)?;
        Some(first.id().as_str().to_owned())
    }

    fn seal(&self, bound: &str, clear: &[u8]) -> Result<Vec<u8>, String> {
        let key = self.keys.first().ok_or("there is no master key")?;
        let nonce = rand::random::<[u8; NONCE_BYTES]>();
        let payload = Payload {
            msg: clear,
            aad: &aad(key.id().as_str(), bound),
        };
        let sealed = XChaCha20Poly1305::new(key.bytes().into())
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| "it is too large to be sealed".to_owned())?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    fn open(&self, key_id: &str, bound: &str, sealed: &[u8]) -> Result<Vec<u8>, String> {
        let key = self.keys.iter().find(|key| key.id().as_str() == key_id);
        let key = key.ok_or_else(|| {
            format!(
                "it is sealed under the master key {key_id}, which this node does not have \
                 (HOOKYARD_MASTER_KEY, or vault/master.key in the data directory)"
            )
        })?;
        let altered = || "it was altered in the database, or moved there from another row".to_owned();
        let (nonce, text) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(altered)?;
        let payload = Payload {
            msg: text,
            aad: &aad(key_id, bound),
        };
        XChaCha20Poly1305::new(key.bytes().into())
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| altered())
    }
}

fn aad(key_id: &str, bound: &str) -> Vec<u8> {
    format!("hookyard sealed row\0{key_id}\0{bound}").into_bytes()
}

impl fmt::Debug for EventSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventSealer")
    }
}
