//! One process at a time uses a SQLite file.
//!
//! The data directory's lock does not say so: two data directories may name the same file. Without
//! this a start would take over the leases of a process that lives.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::StoreResult;
use super::open::{beside, file_error};

/// Most bytes read of a lock file: it holds a process id.
const MAX_OWNER_BYTES: u64 = 20;

/// The lock of one database file; given up when it is released, dropped, or the process dies.
#[derive(Debug)]
pub(super) struct FileLock(Mutex<Option<File>>);

impl FileLock {
    /// No lock: for databases that many processes share, and for who only looks.
    pub fn none() -> Self {
        Self(Mutex::new(None))
    }

    /// Locks `<path>.lock`, where `path` is there; links to it lead to the same lock.
    pub fn take(path: &Path) -> StoreResult<Self> {
        let real = std::fs::canonicalize(path)
            .map_err(|e| file_error(path, format!("its place cannot be found: {e}")))?;
        let name = beside(&real, ".lock");
        let fail =
            |what: &str, e: std::io::Error| file_error(path, format!("{what} {}: {e}", name.display()));
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&name)
            .map_err(|e| fail("cannot open its lock", e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(file_error(
                    path,
                    format!(
                        "another hookyard process{} uses it and holds {}; stop that process, or name another \
                         database with DATABASE_URL",
                        owner(&mut file),
                        name.display()
                    ),
                ));
            }
            Err(TryLockError::Error(e)) => return Err(fail("cannot lock", e)),
        }
        // For the message above; whoever holds the lock holds it without this too.
        let _told = file
            .set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self(Mutex::new(Some(file))))
    }

    /// Gives the lock up.
    pub fn release(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Who holds the lock, as far as it is told.
fn owner(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(MAX_OWNER_BYTES).read_to_string(&mut text);
    match text.trim().parse::<u32>() {
        Ok(process) if read.is_ok() => format!(" (process {process})"),
        _ => String::new(),
    }
}
