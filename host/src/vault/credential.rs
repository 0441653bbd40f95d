//! Seals the digest of what a refused request presented. A password's digest alone is enough to find the
//! password by trying, so that it is never stored in clear, whether rows are sealed or not.

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
        let sealer = self.event_sealer(true).map_err(|error| error.to_string())?;
        let key_id = sealer.key_id().ok_or("there is no master key")?;
        let hidden = sealer.seal(&bound(id), digest)?;
        Ok(format!("{key_id}:{}", hex::encode(hidden)))
    }

    /// The digest that was stored with a request.
    ///
    /// # Errors
    /// When this node has not the key, or the value is not that request's.
    pub fn open_credential(&self, id: RejectedId, stored: &str) -> Result<Digest, String> {
        let unreadable = || "it is not stored as this version does".to_owned();
        let (key_id, hidden) = stored.split_once(':').ok_or_else(unreadable)?;
        let hidden = hex::decode(hidden).map_err(|_| unreadable())?;
        let sealer = self.event_sealer(false).map_err(|error| error.to_string())?;
        let opened = sealer.open(key_id, &bound(id), &hidden)?;
        opened.try_into().map_err(|_| unreadable())
    }
}

fn bound(id: RejectedId) -> String {
    format!("rejected_requests\0{id}\0credential")
}
