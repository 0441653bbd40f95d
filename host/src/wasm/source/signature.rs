//! Signatures as cosign makes them with a key: ECDSA on P-256 with SHA-256, in Base64.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Source, read_small};
use crate::domain::plugin::{ComponentSource, PluginSpec};
use crate::wasm::load::{LoadError, blocking};

/// Names a public key: the SHA-256 of its DER form, in hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::wasm) struct Fingerprint(String);

impl Fingerprint {
    /// In hex.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A public key that a section names.
pub(in crate::wasm) struct Key {
    verifying: VerifyingKey,
    fingerprint: Fingerprint,
    path: PathBuf,
}

impl Key {
    /// What names it.
    pub(super) fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    fn read(path: PathBuf) -> Result<Self, String> {
        let pem = read_small(&path).map_err(|e| format!("cannot read the key {}: {e}", path.display()))?;
        let wrong = || {
            format!(
                "the key {} is no public key on P-256 in PEM, as `cosign generate-key-pair` makes it",
                path.display()
            )
        };
        let verifying = VerifyingKey::from_public_key_pem(&pem).map_err(|_| wrong())?;
        let der = verifying.to_public_key_der().map_err(|_| wrong())?;
        let fingerprint = Fingerprint(hex::encode(Sha256::digest(der.as_bytes())));
        Ok(Self {
            verifying,
            fingerprint,
            path,
        })
    }
}

/// Who must have signed a build.
#[derive(Clone, Default)]
pub(in crate::wasm) enum Signer {
    /// The section does not say (`signed-by`).
    #[default]
    Anybody,
    Key(Arc<Key>),
    /// The key cannot be read, for this reason: nothing is known to be signed by it.
    Unreadable(Arc<str>),
}

impl Signer {
    /// Reads the key that the section names.
    pub(in crate::wasm) async fn of(spec: &PluginSpec) -> Self {
        let Some(path) = spec.signed_by.clone() else {
            return Self::Anybody;
        };
        let read = blocking(move || Key::read(path).map_err(LoadError::Signature)).await;
        match read {
            Ok(key) => Self::Key(Arc::new(key)),
            Err(LoadError::Signature(why)) => Self::Unreadable(why.into()),
            Err(error) => Self::Unreadable(error.to_string().into()),
        }
    }

    /// Whether a build may run that these keys have signed.
    pub(in crate::wasm) fn accepts(&self, signers: &[Fingerprint]) -> bool {
        match self {
            Self::Anybody => true,
            Self::Key(key) => signers.contains(&key.fingerprint),
            Self::Unreadable(_) => false,
        }
    }

    /// The key to check signatures with; `None` when none is asked for.
    pub(super) fn key(&self) -> Result<Option<&Arc<Key>>, LoadError> {
        match self {
            Self::Anybody => Ok(None),
            Self::Key(key) => Ok(Some(key)),
            Self::Unreadable(why) => Err(LoadError::Signature(why.to_string())),
        }
    }
}

/// A signature, and what it signs when that is not the component itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Signed {
    /// Base64 of the DER form.
    signature: String,
    /// The claim about an artifact (`simple signing`), when that is what is signed.
    payload: Option<String>,
}

impl Signed {
    /// A signature of the component's bytes, as `cosign sign-blob` prints it.
    pub(super) fn bytes(signature: String) -> Self {
        Self {
            signature,
            payload: None,
        }
    }

    /// A signature of a claim, as `cosign sign` stores it.
    pub(super) fn payload(signature: String, payload: String) -> Self {
        Self {
            signature,
            payload: Some(payload),
        }
    }
}

/// The first of these signatures that shows that whoever has the private half of the key signed the
/// component.
///
/// # Errors
/// When there is none: what is wrong with the last.
pub(super) async fn first_good(
    key: &Arc<Key>,
    signatures: Vec<Signed>,
    component: &Source,
    source: &ComponentSource,
) -> Result<Signed, LoadError> {
    let (key, bytes, source) = (Arc::clone(key), Arc::clone(&component.bytes), source.clone());
    blocking(move || {
        let mut wrong = "there is no signature".to_owned();
        for signed in signatures {
            match verify(&key.verifying, &signed, &bytes, &source) {
                Ok(()) => return Ok(signed),
                Err(why) => wrong = why,
            }
        }
        let key = key.path.display();
        Err(LoadError::Signature(format!("{wrong} (the key is {key})")))
    })
    .await
}

fn verify(
    key: &VerifyingKey,
    signed: &Signed,
    component: &[u8],
    source: &ComponentSource,
) -> Result<(), String> {
    let der = STANDARD
        .decode(signed.signature.trim())
        .map_err(|_| "the signature is not Base64".to_owned())?;
    let signature = Signature::from_der(&der).map_err(|_| "the signature is not one of ECDSA".to_owned())?;
    let message = signed
        .payload
        .as_ref()
        .map_or(component, |payload| payload.as_bytes());
    key.verify(message, &signature).map_err(|_| {
        "the signature does not fit: another key made it, or the component was altered".to_owned()
    })?;
    match (source, &signed.payload) {
        (ComponentSource::Oci(oci), Some(payload)) => {
            let claim: Value =
                serde_json::from_str(payload).map_err(|_| "what is signed is not JSON".to_owned())?;
            let claimed = &claim["critical"]["image"]["docker-manifest-digest"];
            if *claimed == format!("sha256:{}", oci.digest) {
                Ok(())
            } else {
                Err(format!("the signature is for another artifact, {claimed}"))
            }
        }
        (ComponentSource::Oci(_), None) | (_, Some(_)) => Err("the signature is of another kind".to_owned()),
        (_, None) => Ok(()),
    }
}
