//! One store over either database.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::migrate::{Migrate as _, MigrateError, Migrator};
use sqlx::{Database, Pool, Postgres, QueryBuilder, Sqlite, Transaction};
use trait_gen::trait_gen;

use super::dialect::Dialect;
use super::lock::FileLock;
use super::seals::Seals;
use super::words::int;
use super::{HealthStore, Store, StoreError, StoreResult, migrate};
use crate::domain::id::EventId;
use crate::domain::page::{Page, PageRequest};

/// How long a caller waits for a connection before the database counts as unavailable: longer than
/// any group commit, shorter than a sender's patience.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where sqlx keeps which migrations were applied.
const TABLE: &str = "_sqlx_migrations";

/// The store over SQLite or PostgreSQL. Made by [`open`](super::open).
pub struct SqlStore<Db: Dialect> {
    /// Where transactions that write begin. SQLite: exactly one connection.
    pub(super) writer: Pool<Db>,
    /// Where single reads go. PostgreSQL: the same pool as the writer.
    pub(super) reader: Pool<Db>,
    pub(super) migrator: Migrator,
    pub(super) lock: FileLock,
    /// What seals events, attempts and refused requests, and opens them.
    pub(super) seals: Seals,
}

impl<Db: Dialect> SqlStore<Db> {
    /// The connections that write, for tests that look behind the store.
    #[must_use]
    pub fn writer(&self) -> &Pool<Db> {
        &self.writer
    }

    /// The store, holding its file's lock until it is closed.
    pub(super) fn locked_by(self, lock: FileLock) -> Self {
        Self { lock, ..self }
    }

    /// Begins a transaction that will write.
    pub(super) async fn begin(&self) -> StoreResult<Transaction<'static, Db>> {
        Ok(self.writer.begin_with(Db::BEGIN_WRITE).await?)
    }
}

/// A statement under construction.
pub(super) fn sql<Db: Dialect>(text: &str) -> QueryBuilder<Db>
where
    Db::Arguments: Default,
{
    QueryBuilder::new(text)
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl Store for SqlStore<Db> {}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Brings the schema up to this version.
    ///
    /// # Errors
    /// [`StoreError::Schema`] when the database holds migrations that this version does not know.
    pub async fn migrate(&self) -> StoreResult<()> {
        self.migrator
            .run(&self.writer)
            .await
            .map_err(migrate::schema_error)
    }

    /// How many steps the schema lacks.
    ///
    /// # Errors
    /// [`StoreError::Schema`] when the database holds migrations that this version does not know.
    pub(super) async fn pending_migrations(&self) -> StoreResult<usize> {
        let mut conn = self.writer.acquire().await?;
        // The table is not there before the first migration.
        let applied = conn.list_applied_migrations(TABLE).await.unwrap_or_default();
        let known = |version: i64| self.migrator.iter().any(|step| step.version == version);
        if let Some(foreign) = applied.iter().find(|step| !known(step.version)) {
            return Err(migrate::schema_error(MigrateError::VersionMissing(
                foreign.version,
            )));
        }
        Ok(self.migrator.iter().count().saturating_sub(applied.len()))
    }

    /// A page of all that a table has.
    pub(super) async fn table_page<T>(
        &self,
        (table, columns): (&'static str, &'static str),
        order: &'static str,
        page: PageRequest,
        read: fn(&<Db as Database>::Row) -> StoreResult<T>,
    ) -> StoreResult<Page<T>> {
        let total: i64 = sql::<Db>("SELECT COUNT(*) FROM ")
            .push(table)
            .build_query_scalar()
            .fetch_one(&self.reader)
            .await?;
        let rows = sql::<Db>("SELECT ")
            .push(columns)
            .push(" FROM ")
            .push(table)
            .push(" ORDER BY ")
            .push(order)
            .push(" LIMIT ")
            .push_bind(i64::from(page.size))
            .push(" OFFSET ")
            .push_bind(int(page.offset()))
            .build()
            .fetch_all(&self.reader)
            .await?;
        Ok(Page {
            total: u64::try_from(total).unwrap_or(0),
            items: rows.iter().map(read).collect::<StoreResult<_>>()?,
        })
    }

    /// Each of these events once, in order, and locked in that order: two batches that touch the
    /// same events never wait for each other in a circle.
    pub(super) async fn lock_events(
        conn: &mut <Db as Database>::Connection,
        events: impl Iterator<Item = EventId> + Send,
    ) -> StoreResult<Vec<EventId>> {
        let mut ids: Vec<_> = events.collect();
        ids.sort_unstable();
        ids.dedup();
        // SQLite has one writer: there is nothing to lock.
        if !Db::LOCK.is_empty() {
            for chunk in ids.chunks(Db::MAX_BINDS) {
                let mut query = sql::<Db>("SELECT id FROM events WHERE id IN ");
                Self::push_ids(&mut query, chunk);
                query.push(" ORDER BY id").push(Db::LOCK);
                query.build().execute(&mut *conn).await?;
            }
        }
        Ok(ids)
    }

    /// Adds a list of ids in brackets.
    pub(super) fn push_ids<I: ToString>(query: &mut QueryBuilder<Db>, ids: &[I]) {
        query.push("(");
        let mut list = query.separated(", ");
        for id in ids {
            list.push_bind(id.to_string());
        }
        query.push(")");
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl HealthStore for SqlStore<Db> {
    async fn ping(&self) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        sqlx::query("SELECT 1").execute(&mut *tx).await?;
        tx.rollback().await?;
        Ok(())
    }

    async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
        self.lock.release();
    }
}
