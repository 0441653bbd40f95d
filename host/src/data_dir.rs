//! The data directory: one process at a time owns it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// An owned data directory; the ownership ends when this is dropped or the process dies.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// What came of trying to own a data directory.
#[derive(Debug)]
pub enum Ownership {
    Owned(DataDir),
    /// Another `hookyard` process has it.
    Taken,
}

impl DataDir {
    /// Makes the directory when it is missing (readable by its owner only) and tries to own it.
    ///
    /// # Errors
    /// When it cannot be made or written to.
    pub fn own(path: &Path) -> anyhow::Result<Ownership> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("cannot make the data directory {}", path.display()))?;
        let lock_path = path.join("hookyard.lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .with_context(|| format!("cannot write in the data directory: {}", lock_path.display()))?;
        match lock.try_lock() {
            Ok(()) => {
                let path = std::path::absolute(path)?;
                Ok(Ownership::Owned(Self { path, _lock: lock }))
            }
            Err(std::fs::TryLockError::WouldBlock) => Ok(Ownership::Taken),
            Err(std::fs::TryLockError::Error(e)) => {
                Err(e).with_context(|| format!("cannot lock {}", lock_path.display()))
            }
        }
    }

    /// The directory, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Where a running server listens for commands of the same machine.
#[must_use]
pub fn control_socket(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}
