//! Seals what a refused request presented: the digest of its token, and the values of headers that are judged with it
//! and may be credentials. A password's digest alone is enough to find the password by trying, so that none of it is
//! ever stored in clear, whether rows are sealed or not.

use super::Vault;
use crate::domain::id::RejectedId;
use crate::store::Sealer as _;

/// A SHA-256.
type Digest = [u8; 32];

impl Vault {
    /// A digest as it may be stored with its request, sealed under the first master key.
    ///
    /// # Errors
    /// When there is no master key and none can be made.
    pub fn seal_credential(&self, id: RejectedId, digest: &Digest) -> Result<String, String> {
        self.seal_of_rejected(&credential(id), digest)
    }

    /// The digest that was stored with a request.
    ///
    /// # Errors
    /// When this node has not the key, or the value is not that request's.
    pub fn open_credential(&self, id: RejectedId, stored: &str) -> Result<Digest, String> {
        let opened = self.open_of_rejected(&credential(id), stored)?;
        opened.try_into().map_err(|_| unreadable())
    }

    /// The value of a header as it may be stored with its request, as [`Vault::seal_credential`].
    ///
    /// # Errors
    /// When there is no master key and none can be made.
    pub fn seal_header(&self, id: RejectedId, name: &str, value: &[u8]) -> Result<String, String> {
        self.seal_of_rejected(&header(id, name), value)
    }

    /// The value of a header that was stored with a request.
    ///
    /// # Errors
    /// When this node has not the key, or the value is not that header's.
    pub fn open_header(&self, id: RejectedId, name: &str, stored: &str) -> Result<Vec<u8>, String> {
        self.open_of_rejected(&header(id, name), stored)
    }

    fn seal_of_rejected(&self, bound: &str, clear: &[u8]) -> Result<String, String> {
        let sealer = self.event_sealer(true).map_err(|error| error.to_string())?;
        let key_id = sealer.key_id().ok_or("there is no master key")?;
        let hidden = sealer.seal(bound, clear)?;
        Ok(format!("{key_id}:{}", hex::encode(hidden)))
    }

    fn open_of_rejected(&self, bound: &str, stored: &str) -> Result<Vec<u8>, String> {
        let (key_id, hidden) = stored.split_once(':').ok_or_else(unreadable)?;
        let hidden = hex::decode(hidden).map_err(|_| unreadable())?;
        let sealer = self.event_sealer(false).map_err(|error| error.to_string())?;
        sealer.open(key_id, bound, &hidden)
    }
}

fn unreadable() -> String {
    "it is not stored as this version does".to_owned()
}

fn credential(id: RejectedId) -> String {
    format!("rejected_requests\0{id}\0credential")
}

fn header(id: RejectedId, name: &str) -> String {
    format!("rejected_requests\0{id}\0header\0{name}")
}
