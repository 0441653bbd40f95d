//! Stored scripts.

use async_trait::async_trait;
use sqlx::{Postgres, Sqlite};
use trait_gen::trait_gen;

use super::rows::{Columns, RowReader};
use super::sql::SqlStore;
use super::words::clean;
use super::{ProcessStore, StoreResult};
use crate::domain::process::Process;

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl ProcessStore for SqlStore<Db> {
    async fn put_process(&self, process: &Process) -> StoreResult<()> {
        // A known code keeps its id and the moment it was made.
        sqlx::query(
            "INSERT INTO processes (id, code, name, script, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (code) DO UPDATE SET \
             name = excluded.name, script = excluded.script, updated_at = excluded.updated_at",
        )
        .bind(process.id.to_string())
        .bind(clean(&process.code).into_owned())
        .bind(clean(&process.name).into_owned())
        .bind(clean(&process.script).into_owned())
        .bind(process.created_at.as_millis())
        .bind(process.updated_at.as_millis())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    async fn processes(&self, after: Option<&str>, limit: u32) -> StoreResult<Vec<Process>> {
        // Every code comes after the empty text.
        let rows = sqlx::query(
            "SELECT id, code, name, script, created_at, updated_at FROM processes \
             WHERE code > $1 ORDER BY code LIMIT $2",
        )
        .bind(clean(after.unwrap_or("")).into_owned())
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(process_from).collect()
    }
}

fn process_from(row: &impl Columns) -> StoreResult<Process> {
    let row = RowReader::new(row, "processes", "id");
    Ok(Process {
        id: row.parsed("id")?,
        code: row.text("code")?,
        name: row.text("name")?,
        script: row.text("script")?,
        created_at: row.moment("created_at")?,
        updated_at: row.moment("updated_at")?,
    })
}
