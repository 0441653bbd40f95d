//! The database of the Django service, read only and row by row in order of the primary key.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgPool, Row as _, SqlitePool};

use crate::secret::Secret;

/// Why the old database cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OldError {
    /// The address; never repeats it: it may hold a password.
    #[error("--database cannot be used: {0}")]
    Address(String),
    #[error("the old database cannot be read: {0}")]
    Unreadable(String),
    #[error(
        "the table {table} of the old database is not as it was in the Django service ({why}); it needs the columns \
         {columns}"
    )]
    Table {
        table: &'static str,
        columns: String,
        why: String,
    },
}

/// How long a connection may take: longer means that nobody is there.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A table of the old service, and what is read of it. Every column is read as text, which is what both databases
/// can make of each.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    pub name: &'static str,
    /// The primary key comes first.
    pub columns: &'static [&'static str],
    /// Rows read at once: with the largest of them, some tens of megabytes.
    pub page: usize,
}

/// One row: its columns as text, in the order of [`Table::columns`].
pub struct Row {
    cells: Vec<Option<String>>,
    /// The first column that is no text.
    broken: Option<&'static str>,
}

impl Row {
    /// A row of cells as bytes, which SQLite does not keep from being anything.
    fn of_bytes(table: Table, cells: Vec<Option<Vec<u8>>>) -> Self {
        let mut broken = None;
        let columns = table.columns.iter();
        let text = |(cell, column): (Option<Vec<u8>>, &&'static str)| {
            let text = String::from_utf8(cell?).unwrap_or_else(|error| {
                broken = broken.or(Some(*column));
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            });
            Some(text)
        };
        let cells = cells.into_iter().zip(columns).map(text).collect();
        Self { cells, broken }
    }

    /// The row, unless a column of it is no text.
    ///
    /// # Errors
    /// A column that is not UTF-8, in words for people.
    pub fn whole(&self) -> Result<&Self, String> {
        match self.broken {
            None => Ok(self),
            Some(column) => Err(format!(
                "{column}: it is not UTF-8; correct it in the old service"
            )),
        }
    }

    /// A column; empty when it is NULL.
    #[must_use]
    pub fn text(&self, at: usize) -> &str {
        self.opt(at).unwrap_or_default()
    }

    /// A column, unless it is NULL.
    #[must_use]
    pub fn opt(&self, at: usize) -> Option<&str> {
        self.cells.get(at).and_then(Option::as_deref)
    }

    /// A boolean: SQLite has 0 and 1, PostgreSQL says `true` and `false`.
    #[must_use]
    pub fn flag(&self, at: usize) -> bool {
        matches!(self.text(at), "1" | "true" | "t")
    }
}

/// An open database of the old service.
pub enum OldDatabase {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// The same code for either kind of pool.
macro_rules! on {
    ($old:expr, $pool:ident => $body:expr) => {
        match $old {
            OldDatabase::Sqlite($pool) => $body,
            OldDatabase::Postgres($pool) => $body,
        }
    };
}

impl OldDatabase {
    /// Opens `sqlite://PATH`, a bare path, or `postgres://…`; never for writing.
    pub async fn open(url: &Secret) -> Result<Self, OldError> {
        let text = url.expose();
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(text)
                .map_err(|_| OldError::Address("the part after postgres:// cannot be read".to_owned()))?
                .application_name("hookyard import-django")
                .options([("default_transaction_read_only", "on"), ("timezone", "UTC")])
                .disable_statement_logging();
            let pool = PgPoolOptions::new()
                .max_connections(1)
                .acquire_timeout(CONNECT_WITHIN)
                .connect_with(options)
                .await;
            return Ok(Self::Postgres(pool.map_err(|error| unreadable(&error))?));
        }
        let path = text.strip_prefix("sqlite://").unwrap_or(text);
        if path.contains("://") {
            return Err(OldError::Address(
                "it must be the path of a SQLite file, sqlite://PATH or postgres://user:password@host/database"
                    .to_owned(),
            ));
        }
        if !std::path::Path::new(path).is_file() {
            return Err(OldError::Address(format!("there is no file {path}")));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await;
        Ok(Self::Sqlite(pool.map_err(|error| unreadable(&error))?))
    }

    /// How many rows a table has; `None` when there is no such table.
    pub async fn count(&self, table: Table) -> Result<Option<u64>, OldError> {
        let query = format!("SELECT COUNT(*) FROM {}", table.name);
        let counted: Result<i64, _> = on!(self, pool => {
            sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(pool).await
        });
        match counted {
            Ok(rows) => Ok(Some(u64::try_from(rows).unwrap_or(0))),
            Err(error) if is_missing_table(&error) => Ok(None),
            Err(error) => Err(unreadable(&error)),
        }
    }

    /// The next rows after the one with this key.
    pub async fn page(&self, table: Table, after: Option<&str>) -> Result<Vec<Row>, OldError> {
        let key = table.columns[0];
        let columns: Vec<_> = table
            .columns
            .iter()
            .map(|column| match self {
                // As bytes, since nothing makes sure that a text is one.
                Self::Sqlite(_) => format!("CAST(CAST({column} AS TEXT) AS BLOB)"),
                Self::Postgres(_) => format!("convert_to(CAST({column} AS TEXT), 'UTF8')"),
            })
            .collect();
        // The key's own type, so that the index is used: numbers, or UUIDs, which SQLite has as text.
        let number = after.and_then(|after| after.parse::<i64>().ok());
        let after_key = match (after, number, self) {
            (None, ..) => String::new(),
            (Some(_), Some(_), _) | (Some(_), None, Self::Sqlite(_)) => format!(" WHERE {key} > $1"),
            (Some(_), None, Self::Postgres(_)) => format!(" WHERE {key} > CAST($1 AS uuid)"),
        };
        let query = format!(
            "SELECT {} FROM {}{after_key} ORDER BY {key} LIMIT {}",
            columns.join(", "),
            table.name,
            table.page
        );
        on!(self, pool => {
            let query = sqlx::query(AssertSqlSafe(query));
            let query = match (number, after) {
                (Some(number), _) => query.bind(number),
                (None, Some(text)) => query.bind(text),
                (None, None) => query,
            };
            let rows = query.fetch_all(pool).await.map_err(|error| columns_differ(table, &error))?;
            rows.iter()
                .map(|row| {
                    let cells = (0..table.columns.len()).map(|at| row.try_get(at));
                    cells.collect::<Result<_, _>>().map(|cells| Row::of_bytes(table, cells))
                })
                .collect::<Result<_, _>>()
                .map_err(|error: sqlx::Error| unreadable(&error))
        })
    }
}

fn is_missing_table(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else {
        return false;
    };
    // 42P01 is PostgreSQL's undefined_table; SQLite has words alone.
    error.code().is_some_and(|code| code == "42P01") || error.message().starts_with("no such table")
}

fn columns_differ(table: Table, error: &sqlx::Error) -> OldError {
    match error.as_database_error() {
        Some(error) => OldError::Table {
            table: table.name,
            columns: table.columns.join(", "),
            why: error.message().to_owned(),
        },
        None => unreadable(error),
    }
}

/// The database's words; sqlx puts no URL into them.
fn unreadable(error: &sqlx::Error) -> OldError {
    OldError::Unreadable(error.to_string())
}
