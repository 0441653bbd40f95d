//! Keys that we make and keep: one file of random bytes each, in a directory of the data directory.
//!
//! File names are UUIDs of version 7, which sort by the time of their making, so the last name is
//! the newest key. A lock file keeps two processes from both making the first one.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Key, KeyError, Keyring, MAX_KEY_FILE_BYTES, MIN_SECRET_BYTES};

const EXTENSION: &str = "key";
const LOCK: &str = ".lock";

/// Most keys kept: each rotation adds one, and a token outlives its key by a day at most.
const MAX_KEYS: usize = 8;

impl Keyring {
    /// The keys kept in `dir`, the newest signing. Makes the directory and the first key when
    /// there is none.
    pub fn open_directory(dir: &Path) -> Result<Self, KeyError> {
        let _lock = lock(dir)?;
        if key_files(dir)?.is_empty() {
            make_key(dir)?;
        }
        read_keys(dir)
    }

    /// Adds a new key to `dir`, which signs from the next start on; the older ones go on verifying.
    /// Removes the oldest beyond eight.
    pub fn rotate(dir: &Path) -> Result<Self, KeyError> {
        let _lock = lock(dir)?;
        make_key(dir)?;
        let files = key_files(dir)?;
        for old in files.iter().skip(MAX_KEYS) {
            fs::remove_file(old).map_err(KeyError::file("remove", old))?;
        }
        read_keys(dir)
    }
}

/// Holds the directory for one process; freed when the file is dropped.
fn lock(dir: &Path) -> Result<File, KeyError> {
    fs::create_dir_all(dir).map_err(KeyError::file("make the directory", dir))?;
    let path = dir.join(LOCK);
    let file = private_file(&path, OpenOptions::new().create(true).truncate(false).write(true))?;
    file.lock().map_err(KeyError::file("lock", &path))?;
    Ok(file)
}

fn read_keys(dir: &Path) -> Result<Keyring, KeyError> {
    let keys = key_files(dir)?.into_iter().map(|path| {
        warn_if_shared(&path);
        let secret = read_capped(&path, MAX_KEY_FILE_BYTES)?;
        if secret.len() != MIN_SECRET_BYTES {
            return Err(KeyError::Damaged {
                length: secret.len(),
                path,
            });
        }
        Ok(Key::hmac(&secret))
    });
    Keyring::of(keys.collect::<Result<_, _>>()?)
}

/// The key files, newest first.
fn key_files(dir: &Path) -> Result<Vec<PathBuf>, KeyError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(KeyError::file("list", dir))? {
        let path = entry.map_err(KeyError::file("list", dir))?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            files.push(path);
        }
    }
    files.sort();
    files.reverse();
    Ok(files)
}

/// Writes a key under a name that is not a key's and renames it, so that a crash leaves no half key.
fn make_key(dir: &Path) -> Result<(), KeyError> {
    let secret = Zeroizing::new(rand::random::<[u8; MIN_SECRET_BYTES]>());
    let name = Uuid::now_v7().to_string();
    let draft = dir.join(format!("{name}.draft"));
    let path = dir.join(format!("{name}.{EXTENSION}"));
    let mut file = private_file(&draft, OpenOptions::new().create_new(true).write(true))?;
    file.write_all(secret.as_slice())
        .and_then(|()| file.sync_all())
        .map_err(KeyError::file("write", &draft))?;
    fs::rename(&draft, &path).map_err(KeyError::file("rename", &draft))?;
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(KeyError::file("flush the directory", dir))
}

fn private_file(path: &Path, options: &mut OpenOptions) -> Result<File, KeyError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).map_err(KeyError::file("write", path))
}

/// Tells the operator of a key that other users of the machine can read.
fn warn_if_shared(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if let Ok(meta) = fs::metadata(path)
            && meta.permissions().mode() & 0o077 != 0
        {
            tracing::warn!(path = %path.display(), "other users can read this JWT key: chmod 600 it");
        }
    }
}

/// Reads a file whole, but never more than `limit` bytes of it.
pub(super) fn read_capped(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let file = File::open(path).map_err(KeyError::file("read", path))?;
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(KeyError::file("read", path))?;
    Ok(bytes)
}
