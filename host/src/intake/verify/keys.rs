//! Keys and signatures as they are written.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use p256::pkcs8::der::Document;
use p256::pkcs8::der::asn1::ObjectIdentifier;
use p256::pkcs8::spki::SubjectPublicKeyInfoRef;
use ring::{hmac, signature};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::super::presented::Digest;
use crate::domain::source::scheme::{Algorithm, Encoding, MessageAlgorithm};
use crate::secret::Secret;

/// Base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a secret begins with whose rest is its key in Base64.
const BASE64_MARK: &str = "base64:";

/// What a key in PEM begins with.
const PEM_MARK: &[u8] = b"-----BEGIN ";
/// Bytes of a public key (RFC 8032, section 5.1.5).
const ED25519_BYTES: usize = 32;

/// The algorithms that a public key may name (RFC 8410, RFC 5480, RFC 8017, appendix C).
const ED25519: &[ObjectIdentifier] = &[ObjectIdentifier::new_unwrap("1.3.101.112")];
const EC: &[ObjectIdentifier] = &[ObjectIdentifier::new_unwrap("1.2.840.10045.2.1")];
const RSA: &[ObjectIdentifier] = &[ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1")];
const RSA_PSS: &[ObjectIdentifier] = &[
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10"),
];

/// Base64 in either alphabet, with or without padding.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let standard: String = text
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    BASE64.decode(standard).ok()
}

/// A signature's bytes.
pub(super) fn decode(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Hex => hex::decode(text).ok(),
        Encoding::Base64 => base64(text),
    }
}

/// A key that proves signatures.
pub(super) enum Key {
    Hmac(hmac::Key),
    Public(&'static dyn signature::VerificationAlgorithm, Vec<u8>),
}

impl Key {
    /// The text's bytes as the key of an HMAC.
    pub fn text(secret: &Secret, algorithm: Algorithm) -> Result<Self, &'static str> {
        Self::hmac(algorithm, secret.expose().as_bytes())
    }

    /// The same, unless the text begins with `base64:`.
    pub fn text_or_base64(secret: &Secret, algorithm: Algorithm) -> Result<Self, &'static str> {
        match secret.expose().strip_prefix(BASE64_MARK) {
            None => Self::text(secret, algorithm),
            Some(text) => Self::hmac(algorithm, &decoded_key(text)?),
        }
    }

    /// A secret of Standard Webhooks.
    pub fn standard_webhooks(secret: &Secret) -> Result<Self, &'static str> {
        let text = secret.expose();
        if let Some(public) = text.strip_prefix("whpk_") {
            let bytes = base64(public).filter(|bytes| bytes.len() == ED25519_BYTES);
            let bytes = bytes.ok_or("after `whpk_` come no 32 bytes in Base64")?;
            return Ok(Self::Public(&signature::ED25519, bytes));
        }
        if text.starts_with("whsk_") {
            return Err(
                "`whsk_` begins the sender's private key; set the public one, which begins with `whpk_`",
            );
        }
        let key = decoded_key(text.strip_prefix("whsec_").unwrap_or(text))?;
        Self::hmac(Algorithm::Sha256, &key)
    }

    /// A key for HTTP Message Signatures: a shared secret, or a public key in PEM.
    pub fn message(secret: &Secret, algorithm: MessageAlgorithm) -> Result<Self, &'static str> {
        let (verification, wanted): (&'static dyn signature::VerificationAlgorithm, _) = match algorithm {
            MessageAlgorithm::HmacSha256 => {
                return match public_algorithms(secret.expose()) {
                    Some(why) => Err(why),
                    None => Self::text_or_base64(secret, Algorithm::Sha256),
                };
            }
            MessageAlgorithm::Ed25519 => (&signature::ED25519, ED25519),
            MessageAlgorithm::EcdsaP256Sha256 => (&signature::ECDSA_P256_SHA256_FIXED, EC),
            MessageAlgorithm::EcdsaP384Sha384 => (&signature::ECDSA_P384_SHA384_FIXED, EC),
            MessageAlgorithm::RsaPssSha512 => (&signature::RSA_PSS_2048_8192_SHA512, RSA_PSS),
            MessageAlgorithm::RsaV15Sha256 => (&signature::RSA_PKCS1_2048_8192_SHA256, RSA),
        };
        let (_label, der) = Document::from_pem(secret.expose())
            .map_err(|_| "it is no public key in PEM (BEGIN PUBLIC KEY)")?;
        let key = SubjectPublicKeyInfoRef::try_from(der.as_bytes())
            .map_err(|_| "it is no public key in PEM (BEGIN PUBLIC KEY)")?;
        if !wanted.contains(&key.algorithm.oid) {
            return Err("it is a key for another algorithm");
        }
        Ok(Self::Public(
            verification,
            key.subject_public_key.raw_bytes().to_vec(),
        ))
    }

    /// A key of an asymmetric signature is refused: the public one is no secret.
    fn hmac(algorithm: Algorithm, key: &[u8]) -> Result<Self, &'static str> {
        if key.trim_ascii_start().starts_with(PEM_MARK) || SubjectPublicKeyInfoRef::try_from(key).is_ok() {
            return Err("it is a key for another kind of signature, not a shared secret: \
                        who has the public key could sign with it");
        }
        let algorithm = match algorithm {
            Algorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Algorithm::Sha256 => hmac::HMAC_SHA256,
            Algorithm::Sha512 => hmac::HMAC_SHA512,
        };
        Ok(Self::Hmac(hmac::Key::new(algorithm, key)))
    }

    /// What names this proof, when one of the signatures is this key's of the text, which comes in parts: the digest of
    /// the signature, or where the same text may have several (an ECDSA signature can be made another by anybody), of the
    /// text. Only a public key needs it in one piece.
    pub fn proof<'s>(
        &self,
        parts: &[&[u8]],
        signatures: impl IntoIterator<Item = &'s [u8]>,
    ) -> Option<Digest> {
        let mut signatures = signatures.into_iter();
        match self {
            Self::Hmac(key) => {
                let mut context = hmac::Context::with_key(key);
                for part in parts {
                    context.update(part);
                }
                let tag = context.sign();
                let is_proven = signatures.any(|signature| tag.as_ref().ct_eq(signature).into());
                is_proven.then(|| Sha256::digest(tag).into())
            }
            Self::Public(algorithm, key) => {
                let key = signature::UnparsedPublicKey::new(*algorithm, key);
                let text = match parts {
                    [text] => Cow::Borrowed(*text),
                    _ => Cow::Owned(parts.concat()),
                };
                let is_proven = signatures.any(|signature| key.verify(&text, signature).is_ok());
                is_proven.then(|| Sha256::digest(&text).into())
            }
        }
    }
}

/// What to set for a public key in PEM where a shared secret is expected; `None` where it is no such key.
fn public_algorithms(text: &str) -> Option<&'static str> {
    let (_label, der) = Document::from_pem(text.trim()).ok()?;
    let key = SubjectPublicKeyInfoRef::try_from(der.as_bytes()).ok()?;
    let oid = &key.algorithm.oid;
    Some(if ED25519.contains(oid) {
        "it is a public key; set `algorithm = \"ed25519\"`"
    } else if EC.contains(oid) {
        "it is a public key; set `algorithm = \"ecdsa-p256-sha256\"` or \"ecdsa-p384-sha384\""
    } else if RSA_PSS.contains(oid) {
        "it is a public key; set `algorithm = \"rsa-pss-sha512\"` or \"rsa-v1_5-sha256\""
    } else {
        "it is a public key for another algorithm"
    })
}

fn decoded_key(text: &str) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    match base64(text) {
        Some(key) if !key.is_empty() => Ok(Zeroizing::new(key)),
        _ => Err("it is no Base64"),
    }
}
