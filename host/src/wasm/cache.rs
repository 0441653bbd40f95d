//! Compiled code by the digest of its component, sealed so that only what this host compiled is
//! ever executed.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::{precompiled, sweep};

/// Bytes of the seal at the head of an entry.
const SEAL_BYTES: usize = 32;
/// Bytes of the key that seals.
const KEY_BYTES: usize = 32;

/// The cache below `<data dir>/cache`. A cache that cannot be used is only slower: it warns.
pub(super) struct CodeCache {
    dir: PathBuf,
    key: Option<[u8; KEY_BYTES]>,
    compatibility: String,
}

impl CodeCache {
    /// Opens the cache for the code of this engine, and makes its key on first use.
    pub(super) fn open(data_dir: &Path, engine: &Engine) -> Self {
        let root = data_dir.join("cache");
        let compatibility = compatibility(engine);
        let dir = root.join(&compatibility);
        let key = private_dir(&dir)
            .and_then(|()| key(&root.join("key")))
            .inspect_err(|error| {
                tracing::warn!(%error, dir = %dir.display(), "the cache of compiled plugins cannot be used");
            })
            .ok();
        Self {
            dir,
            key,
            compatibility,
        }
    }

    /// Removes the code of components that are not among these, and all that another engine (another
    /// version of Hookyard, another processor) compiled. Blocks.
    pub(super) fn sweep(&self, digests: &BTreeSet<String>) {
        sweep::files(&self.dir, &["cwasm"], |digest, _| digests.contains(digest));
        let others = self.dir.parent().map(fs::read_dir);
        for other in others.into_iter().flatten().flatten().flatten() {
            let path = other.path();
            let of_engine = path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.len() == 16 && name.bytes().all(|b| b.is_ascii_hexdigit()));
            if of_engine && path != self.dir && path.is_dir() {
                match fs::remove_dir_all(&path) {
                    Ok(()) => tracing::info!(dir = %path.display(), "removed what another version compiled"),
                    Err(error) => {
                        tracing::warn!(dir = %path.display(), %error, "cannot remove what another version compiled");
                    }
                }
            }
        }
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.dir.join(format!("{digest}.cwasm"))
    }

    /// The code of the component of this digest, if it is there and as it was written. Blocks.
    pub(super) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let path = self.path(digest);
        let sealed = fs::read(&path).ok()?;
        let code = self.open_seal(digest, &sealed);
        let component = code.and_then(|code| precompiled::load(engine, code).ok());
        if component.is_none() {
            tracing::warn!(path = %path.display(), "an entry of the code cache was altered or is unreadable; it is made anew");
            let _ = fs::remove_file(&path);
        }
        component
    }

    /// The code below the seal, if the seal is ours.
    fn open_seal<'a>(&self, digest: &str, sealed: &'a [u8]) -> Option<&'a [u8]> {
        let (seal, code) = sealed.split_at_checked(SEAL_BYTES)?;
        self.seal(digest, code)?.verify_slice(seal).ok()?;
        Some(code)
    }

    /// The seal covers what the code is for, so that entries cannot be exchanged either.
    fn seal(&self, digest: &str, code: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(self.key.as_ref()?).ok()?;
        for part in [
            self.compatibility.as_bytes(),
            b"\0",
            digest.as_bytes(),
            b"\0",
            code,
        ] {
            mac.update(part);
        }
        Some(mac)
    }

    /// Keeps what a compiler of this host made of the component of this digest. Blocks.
    pub(super) fn keep(&self, digest: &str, code: &[u8]) -> io::Result<()> {
        let Some(seal) = self.seal(digest, code) else {
            return Ok(());
        };
        let seal = seal.finalize().into_bytes();
        write_private(&self.path(digest), &[&seal[..], code])
    }
}

/// Tells engines apart whose compiled code does not fit each other.
fn compatibility(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// A directory only its owner may enter.
pub(super) fn private_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Writes a file that only its owner may read, whole or not at all.
pub(super) fn write_private(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let temporary = path.with_extension(format!("{:08x}.tmp", rand::random::<u32>()));
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| {
            parts.iter().try_for_each(|part| file.write_all(part))?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Reads the key, or makes one.
fn key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    match fs::read(path) {
        Ok(bytes) => match bytes.try_into() {
            Ok(key) => Ok(key),
            Err(_) => make_key(path),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(path),
        Err(error) => Err(error),
    }
}

fn make_key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let key = rand::random::<[u8; KEY_BYTES]>();
    write_private(path, &[&key])?;
    Ok(key)
}
