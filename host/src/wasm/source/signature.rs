//! Signatures as cosign makes them with a key: ECDSA on P-256 with SHA-256, in Base64.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Source, read_small};
use crate::domain::plugin::ComponentSource;
use crate::wasm::load::{LoadError, blocking};

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

/// Checks that whoever has the private half of the key in this file signed the component.
pub(super) async fn check(
    key: &Path,
    signed: &Signed,
    component: &Source,
    source: &ComponentSource,
) -> Result<(), LoadError> {
    let (path, signed) = (key.to_owned(), signed.clone());
    let (bytes, source) = (component.bytes.clone(), source.clone());
    blocking(move || {
        let pem = read_small(&path).map_err(|error| {
            LoadError::Signature(format!("cannot read the key {}: {error}", path.display()))
        })?;
        verify(&pem, &signed, &bytes, &source)
            .map_err(|why| LoadError::Signature(format!("{why} (the key is {})", path.display())))
    })
    .await
}

fn verify(pem: &str, signed: &Signed, component: &[u8], source: &ComponentSource) -> Result<(), String> {
    let key = VerifyingKey::from_public_key_pem(pem).map_err(|_| {
        "the key is no public key on P-256 in PEM, as `cosign generate-key-pair` makes it".to_owned()
    })?;
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
