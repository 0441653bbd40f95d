//! What tells one state of a file or directory from another.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

/// Most bytes of a file that count for its digest: above the largest component.
const MAX_DIGEST_BYTES: u64 = 128 << 20;
/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

/// A file's SHA-256.
pub(super) type Digest = [u8; 32];

/// A file as it is seen without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    target: Option<PathBuf>,
    length: u64,
    modified: Option<SystemTime>,
    /// Seconds and nanoseconds of the last change, by the system's own clock: unlike the time of
    /// modification nobody sets it.
    changed: (i64, i64),
    device: u64,
    inode: u64,
}

/// Which directory a name stands for. A new one may have the number of one that is gone, but not
/// its birth as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DirectoryLook {
    device: u64,
    inode: u64,
    /// `None` where the file system does not tell.
    born: Option<SystemTime>,
}

/// A file as it is now; `None` when it cannot be seen.
pub(super) fn file(path: &Path) -> Option<Look> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Look {
        target: path.canonicalize().ok(),
        length: metadata.len(),
        modified: metadata.modified().ok(),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        device: metadata.dev(),
        inode: metadata.ino(),
    })
}

/// A directory as it is now.
pub(super) fn directory(path: &Path) -> Option<DirectoryLook> {
    let known = |metadata: Metadata| DirectoryLook {
        device: metadata.dev(),
        inode: metadata.ino(),
        born: metadata.created().ok(),
    };
    std::fs::metadata(path).ok().map(known)
}

/// Reads a file for its digest; `None` when it cannot be read whole. Blocks.
pub(super) fn digest(path: &Path) -> Option<Digest> {
    let mut file = File::open(path).ok()?.take(MAX_DIGEST_BYTES);
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk).ok()? {
            0 => return Some(hasher.finalize().into()),
            read => hasher.update(chunk.get(..read)?),
        }
    }
}
