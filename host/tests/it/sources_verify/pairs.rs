//! Senders with a key pair: the source knows the public key, and only the sender can sign. The keys are made by the
//! test process, a set for the right sender and a set for a wrong one.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};

use super::signer::{self, Signed, Terms};

/// Names of the registry of RFC 9421, section 6.2.
pub const ED25519: &str = "ed25519";
pub const P256: &str = "ecdsa-p256-sha256";
pub const P384: &str = "ecdsa-p384-sha384";
pub const PSS: &str = "rsa-pss-sha512";
pub const V1_5: &str = "rsa-v1_5-sha256";

/// What a public key in DER begins with (RFC 8410, section 4; RFC 5480, section 2).
const ED25519_DER: &str = "302a300506032b6570032100";
const P256_DER: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
const P384_DER: &str = "3076301006072a8648ce3d020106052b81040022036200";

static RIGHT: LazyLock<Pairs> = LazyLock::new(Pairs::make);
static WRONG: LazyLock<Pairs> = LazyLock::new(Pairs::make);

/// A pair for each kind of key.
struct Pairs {
    ed25519: Ed25519KeyPair,
    p256: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    rsa: RsaKeyPair,
    /// In PEM.
    rsa_public: String,
}

/// The keys of the sender of this name: `right`, or any other for a wrong one.
fn of(sender: &str) -> &'static Pairs {
    if sender == "right" { &RIGHT } else { &WRONG }
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
    EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).expect("the same key")
}

impl Pairs {
    fn make() -> Self {
        let ed25519 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let rsa = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).expect("a key");
        let rsa_public = rsa.to_public_key().to_public_key_pem(LineEnding::LF);
        let rsa = rsa.to_pkcs1_der().expect("DER");
        Self {
            ed25519: Ed25519KeyPair::from_pkcs8(ed25519.as_ref()).expect("the same key"),
            p256: ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
            p384: ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
            rsa: RsaKeyPair::from_der(rsa.as_bytes()).expect("the same key"),
            rsa_public: rsa_public.expect("PEM").trim_end().to_owned(),
        }
    }

    /// The public key in PEM.
    fn public(&self, algorithm: &str) -> String {
        match algorithm {
            ED25519 => pem(ED25519_DER, self.ed25519.public_key().as_ref()),
            P256 => pem(P256_DER, self.p256.public_key().as_ref()),
            P384 => pem(P384_DER, self.p384.public_key().as_ref()),
            PSS | V1_5 => self.rsa_public.clone(),
            other => panic!("{other} has no public key"),
        }
    }

    fn sign(&self, algorithm: &str, text: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let ecdsa = |pair: &EcdsaKeyPair| {
            let signature = pair.sign(&random, text).expect("signed");
            signature.as_ref().to_vec()
        };
        let rsa = |padding: &'static dyn RsaEncoding| {
            let mut signature = vec![0; self.rsa.public().modulus_len()];
            let signed = self.rsa.sign(padding, &random, text, &mut signature);
            signed.expect("signed");
            signature
        };
        match algorithm {
            ED25519 => self.ed25519.sign(text).as_ref().to_vec(),
            P256 => ecdsa(&self.p256),
            P384 => ecdsa(&self.p384),
            PSS => rsa(&RSA_PSS_SHA512),
            V1_5 => rsa(&RSA_PKCS1_SHA256),
            other => panic!("{other} does not sign with a private key"),
        }
    }

    /// Another algorithm's signature with what there is: a private key of RSA also signs in the other way, and
    /// who has a public key can use its text as if it were a shared secret.
    fn sign_otherwise(&self, algorithm: &str, text: &[u8]) -> Vec<u8> {
        match algorithm {
            PSS => self.sign(V1_5, text),
            V1_5 => self.sign(PSS, text),
            other => tag(self.public(other).as_bytes(), text),
        }
    }
}

fn pem(begin: &str, key: &[u8]) -> String {
    let der = [&hex::decode(begin).expect("hex")[..], key].concat();
    let text = STANDARD.encode(der);
    let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().copied().map(char::from));
        pem.push('\n');
    }
    pem + "-----END PUBLIC KEY-----"
}

fn tag(key: &[u8], text: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text).as_ref().to_vec()
}

/// The sender's public key in PEM.
pub fn public(algorithm: &str, sender: &str) -> String {
    of(sender).public(algorithm)
}

/// The same as Standard Webhooks writes it.
pub fn standard_webhooks_public(sender: &str) -> String {
    format!("whpk_{}", STANDARD.encode(of(sender).ed25519.public_key()))
}

/// HTTP Message Signatures; by another algorithm the request does not say by which, so that the key alone tells.
fn message(algorithm: &str, terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    let pairs = of(terms.secret);
    if terms.is_own() {
        let proof = |base: &[u8]| pairs.sign(algorithm, base);
        signer::message_by(terms, media, body, Some(algorithm), proof)
    } else {
        let proof = |base: &[u8]| pairs.sign_otherwise(algorithm, base);
        signer::message_by(terms, media, body, None, proof)
    }
}

pub fn ed25519(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    message(ED25519, terms, media, body)
}

pub fn p256(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    message(P256, terms, media, body)
}

pub fn p384(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    message(P384, terms, media, body)
}

pub fn pss(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    message(PSS, terms, media, body)
}

pub fn v1_5(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    message(V1_5, terms, media, body)
}

/// With `v1a`; by another algorithm with `v1`, keyed with what everybody may know.
pub fn standard_webhooks(terms: Terms<'_>, media: &str, body: &[u8]) -> Signed {
    let pair = &of(terms.secret).ed25519;
    signer::standard_webhooks_by(terms, media, body, |text| {
        if terms.is_own() {
            format!("v1a,{}", STANDARD.encode(pair.sign(text)))
        } else {
            format!("v1,{}", STANDARD.encode(tag(pair.public_key().as_ref(), text)))
        }
    })
}
