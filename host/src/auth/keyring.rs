//! The keys that sign tokens: where they come from, and which one is used.
//!
//! A ring holds several keys so that they can be changed without signing everybody out: the first
//! signs, all of them verify, and a token's `kid` says which. Each key is tied to one algorithm.

mod directory;

use std::fmt;
use std::path::{Path, PathBuf};

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use sha2::{Digest, Sha256};

use crate::secret::Secret;

/// Shortest HMAC secret, in bytes: RFC 7518 section 3.2 asks for as many as the hash has.
pub const MIN_SECRET_BYTES: usize = 32;

/// Shortest RSA modulus, in bytes (2048 bits): RFC 7518 section 3.3.
pub const MIN_RSA_BYTES: usize = 256;

/// Most bytes read of a key file: the PEM of an 8192-bit RSA key has about 6.5 KiB.
const MAX_KEY_FILE_BYTES: u64 = 64 << 10;

/// Where the keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// HMAC secrets, the signing one first.
    Secrets(Vec<Secret>),
    /// PEM files with an Ed25519 or RSA private key each, the signing one first.
    Files(Vec<PathBuf>),
    /// A directory in which we make and keep HMAC secrets; the newest signs.
    Directory(PathBuf),
}

/// Why there is no ring.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(
        "the JWT secret has {0} bytes and needs {MIN_SECRET_BYTES}: make one with `openssl rand -hex 32`"
    )]
    ShortSecret(usize),
    #[error("no JWT key is given: name a secret or a key file")]
    Empty,
    #[error("cannot {what} {}: {error}", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        error: std::io::Error,
    },
    #[error(
        "{} is no private key we can sign with: {why}. Make one with \
         `openssl genpkey -algorithm ed25519` or `openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:3072`",
        path.display()
    )]
    Unusable { path: PathBuf, why: String },
    #[error(
        "{} is damaged: it has {length} bytes instead of {MIN_SECRET_BYTES}. Remove it; tokens signed with it end",
        path.display()
    )]
    Damaged { path: PathBuf, length: usize },
}

impl KeyError {
    fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { what, path, error }
    }
}

/// The keys in use, the signing one first.
#[derive(Clone, Debug)]
pub struct Keyring {
    first: Key,
    others: Vec<Key>,
}

/// One key and the algorithm it is used with.
#[derive(Clone)]
pub(super) struct Key {
    id: String,
    algorithm: Algorithm,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} {:?} ***)", self.id, self.algorithm)
    }
}

impl Keyring {
    /// The ring from this source.
    pub fn load(source: &KeySource) -> Result<Self, KeyError> {
        match source {
            KeySource::Secrets(secrets) => Self::from_secrets(secrets),
            KeySource::Files(files) => Self::from_pem_files(files),
            KeySource::Directory(dir) => Self::open_directory(dir),
        }
    }

    /// HMAC-SHA-256 with these secrets of at least [`MIN_SECRET_BYTES`] bytes, the signing one first.
    pub fn from_secrets(secrets: &[Secret]) -> Result<Self, KeyError> {
        let keys = secrets.iter().map(|secret| {
            let bytes = secret.expose().as_bytes();
            if bytes.len() < MIN_SECRET_BYTES {
                return Err(KeyError::ShortSecret(bytes.len()));
            }
            Ok(Key::hmac(bytes))
        });
        Self::of(keys.collect::<Result<_, _>>()?)
    }

    /// Ed25519 (`EdDSA`) and RSA (`RS256`) private keys in PEM files, the signing one first.
    pub fn from_pem_files(files: &[PathBuf]) -> Result<Self, KeyError> {
        let keys = files.iter().map(|path| Key::from_pem_file(path));
        Self::of(keys.collect::<Result<_, _>>()?)
    }

    fn of(keys: Vec<Key>) -> Result<Self, KeyError> {
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(KeyError::Empty)?;
        Ok(Self {
            first,
            others: keys.collect(),
        })
    }

    /// The ids of the keys, the signing one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.first).chain(&self.others).map(Key::id)
    }

    pub(super) const fn signing_key(&self) -> &Key {
        &self.first
    }

    pub(super) fn find(&self, id: &str) -> Option<&Key> {
        std::iter::once(&self.first)
            .chain(&self.others)
            .find(|key| key.id == id)
    }
}

impl Key {
    fn hmac(secret: &[u8]) -> Self {
        // Hashed twice, with a word of our own: the id tells nothing about the secret.
        let inner = Sha256::digest(secret);
        Self {
            id: key_id(&[b"hookyard key id".as_slice(), &inner].concat()),
            algorithm: Algorithm::HS256,
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        }
    }

    fn from_pem_file(path: &Path) -> Result<Self, KeyError> {
        let pem = directory::read_capped(path, MAX_KEY_FILE_BYTES)?;
        Self::from_pem(&pem).map_err(|why| KeyError::Unusable {
            path: path.to_owned(),
            why,
        })
    }

    /// The key in a PEM text; the public part that verifies is worked out from the private one.
    fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let (algorithm, encoding) = match EncodingKey::from_ed_pem(pem) {
            Ok(key) => (Algorithm::EdDSA, key),
            Err(_) => match EncodingKey::from_rsa_pem(pem) {
                Ok(key) => (Algorithm::RS256, key),
                Err(_) => return Err("it is neither an Ed25519 nor an RSA private key in PEM".to_owned()),
            },
        };
        let public = Jwk::from_encoding_key(&encoding, algorithm).map_err(|e| e.to_string())?;
        let decoding = DecodingKey::from_jwk(&public).map_err(|e| e.to_string())?;
        let id = match &public.algorithm {
            AlgorithmParameters::RSA(rsa) => {
                check_rsa_size(&rsa.n)?;
                key_id(format!("{}.{}", rsa.n, rsa.e).as_bytes())
            }
            AlgorithmParameters::OctetKeyPair(ed) => key_id(ed.x.as_bytes()),
            _ => return Err("its kind is not supported".to_owned()),
        };
        Ok(Self {
            id,
            algorithm,
            encoding,
            decoding,
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) const fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    pub(super) const fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

/// `modulus` is base64url without padding: three bytes in four characters.
fn check_rsa_size(modulus: &str) -> Result<(), String> {
    let bytes = modulus.len() * 3 / 4;
    if bytes < MIN_RSA_BYTES {
        return Err(format!(
            "its modulus has {} bits and needs {}",
            bytes * 8,
            MIN_RSA_BYTES * 8
        ));
    }
    Ok(())
}

/// The first 16 hex digits of the SHA-256 of `public`.
fn key_id(public: &[u8]) -> String {
    let digest = Sha256::digest(public);
    hex::encode(&digest[..8])
}
