//! One database of a copy: its rows as values, and how far the copy into it has come.

use std::collections::HashSet;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use sqlx::{Postgres, QueryBuilder, Row as _, Sqlite};
use trait_gen::trait_gen;

use super::tables::{Kind, Table};
use super::value::{Value, Values};
use crate::store::dialect::Dialect as _;
use crate::store::sql::{SqlStore, sql};
use crate::store::words::int;
use crate::store::{HealthStore, NodeStore, StoreError, StoreResult};

/// Bytes of values after which a batch ends: with one row of the largest body (64 MiB) beside it, it fits in memory.
const BATCH_BYTES: usize = 16 << 20;

/// How far a table has come.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub table: String,
    /// Which database is copied.
    pub source: String,
    /// The key of the last row that was copied.
    pub last_key: Option<Values>,
    pub rows: u64,
    pub done: bool,
}

/// A [`Mark`] as it is read.
type MarkRow = (String, String, Option<String>, i64, bool);

/// What a copy asks of a database.
#[async_trait]
pub(super) trait Side: NodeStore + HealthStore {
    /// Whether several processes may use it at the same time.
    fn is_shared(&self) -> bool;
    /// How many steps there are, and how many of them the schema lacks.
    async fn steps(&self) -> StoreResult<(usize, usize)>;
    /// Brings the schema up to this version.
    async fn bring_up(&self) -> StoreResult<()>;
    async fn is_empty(&self, table: &Table) -> StoreResult<bool>;
    /// Rows in the order of their keys, after one; fewer than `limit` where they are large, none at the end.
    async fn rows_after(
        &self,
        table: &Table,
        after: Option<&[Value]>,
        limit: u32,
    ) -> StoreResult<Vec<Values>>;
    /// Rows by the first column.
    async fn rows_named(&self, table: &Table, ids: &[String]) -> StoreResult<Vec<Values>>;
    /// Which of these rows are there, by the first column.
    async fn known(&self, table: &Table, ids: &[String]) -> StoreResult<HashSet<String>>;
    /// Writes rows that are not there yet, those of the last level first, and how far the table has come, all in one
    /// transaction.
    async fn put(&self, table: &Table, levels: &[Vec<Values>], mark: &Mark) -> StoreResult<()>;
    /// How far the copy into it has come; empty when none was begun.
    async fn marks(&self) -> StoreResult<Vec<Mark>>;
    async fn clear_marks(&self) -> StoreResult<()>;
    /// Lets the planner see what was filled in.
    async fn analyse(&self) -> StoreResult<()>;
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl Side for SqlStore<Db> {
    fn is_shared(&self) -> bool {
        !Db::ONE_PROCESS
    }

    async fn steps(&self) -> StoreResult<(usize, usize)> {
        Ok((self.migrator.iter().count(), self.pending_migrations().await?))
    }

    async fn bring_up(&self) -> StoreResult<()> {
        self.migrate().await
    }

    async fn is_empty(&self, table: &Table) -> StoreResult<bool> {
        let mut query = sql::<Db>("SELECT COUNT(*) FROM (SELECT 1 FROM ");
        let query = query.push(table.name).push(" LIMIT 1) AS found");
        let rows: i64 = query.build_query_scalar().fetch_one(&self.reader).await?;
        Ok(rows == 0)
    }

    async fn rows_after(
        &self,
        table: &Table,
        after: Option<&[Value]>,
        limit: u32,
    ) -> StoreResult<Vec<Values>> {
        let keys = table.key_columns();
        let mut query = Self::select(table);
        if let Some(after) = after {
            query.push(" WHERE (").push(Table::names(keys)).push(") > (");
            for (at, (column, value)) in keys.iter().zip(after).enumerate() {
                query.push(if at == 0 { "" } else { ", " });
                Self::bind_value(&mut query, column.kind, value);
            }
            query.push(")");
        }
        query
            .push(" ORDER BY ")
            .push(Table::names(keys))
            .push(" LIMIT ")
            .push_bind(i64::from(limit));
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let mut found = query.build().fetch(&self.reader);
        while let Some(row) = found.try_next().await? {
            let row = Self::values(table, &row)?;
            bytes += row.iter().map(Value::size).sum::<usize>();
            rows.push(row);
            if bytes >= BATCH_BYTES {
                break;
            }
        }
        Ok(rows)
    }

    async fn rows_named(&self, table: &Table, ids: &[String]) -> StoreResult<Vec<Values>> {
        let mut query = Self::select(table);
        Self::push_named(&mut query, table, ids);
        let rows = query.build().fetch_all(&self.reader).await?;
        rows.iter().map(|row| Self::values(table, row)).collect()
    }

    async fn known(&self, table: &Table, ids: &[String]) -> StoreResult<HashSet<String>> {
        let mut query = sql::<Db>("SELECT ");
        query.push(table.columns[0].name).push(" FROM ").push(table.name);
        Self::push_named(&mut query, table, ids);
        let ids: Vec<String> = query.build_query_scalar().fetch_all(&self.reader).await?;
        Ok(ids.into_iter().collect())
    }

    async fn put(&self, table: &Table, levels: &[Vec<Values>], mark: &Mark) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        for rows in levels.iter().rev().filter(|rows| !rows.is_empty()) {
            let mut query = sql::<Db>("INSERT INTO ");
            query
                .push(table.name)
                .push(" (")
                .push(Table::names(&table.columns))
                .push(") VALUES ");
            for (number, row) in rows.iter().enumerate() {
                query.push(if number == 0 { "(" } else { ", (" });
                for (at, (column, value)) in table.columns.iter().zip(row).enumerate() {
                    query.push(if at == 0 { "" } else { ", " });
                    Self::bind_value(&mut query, column.kind, value);
                }
                query.push(")");
            }
            // What an earlier try, or a row that refers to it, has brought over already.
            query
                .push(" ON CONFLICT DO NOTHING")
                .build()
                .execute(&mut *tx)
                .await?;
        }
        let last_key = mark.last_key.as_ref().map(serde_json::to_string).transpose();
        sqlx::query(
            "INSERT INTO copy_progress (table_name, source, last_key, copied_rows, done) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (table_name) DO UPDATE SET last_key = excluded.last_key, \
             copied_rows = excluded.copied_rows, done = excluded.done",
        )
        .bind(mark.table.as_str())
        .bind(mark.source.as_str())
        .bind(last_key.map_err(|error| unreadable(&mark.table, &error))?)
        .bind(int(mark.rows))
        .bind(mark.done)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn marks(&self) -> StoreResult<Vec<Mark>> {
        let rows: Vec<MarkRow> =
            sqlx::query_as("SELECT table_name, source, last_key, copied_rows, done FROM copy_progress")
                .fetch_all(&self.reader)
                .await?;
        let mark = |(table, source, key, rows, done): MarkRow| -> StoreResult<Mark> {
            let last_key = key.map(|key| serde_json::from_str(&key)).transpose();
            Ok(Mark {
                last_key: last_key.map_err(|error| unreadable(&table, &error))?,
                table,
                source,
                rows: u64::try_from(rows).unwrap_or(0),
                done,
            })
        };
        rows.into_iter().map(mark).collect()
    }

    async fn clear_marks(&self) -> StoreResult<()> {
        sqlx::query("DELETE FROM copy_progress")
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn analyse(&self) -> StoreResult<()> {
        sqlx::raw_sql("ANALYZE").execute(&self.writer).await?;
        Ok(())
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    fn select(table: &Table) -> QueryBuilder<Db> {
        let mut query = sql::<Db>("SELECT ");
        query
            .push(Table::names(&table.columns))
            .push(" FROM ")
            .push(table.name);
        query
    }

    fn push_named(query: &mut QueryBuilder<Db>, table: &Table, ids: &[String]) {
        query.push(" WHERE ").push(table.columns[0].name).push(" IN (");
        let mut list = query.separated(", ");
        for id in ids {
            list.push_bind(id.as_str());
        }
        query.push(")");
    }

    /// Binds a value, and NULL with the type of its column.
    fn bind_value(query: &mut QueryBuilder<Db>, kind: Kind, value: &Value) {
        match (kind, value) {
            (Kind::Text, Value::Text(text)) => query.push_bind(text.as_str()),
            (Kind::Text, _) => query.push_bind(None::<&str>),
            (Kind::Number, Value::Number(number)) => query.push_bind(*number),
            (Kind::Number, _) => query.push_bind(None::<i64>),
            (Kind::Flag, Value::Flag(flag)) => query.push_bind(*flag),
            (Kind::Flag, _) => query.push_bind(None::<bool>),
            (Kind::Bytes, Value::Bytes(bytes)) => query.push_bind(bytes.as_slice()),
            (Kind::Bytes, _) => query.push_bind(None::<&[u8]>),
        };
    }

    fn values(table: &Table, row: &<Db as sqlx::Database>::Row) -> StoreResult<Values> {
        let mut values = Vec::with_capacity(table.columns.len());
        for (at, column) in table.columns.iter().enumerate() {
            let value = match column.kind {
                Kind::Text => row
                    .try_get::<Option<String>, _>(at)
                    .map(|found| found.map_or(Value::Null, Value::Text)),
                Kind::Number => row
                    .try_get::<Option<i64>, _>(at)
                    .map(|found| found.map_or(Value::Null, Value::Number)),
                Kind::Flag => row
                    .try_get::<Option<bool>, _>(at)
                    .map(|found| found.map_or(Value::Null, Value::Flag)),
                Kind::Bytes => row
                    .try_get::<Option<Vec<u8>>, _>(at)
                    .map(|found| found.map_or(Value::Null, Value::Bytes)),
            };
            values.push(value.map_err(|error| {
                StoreError::Corrupt {
                    table: table.name,
                    column: column.name,
                    row: values
                        .first()
                        .map_or_else(|| "?".to_owned(), |first| format!("{first:?}")),
                    why: error.to_string(),
                }
            })?);
        }
        Ok(values)
    }
}

fn unreadable(table: &str, error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt {
        table: "copy_progress",
        column: "last_key",
        row: table.to_owned(),
        why: error.to_string(),
    }
}
