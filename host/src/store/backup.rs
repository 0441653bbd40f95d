//! Backups of a SQLite database while a server works on it, and their way back.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::StoreResult;
use super::lock::FileLock;
use super::open::{SQLITE_BUSY_TIMEOUT, beside, check_magic, file_error};

/// What a backup holds, as far as it was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Backup {
    pub events: i64,
    pub bytes: u64,
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Restored {
    pub backup: Backup,
    /// Where the database of before is kept, when there was one.
    pub kept: Option<PathBuf>,
}

/// Writes what the database in `path` holds at this moment to the new file `to`, and checks that it is whole. A server
/// may go on writing meanwhile; its write-ahead log grows until this ends.
///
/// # Errors
/// [`StoreError::File`](super::StoreError::File) when `to` is there already, cannot be written or does not pass the
/// check.
pub async fn back_up(path: &Path, to: &Path) -> StoreResult<Backup> {
    check_magic(path)?;
    if to.symlink_metadata().is_ok() {
        return Err(file_error(
            to,
            "it is there already, and a backup overwrites nothing; name a new file",
        ));
    }
    let draft = Draft::make(beside(to, ".part"))?;
    let mut db = connect(path, false).await?;
    let target = std::path::absolute(&draft.0).map_err(|e| file_error(to, e))?;
    let target = target
        .to_str()
        .ok_or_else(|| file_error(to, "its name is not UTF-8, which SQLite asks for"))?;
    let written = sqlx::query("VACUUM INTO $1").bind(target).execute(&mut db).await;
    written.map_err(|e| file_error(to, format!("it cannot be written: {e}")))?;
    db.close().await.map_err(|e| file_error(path, e))?;
    let backup = checked(&draft.0).await?;
    draft.become_file(to)?;
    Ok(backup)
}

/// Puts a copy of the backup `from` in the place of the database in `path`, which no process may use. What was there is
/// kept beside it.
///
/// # Errors
/// [`StoreError::File`](super::StoreError::File) when the backup is not whole, the database is in use, or a file cannot
/// be written.
pub async fn restore(from: &Path, path: &Path) -> StoreResult<Restored> {
    check_magic(from)?;
    let backup = checked(from).await?;
    let lock = if path.exists() {
        FileLock::take(path)?
    } else {
        FileLock::none()
    };
    let draft = Draft::make(beside(path, ".restore"))?;
    fs::copy(from, &draft.0).map_err(|e| file_error(&draft.0, format!("it cannot be written: {e}")))?;
    // Whole on the disk before anything of the old one goes.
    sync(&draft.0).map_err(|e| file_error(&draft.0, e))?;
    let kept = if path.exists() { Some(keep(path)?) } else { None };
    // A log that belongs to the old file would be played into the new one.
    for ending in ["-wal", "-shm"] {
        match fs::remove_file(beside(path, ending)) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(file_error(&beside(path, ending), e)),
            _ => {}
        }
    }
    draft.replace(path)?;
    lock.release();
    Ok(Restored { backup, kept })
}

/// A file on its way, which goes when it does not arrive.
struct Draft(PathBuf);

impl Draft {
    fn make(path: PathBuf) -> StoreResult<Self> {
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        match made {
            Ok(_file) => Ok(Self(path)),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(file_error(
                &path,
                "it is there: another such command runs, or one was cut off; remove it when none runs",
            )),
            Err(e) => Err(file_error(&path, format!("it cannot be made: {e}"))),
        }
    }

    /// Gives it its name, which nothing may have.
    fn become_file(self, to: &Path) -> StoreResult<()> {
        let named = sync(&self.0).and_then(|()| match fs::hard_link(&self.0, to) {
            // A file system without links, such as that of a memory stick.
            Err(e) if e.kind() != ErrorKind::AlreadyExists && to.symlink_metadata().is_err() => {
                fs::rename(&self.0, to)
            }
            linked => linked,
        });
        named
            .and_then(|()| sync_names(to))
            .map_err(|e| file_error(to, format!("it cannot be made: {e}")))
    }

    /// Gives it the name of the file that is there.
    fn replace(self, path: &Path) -> StoreResult<()> {
        fs::rename(&self.0, path)
            .and_then(|()| sync_names(path))
            .map_err(|e| file_error(path, format!("it cannot be replaced: {e}")))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

fn sync(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().write(true).open(path)?.sync_all()
}

fn sync_names(path: &Path) -> std::io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    File::open(dir.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Most databases of before that are kept beside the one that counts: who restores more often can remove some.
const MAX_KEPT: u32 = 100;

/// Keeps the database and its log under another name, beside it.
fn keep(path: &Path) -> StoreResult<PathBuf> {
    let free = (1..=MAX_KEPT)
        .map(|number| beside(path, &format!(".before-restore-{number}")))
        .find(|name| name.symlink_metadata().is_err());
    let kept = free.ok_or_else(|| {
        file_error(
            path,
            format!("{MAX_KEPT} databases of before are kept beside it; remove some"),
        )
    })?;
    for ending in ["-wal", ""] {
        let old = beside(path, ending);
        if old.exists() {
            let name = beside(&kept, ending);
            fs::hard_link(&old, &name)
                .or_else(|_unlinked| fs::copy(&old, &name).map(drop))
                .map_err(|e| file_error(&name, format!("the database of before cannot be kept: {e}")))?;
        }
    }
    Ok(kept)
}

/// Opens a file to be read only. One that nobody changes needs no files of a log beside it.
async fn connect(path: &Path, unchanging: bool) -> StoreResult<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(unchanging)
        .busy_timeout(SQLITE_BUSY_TIMEOUT)
        .disable_statement_logging();
    SqliteConnection::connect_with(&options)
        .await
        .map_err(|e| file_error(path, e))
}

/// Reads all of a database: its pages, its references, and that it is one of ours.
async fn checked(path: &Path) -> StoreResult<Backup> {
    if beside(path, "-wal").exists() {
        return Err(file_error(
            path,
            "it has a write-ahead log beside it, so it is a database in use and no backup; make one with \
             `hookyard db backup`",
        ));
    }
    let damaged = |why: String| file_error(path, format!("it is damaged and must not be used: {why}"));
    let mut db = connect(path, true).await?;
    let found: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_one(&mut db)
        .await
        .map_err(|e| damaged(e.to_string()))?;
    if found != "ok" {
        return Err(damaged(found));
    }
    let dangling = sqlx::query("PRAGMA foreign_key_check")
        .fetch_all(&mut db)
        .await
        .map_err(|e| damaged(e.to_string()))?;
    if !dangling.is_empty() {
        return Err(damaged(format!(
            "{} rows refer to rows that are missing",
            dangling.len()
        )));
    }
    let events: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM events")
        .fetch_one(&mut db)
        .await
        .map_err(|e| file_error(path, format!("it is no database of Hookyard: {e}")))?;
    db.close().await.map_err(|e| file_error(path, e))?;
    let bytes = fs::metadata(path).map_err(|e| file_error(path, e))?.len();
    Ok(Backup { events, bytes })
}
