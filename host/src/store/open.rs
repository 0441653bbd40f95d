//! Opens the database that a URL names.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use sqlx::pool::PoolOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Postgres, Sqlite};

use super::lock::FileLock;
use super::seals::Seals;
use super::sql::{ACQUIRE_TIMEOUT, SqlStore};
use super::{SharedStore, StoreError, StoreResult, migrate};

/// Readers of the SQLite file: lists and details of a few people at once. Each costs a thread.
const SQLITE_READERS: u32 = 4;
/// How long SQLite waits for a lock of another process (a backup, a shell) before it gives up.
pub(super) const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes that the write-ahead log keeps after a checkpoint: 64 MiB, eight of the largest commits.
const WAL_BYTES: &str = "67108864";
/// Connections of one node. PostgreSQL's default limit is 100 for all: this leaves room for six
/// nodes and a shell, and is more than a node's intake, claims and finishes keep busy at once.
const POSTGRES_CONNECTIONS: u32 = 16;
/// What every SQLite database file begins with.
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Opens the store at `url`, makes the SQLite file when there is none, and brings the schema up to
/// this version. A SQLite file is this store's alone until it is closed.
///
/// # Errors
/// [`StoreError::Address`] for a URL of another form; [`StoreError::File`] when the file cannot be
/// used or another process uses it; [`StoreError::Schema`] when a newer version has used the
/// database.
pub async fn open(url: &str) -> StoreResult<SharedStore> {
    match Address::parse(url)? {
        Address::Sqlite(path) => {
            prepare_file(&path)?;
            let lock = FileLock::take(&path)?;
            let store = SqlStore::<Sqlite>::open(&path).await?.locked_by(lock);
            store.migrate().await.map_err(|e| name_file(e, &path))?;
            store.require_whole().await?;
            Ok(Arc::new(store))
        }
        Address::Postgres(options) => {
            let store = SqlStore::<Postgres>::open(*options).await?;
            store.migrate().await?;
            store.require_whole().await?;
            Ok(Arc::new(store))
        }
    }
}

/// Where a store is.
pub(super) enum Address {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

impl Address {
    /// Reads a database URL. Errors never repeat it: it may hold a password.
    pub(super) fn parse(url: &str) -> StoreResult<Self> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        match scheme {
            "sqlite" => {
                let rest = url.strip_prefix("sqlite://").unwrap_or("");
                let path = percent_decode_str(rest).decode_utf8_lossy();
                if path.is_empty() || rest.contains('?') || path == ":memory:" {
                    return Err(address(
                        "sqlite:// must be followed by the path of a file and nothing else",
                    ));
                }
                Ok(Self::Sqlite(PathBuf::from(path.as_ref())))
            }
            "postgres" | "postgresql" => match PgConnectOptions::from_str(url) {
                Ok(options) => Ok(Self::Postgres(Box::new(
                    options.application_name("hookyard").disable_statement_logging(),
                ))),
                Err(_) => Err(address("the part after postgres:// cannot be read")),
            },
            _ => Err(address("its scheme is neither sqlite nor postgres")),
        }
    }
}

fn address(why: &str) -> StoreError {
    StoreError::Address(why.to_owned())
}

/// An error of the database in `path`, naming the file.
fn name_file(error: StoreError, path: &Path) -> StoreError {
    match error {
        StoreError::Unavailable(why) => file_error(path, why),
        other => other,
    }
}

pub(super) fn file_error(path: &Path, why: impl std::fmt::Display) -> StoreError {
    StoreError::File {
        path: path.to_owned(),
        why: why.to_string(),
    }
}

impl SqlStore<Sqlite> {
    /// Opens the database file, or makes it, readable by its owner alone.
    ///
    /// # Errors
    /// [`StoreError::File`] when it cannot be made or is no SQLite database.
    pub async fn open(path: &Path) -> StoreResult<Self> {
        prepare_file(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .busy_timeout(SQLITE_BUSY_TIMEOUT)
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging();
        // One writing connection: writers queue for it here, in order, instead of fighting for
        // SQLite's lock. It lives as long as the store.
        let writing = options
            .clone()
            .journal_mode(SqliteJournalMode::Wal)
            // Free pages are given back in small steps; only a new database takes this up by itself. Not for
            // readers: it takes the write lock.
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            // What one large commit left of the log is cut off at the next checkpoint.
            .pragma("journal_size_limit", WAL_BYTES);
        let writer = pool(1)
            .connect_with(writing)
            .await
            .map_err(|e| file_error(path, e))?;
        let reader = pool(SQLITE_READERS).connect_lazy_with(options.pragma("query_only", "ON"));
        Ok(Self {
            writer,
            reader,
            migrator: migrate::sqlite(),
            lock: FileLock::none(),
            seals: Seals::default(),
        })
    }

    /// Opens the file to be read only, as it is: nothing is made, no setting of it is changed.
    pub(super) async fn look_at(path: &Path) -> StoreResult<Self> {
        check_magic(path)?;
        // A file without a write-ahead log is complete, and nobody has it open: reading it as one
        // that cannot change keeps SQLite from making the log's files.
        let real = std::fs::canonicalize(path).map_err(|e| file_error(path, e))?;
        let quiet = !beside(&real, "-wal").exists();
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .immutable(quiet)
            .busy_timeout(SQLITE_BUSY_TIMEOUT)
            .disable_statement_logging();
        let pool = pool(1)
            .connect_with(options)
            .await
            .map_err(|e| file_error(path, e))?;
        Ok(Self {
            writer: pool.clone(),
            reader: pool,
            migrator: migrate::sqlite(),
            lock: FileLock::none(),
            seals: Seals::default(),
        })
    }
}

/// The name of a file that belongs to the database file.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// A pool of connections to a local file: none goes stale.
///
/// On a full disk, or when a sync fails, SQLite ends the transaction by itself. Sqlx then counts one that is open for
/// ever, and refuses to begin another: such a connection is replaced.
fn pool(connections: u32) -> PoolOptions<Sqlite> {
    PoolOptions::<Sqlite>::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            let usable = !connection.is_in_transaction();
            Box::pin(async move { Ok(usable) })
        })
}

impl SqlStore<Postgres> {
    /// Connects to a PostgreSQL database.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not answer or refuses.
    pub async fn open(options: PgConnectOptions) -> StoreResult<Self> {
        let pool = PoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await?;
        require_durable_commits(&pool).await?;
        Ok(Self {
            writer: pool.clone(),
            reader: pool,
            migrator: migrate::postgres(),
            lock: FileLock::none(),
            seals: Seals::default(),
        })
    }
}

/// Refuses a server that answers a commit before it is on disk: what we acknowledge must be.
async fn require_durable_commits(pool: &sqlx::Pool<Postgres>) -> StoreResult<()> {
    let setting: String = sqlx::query_scalar("SHOW synchronous_commit")
        .fetch_one(pool)
        .await?;
    if setting == "off" {
        return Err(StoreError::Schema(
            "synchronous_commit is off, so a crash of PostgreSQL would lose acknowledged events; \
             switch it on for this user: ALTER ROLE CURRENT_USER SET synchronous_commit = on"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Makes the database file when there is none, and refuses one that is no database, before
/// SQLite touches it.
pub(super) fn prepare_file(path: &Path) -> StoreResult<()> {
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match created {
        Ok(file) => {
            // SQLite syncs what it writes, and the names of its journals, but not this name.
            let dir = match path.parent() {
                Some(dir) if !dir.as_os_str().is_empty() => dir,
                _ => Path::new("."),
            };
            file.sync_all()
                .and_then(|()| File::open(dir)?.sync_all())
                .map_err(|e| file_error(path, format!("its name cannot be made durable: {e}")))
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists => check_magic(path),
        Err(e) => Err(file_error(path, format!("it cannot be made: {e}"))),
    }
}

/// An empty file is a database that was never written to; anything else begins with the magic.
pub(super) fn check_magic(path: &Path) -> StoreResult<()> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(16).read_to_end(&mut head))
        .map_err(|e| file_error(path, format!("it cannot be read: {e}")))?;
    if head.is_empty() || head == SQLITE_MAGIC {
        Ok(())
    } else {
        Err(file_error(
            path,
            "it is not a SQLite database; it was left as it is: name another file in DATABASE_URL, or move it away",
        ))
    }
}
