//! Master keys: given, or made when the first secret is set and kept in the data directory.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Bytes of a master key.
const KEY_BYTES: usize = 32;
/// Hexadecimal digits of a key's id: enough to tell a handful of keys apart.
const ID_DIGITS: usize = 16;

/// Why there is no usable master key. Never repeats one.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    #[error(
        "HOOKYARD_MASTER_KEY: key {0} is not 64 hexadecimal digits; make one with `openssl rand -hex 32`"
    )]
    Malformed(usize),
    #[error("cannot {what} {path}: {source}")]
    File {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{0} is no master key: it must hold 64 hexadecimal digits")]
    Damaged(PathBuf),
}

/// Tells master keys apart without giving them away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    /// An id as it was stored.
    pub(super) const fn stored(id: String) -> Self {
        Self(id)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One master key.
pub(super) struct MasterKey {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    id: KeyId,
}

impl MasterKey {
    fn of(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let digest = Sha256::new()
            .chain_update(b"hookyard master key id\0")
            .chain_update(bytes.as_slice())
            .finalize();
        let mut id = hex::encode(digest);
        id.truncate(ID_DIGITS);
        Self { bytes, id: KeyId(id) }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        hex::decode_to_slice(text.trim(), bytes.as_mut_slice()).ok()?;
        Some(Self::of(bytes))
    }

    pub(super) const fn id(&self) -> &KeyId {
        &self.id
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }
}

/// Where the keys come from.
pub enum MasterKeys {
    /// The first seals, all open.
    Given(Given),
    /// One key in this file, made when it is first needed.
    Kept(PathBuf),
}

/// Keys that were given, parsed.
pub struct Given(Vec<Arc<MasterKey>>);

impl MasterKeys {
    /// The keys of `HOOKYARD_MASTER_KEY`, comma-separated.
    ///
    /// # Errors
    /// When one is malformed.
    pub fn given(text: &Secret) -> Result<Self, MasterKeyError> {
        let keys = text.expose().split(',').enumerate();
        let parse = |(at, text): (usize, &str)| {
            let key = MasterKey::parse(text).ok_or(MasterKeyError::Malformed(at + 1))?;
            Ok(Arc::new(key))
        };
        Ok(Self::Given(Given(keys.map(parse).collect::<Result<_, _>>()?)))
    }

    /// The key kept below this data directory.
    #[must_use]
    pub fn kept(data_dir: &Path) -> Self {
        Self::Kept(data_dir.join("vault/master.key"))
    }

    /// Every key there is. Reads the kept one anew: it may have been restored meanwhile.
    pub(super) fn all(&self) -> Result<Vec<Arc<MasterKey>>, MasterKeyError> {
        match self {
            Self::Given(Given(keys)) => Ok(keys.clone()),
            Self::Kept(path) => Ok(read(path)?.into_iter().map(Arc::new).collect()),
        }
    }

    /// The key that seals.
    pub(super) fn first_or_made(&self) -> Result<Arc<MasterKey>, MasterKeyError> {
        if let Some(first) = self.all()?.into_iter().next() {
            return Ok(first);
        }
        match self {
            Self::Given(_) => Err(MasterKeyError::Malformed(1)),
            Self::Kept(path) => make(path).map(Arc::new),
        }
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MasterKeyError {
    let path = path.to_owned();
    move |source| MasterKeyError::File { what, path, source }
}

fn read(path: &Path) -> Result<Option<MasterKey>, MasterKeyError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path)(error)),
    };
    let key = MasterKey::parse(&text);
    key.map(Some)
        .ok_or_else(|| MasterKeyError::Damaged(path.to_owned()))
}

/// Makes the key, whole or not at all; when another process was first, that one's counts.
fn make(path: &Path) -> Result<MasterKey, MasterKeyError> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(failed("make the directory", dir))?;
    let bytes = Zeroizing::new(rand::random::<[u8; KEY_BYTES]>());
    let draft = path.with_extension(format!("{:08x}.draft", rand::random::<u32>()));
    let text = Zeroizing::new(hex::encode(bytes.as_slice()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::hard_link(&draft, path))
        .and_then(|()| sync_names(dir));
    let _gone = fs::remove_file(&draft);
    match written {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed("write", path)(error)),
        _ => read(path)?.ok_or_else(|| MasterKeyError::Damaged(path.to_owned())),
    }
}

/// Makes the key's name last, and its directory's: a secret that is stored after it must not outlive it.
fn sync_names(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()?;
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    fs::File::open(parent.unwrap_or_else(|| Path::new(".")))?.sync_all()
}
