//! Stored scripts and their versions.

use async_trait::async_trait;
use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::rows::{Columns, RowReader};
use super::sql::{SqlStore, sql};
use super::words::{clean, int};
use super::{ProcessStore, StoreResult};
use crate::domain::id::ProcessId;
use crate::domain::page::{Page, PageRequest};
use crate::domain::process::{Process, ProcessSummary, ProcessVersion, ProcessWrite};
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
    async fn put_processes(&self, processes: &[Process], by: &str) -> StoreResult<Vec<ProcessWrite>> {
        let mut tx = self.begin().await?;
        let mut writes = Vec::with_capacity(processes.len());
        for process in processes {
            writes.push(Self::put(&mut tx, process, by).await?);
        }
        tx.commit().await?;
        Ok(writes)
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
        Self::add_version(&mut tx, &change(&process.id.to_string(), process, by)).await?;
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
        let pattern = contains(search.unwrap_or(""));
        let total: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM processes \
             WHERE lower(code) LIKE $1 ESCAPE '\\' OR lower(name) LIKE $1 ESCAPE '\\'",
        )
        .bind(&pattern)
        .fetch_one(&self.reader)
        .await?;
        let rows = sqlx::query(
            "SELECT id, code, name, CAST(octet_length(script) AS BIGINT) AS size, created_at, updated_at \
             FROM processes WHERE lower(code) LIKE $1 ESCAPE '\\' OR lower(name) LIKE $1 ESCAPE '\\' \
             ORDER BY code LIMIT $2 OFFSET $3",
        )
        .bind(&pattern)
        .bind(i64::from(page.size))
        .bind(int(page.offset()))
        .fetch_all(&self.reader)
        .await?;
        Ok(Page {
            total: u64::try_from(total).unwrap_or(0),
            items: rows.iter().map(summary_from).collect::<StoreResult<_>>()?,
        })
    }

    async fn process_versions(&self, code: &str, page: PageRequest) -> StoreResult<Page<ProcessVersion>> {
        let code = clean(code).into_owned();
        let total: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM process_versions WHERE code = $1")
            .bind(&code)
            .fetch_one(&self.reader)
            .await?;
        let rows = sqlx::query(
            "SELECT process_id, version, name, script, changed_at, changed_by FROM process_versions \
             WHERE code = $1 ORDER BY changed_at DESC, version DESC LIMIT $2 OFFSET $3",
        )
        .bind(&code)
        .bind(i64::from(page.size))
        .bind(int(page.offset()))
        .fetch_all(&self.reader)
        .await?;
        Ok(Page {
            total: u64::try_from(total).unwrap_or(0),
            items: rows.iter().map(version_from).collect::<StoreResult<_>>()?,
        })
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Writes one process by its code.
    async fn put(
        tx: &mut <Db as Database>::Connection,
        process: &Process,
        by: &str,
    ) -> StoreResult<ProcessWrite> {
        let row = sqlx::query(
            "INSERT INTO processes (id, code, name, script, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (code) DO UPDATE SET \
             name = excluded.name, script = excluded.script, updated_at = excluded.updated_at \
             WHERE processes.name <> excluded.name OR processes.script <> excluded.script RETURNING id",
        )
        .bind(process.id.to_string())
        .bind(clean(&process.code).into_owned())
        .bind(clean(&process.name).into_owned())
        .bind(clean(&process.script).into_owned())
        .bind(process.created_at.as_millis())
        .bind(process.updated_at.as_millis())
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else {
            return Ok(ProcessWrite::Unchanged);
        };
        let written: ProcessId = RowReader::new(&row, "processes", "id").parsed("id")?;
        Self::add_version(tx, &change(&written.to_string(), process, by)).await?;
        Ok(if written == process.id {
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

fn change<'a>(id: &'a str, process: &'a Process, by: &'a str) -> Change<'a> {
    Change {
        id,
        code: &process.code,
        name: &process.name,
        script: Some(&process.script),
        at: process.updated_at,
        by,
    }
}

/// The pattern of LIKE for "contains this", whatever it holds.
fn contains(text: &str) -> String {
    let text = clean(text).to_lowercase();
    let text = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{text}%")
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

fn summary_from(row: &impl Columns) -> StoreResult<ProcessSummary> {
    let row = RowReader::new(row, "processes", "code");
    Ok(ProcessSummary {
        id: row.parsed("id")?,
        code: row.text("code")?,
        name: row.text("name")?,
        size: row.number("size")?,
        created_at: row.moment("created_at")?,
        updated_at: row.moment("updated_at")?,
    })
}

fn version_from(row: &impl Columns) -> StoreResult<ProcessVersion> {
    let row = RowReader::new(row, "process_versions", "process_id");
    Ok(ProcessVersion {
        version: row.number("version")?,
        name: row.text("name")?,
        script: row.text_opt("script")?,
        changed_at: row.moment("changed_at")?,
        changed_by: row.text("changed_by")?,
    })
}
