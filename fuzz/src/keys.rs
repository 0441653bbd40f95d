//! What the sources of the fuzzer are told of their senders' keys. The key pairs are made at the start and only their
//! public halves are kept, so that nobody can sign.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _,
};

/// What proves a request here where the secret is shared, and is in no seed.
const SHARED: &str = "whsec_c29tZSAzMiBieXRlcyB0aGF0IGFyZSBub3QgaW4gYSBzZWVk";

/// What a public key in DER begins with (RFC 8410, section 4; RFC 5480, section 2; RFC 8017, appendix A.1.1).
const ED25519: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
const P256: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
const P384: &[u8] =
    b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00";
const RSA: &[u8] =
    b"\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82\x01\x0f\x00\
      \x30\x82\x01\x0a\x02\x82\x01\x01\x00";
/// And what one of RSA ends with: 65537.
const EXPONENT: &[u8] = b"\x02\x03\x01\x00\x01";

/// The kind of a source's secret.
#[derive(Clone, Copy)]
pub enum Kind {
    Shared,
    StandardWebhooks,
    Ed25519,
    P256,
    P384,
    Rsa,
}

/// The secret of a source, as its operator would set it.
pub fn secret(kind: Kind) -> String {
    match kind {
        Kind::Shared => SHARED.to_owned(),
        Kind::StandardWebhooks => format!("whpk_{}", STANDARD.encode(ed25519())),
        Kind::Ed25519 => pem(&[ED25519, &ed25519()]),
        Kind::P256 => pem(&[P256, &ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING)]),
        Kind::P384 => pem(&[P384, &ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING)]),
        Kind::Rsa => pem(&[RSA, &modulus(), EXPONENT]),
    }
}

fn ed25519() -> Vec<u8> {
    let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
    let pair = Ed25519KeyPair::from_pkcs8(made.as_ref()).expect("the same key");
    pair.public_key().as_ref().to_vec()
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> Vec<u8> {
    let random = SystemRandom::new();
    let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).expect("the same key");
    pair.public_key().as_ref().to_vec()
}

/// 2,048 bits that nobody knows the factors of: odd, and with the highest bit set.
fn modulus() -> [u8; 256] {
    let mut modulus = [0; 256];
    SystemRandom::new().fill(&mut modulus).expect("random bytes");
    modulus[0] |= 0x80;
    modulus[255] |= 1;
    modulus
}

fn pem(der: &[&[u8]]) -> String {
    let text = STANDARD.encode(der.concat());
    let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().copied().map(char::from));
        pem.push('\n');
    }
    pem + "-----END PUBLIC KEY-----"
}
