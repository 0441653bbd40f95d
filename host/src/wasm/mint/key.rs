//! RSA keys that sign assertions.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use rsa::pkcs8::DecodePrivateKey;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// A key that signs with RS256 (RFC 7518, section 3.3). Wiped when dropped.
pub(super) struct SigningKey(EncodingKey);

impl SigningKey {
    /// Reads a PEM text: PKCS #8 as Google writes it, or PKCS #1 as GitHub does. `None` when it is
    /// neither. Each form on the way is wiped too, which the JWT library's own reader does not do.
    pub(super) fn from_pem(pem: &Secret) -> Option<Self> {
        let pem = pem.expose().trim();
        let key = RsaPrivateKey::from_pkcs8_pem(pem)
            .or_else(|_| RsaPrivateKey::from_pkcs1_pem(pem))
            .ok()?;
        let der = key.to_pkcs1_der().ok()?;
        Some(Self(EncodingKey::from_rsa_der(der.as_bytes())))
    }

    /// The signed form of `claims` (RFC 7515, section 7.1). The error names no part of the key.
    pub(super) fn sign<T: Serialize>(
        &self,
        key_id: Option<&str>,
        claims: &T,
    ) -> Result<Zeroizing<String>, String> {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = key_id.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &self.0)
            .map(Zeroizing::new)
            .map_err(|e| format!("the key does not sign: {e}"))
    }
}
