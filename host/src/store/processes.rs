//! Stored scripts and their versions.

use std::borrow::Cow;

use async_trait::async_trait;
use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::rows::{Columns, RowReader};
use super::sql::{SqlStore, sql};
use super::words::{clean, clean_opt};
use super::{ProcessStore, StoreResult};
use crate::domain::id::ProcessId;
use crate::domain::page::{Page, PageRequest};
use crate::domain::process::{
    Process, ProcessChange, ProcessPut, ProcessSummary, ProcessVersion, ProcessWrite, PutMode,
};
use crate::domain::time::Timestamp;

const PROCESS_COLUMNS: &str = "id, code, name, script, created_at, updated_at";

/// What a version is made of, beside its number.
struct Change<'a> {
    id: &'a str,
    code: &'a str,
    name: &'a str,
    script: Option<&'a str>,
    at: Timestamp,
    by: &'a str,
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl ProcessStore for SqlStore<Db> {
    async fn put_processes(
        &self,
        puts: &[ProcessPut],
        mode: PutMode,
        by: &str,
    ) -> StoreResult<Vec<ProcessWrite>> {
        let mut tx = self.begin().await?;
        let mut writes = Vec::with_capacity(puts.len());
        for put in puts {
            writes.push(Self::put(&mut tx, put, by).await?);
        }
        match mode {
            PutMode::Keep => tx.commit().await?,
            PutMode::Try => tx.rollback().await?,
        }
        Ok(writes)
    }

    async fn change_process(
        &self,
        code: &str,
        change: &ProcessChange,
        at: Timestamp,
        by: &str,
    ) -> StoreResult<Option<Process>> {
        let mut tx = self.begin().await?;
        // CAST: PostgreSQL must know the type of a NULL.
        let changed = sqlx::query(
            "UPDATE processes SET name = COALESCE(CAST($2 AS TEXT), name), \
             script = COALESCE(CAST($3 AS TEXT), script), updated_at = $4 \
             WHERE code = $1 AND (name <> CAST($2 AS TEXT) OR script <> CAST($3 AS TEXT)) \
             RETURNING id, code, name, script, created_at, updated_at",
        )
        .bind(clean(code).into_owned())
        .bind(clean_opt(change.name.as_deref()).map(Cow::into_owned))
        .bind(clean_opt(change.script.as_deref()).map(Cow::into_owned))
        .bind(at.as_millis())
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = changed else {
            // As it was, or not there.
            return self.process(code).await;
        };
        let process = process_from(&row)?;
        Self::add_version(&mut tx, &version(&process.id.to_string(), &process, by)).await?;
        tx.commit().await?;
        Ok(Some(process))
    }

    async fn create_process(&self, process: &Process, by: &str) -> StoreResult<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "INSERT INTO processes (id, code, name, script, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (code) DO NOTHING",
        )
        .bind(process.id.to_string())
        .bind(clean(&process.code).into_owned())
        .bind(clean(&process.name).into_owned())
        .bind(clean(&process.script).into_owned())
        .bind(process.created_at.as_millis())
        .bind(process.updated_at.as_millis())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        Self::add_version(&mut tx, &version(&process.id.to_string(), process, by)).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn process(&self, code: &str) -> StoreResult<Option<Process>> {
        let row = sql::<Db>("SELECT ")
            .push(PROCESS_COLUMNS)
            .push(" FROM processes WHERE code = ")
            .push_bind(clean(code).into_owned())
            .build()
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(process_from).transpose()
    }

    async fn process_by_id(&self, id: ProcessId) -> StoreResult<Option<Process>> {
        let row = sql::<Db>("SELECT ")
            .push(PROCESS_COLUMNS)
            .push(" FROM processes WHERE id = ")
            .push_bind(id.to_string())
            .build()
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(process_from).transpose()
    }

    async fn remove_process(&self, code: &str, at: Timestamp, by: &str) -> StoreResult<bool> {
        let mut tx = self.begin().await?;
        let removed = sqlx::query("DELETE FROM processes WHERE code = $1 RETURNING id, name")
            .bind(clean(code).into_owned())
            .fetch_optional(&mut *tx)
            .await?;
        let Some(row) = removed else { return Ok(false) };
        let row = RowReader::new(&row, "processes", "id");
        let id: ProcessId = row.parsed("id")?;
        let last = Change {
            id: &id.to_string(),
            code,
            name: &row.text("name")?,
            script: None,
            at,
            by,
        };
        Self::add_version(&mut tx, &last).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn processes(&self, after: Option<&str>, limit: u32) -> StoreResult<Vec<Process>> {
        // Every code comes after the empty text.
        let rows = sql::<Db>("SELECT ")
            .push(PROCESS_COLUMNS)
            .push(" FROM processes WHERE code > ")
            .push_bind(clean(after.unwrap_or("")).into_owned())
            .push(" ORDER BY code LIMIT ")
            .push_bind(i64::from(limit))
            .build()
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(process_from).collect()
    }

    async fn process_page(
        &self,
        search: Option<&str>,
        page: PageRequest,
    ) -> StoreResult<Page<ProcessSummary>> {
        self.find_processes(search.unwrap_or(""), page).await
    }

    async fn process_versions(&self, code: &str, page: PageRequest) -> StoreResult<Page<ProcessVersion>> {
        self.find_versions(code, page).await
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Writes one process by its code.
    async fn put(
        tx: &mut <Db as Database>::Connection,
        put: &ProcessPut,
        by: &str,
    ) -> StoreResult<ProcessWrite> {
        let known: Option<String> = sqlx::query_scalar("SELECT id FROM processes WHERE code = $1")
            .bind(clean(&put.code).into_owned())
            .fetch_optional(&mut *tx)
            .await?;
        // CAST: PostgreSQL must know the type of a NULL.
        let row = sqlx::query(
            "INSERT INTO processes (id, code, name, script, created_at, updated_at) \
             VALUES ($1, $2, COALESCE(CAST($3 AS TEXT), $2), $4, $5, $5) ON CONFLICT (code) DO UPDATE SET \
             name = COALESCE(CAST($3 AS TEXT), processes.name), script = excluded.script, \
             updated_at = excluded.updated_at \
             WHERE processes.name <> CAST($3 AS TEXT) OR processes.script <> excluded.script \
             RETURNING id, code, name, script, created_at, updated_at",
        )
        .bind(put.id.to_string())
        .bind(clean(&put.code).into_owned())
        .bind(clean_opt(put.name.as_deref()).map(Cow::into_owned))
        .bind(clean(&put.script).into_owned())
        .bind(put.at.as_millis())
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else {
            return Ok(ProcessWrite::Unchanged);
        };
        let written = process_from(&row)?;
        Self::add_version(tx, &version(&written.id.to_string(), &written, by)).await?;
        Ok(if known.is_none() {
            ProcessWrite::Created
        } else {
            ProcessWrite::Updated
        })
    }

    /// Adds the next version of a process. The caller has written or removed its row before, so
    /// that two changes of one process wait for each other.
    async fn add_version(tx: &mut <Db as Database>::Connection, change: &Change<'_>) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO process_versions (process_id, version, code, name, script, changed_at, changed_by) \
             VALUES ($1, (SELECT COALESCE(MAX(version), 0) + 1 FROM process_versions WHERE process_id = $1), \
             $2, $3, $4, $5, $6)",
        )
        .bind(change.id)
        .bind(clean(change.code).into_owned())
        .bind(clean(change.name).into_owned())
        .bind(change.script.map(|script| clean(script).into_owned()))
        .bind(change.at.as_millis())
        .bind(clean(change.by).into_owned())
        .execute(tx)
        .await?;
        Ok(())
    }
}

fn version<'a>(id: &'a str, process: &'a Process, by: &'a str) -> Change<'a> {
    Change {
        id,
        code: &process.code,
        name: &process.name,
        script: Some(&process.script),
        at: process.updated_at,
        by,
    }
}

fn process_from(row: &impl Columns) -> StoreResult<Process> {
    let row = RowReader::new(row, "processes", "code");
    Ok(Process {
        id: row.parsed("id")?,
        code: row.text("code")?,
        name: row.text("name")?,
        script: row.text("script")?,
        created_at: row.moment("created_at")?,
        updated_at: row.moment("updated_at")?,
    })
}
