//! Lists of stored scripts and of their versions.

use sqlx::{AssertSqlSafe, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::rows::{Columns, RowReader};
use super::sql::SqlStore;
use super::words::{clean, contains, int};
use crate::domain::page::{Page, PageRequest};
use crate::domain::process::{ProcessSummary, ProcessVersion};

/// Whether code or name holds the folded pattern `$1` or the pattern as written, `$2`.
const MATCHES: &str = "lower(code) LIKE $1 ESCAPE '\\' OR lower(name) LIKE $1 ESCAPE '\\' \
     OR code LIKE $2 ESCAPE '\\' OR name LIKE $2 ESCAPE '\\'";

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    pub(super) async fn find_processes(
        &self,
        search: &str,
        page: PageRequest,
    ) -> StoreResult<Page<ProcessSummary>> {
        // SQLite's lower() knows ASCII alone; other letters are found as they are written.
        let (folded, written) = (contains(&clean(search).to_lowercase()), contains(&clean(search)));
        let total: i64 = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT COUNT(*) FROM processes WHERE {MATCHES}"
        )))
        .bind(&folded)
        .bind(&written)
        .fetch_one(&self.reader)
        .await?;
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT id, code, name, CAST(octet_length(script) AS BIGINT) AS size, created_at, updated_at \
             FROM processes WHERE {MATCHES} \
             ORDER BY code LIMIT $3 OFFSET $4",
        )))
        .bind(&folded)
        .bind(&written)
        .bind(i64::from(page.size))
        .bind(int(page.offset()))
        .fetch_all(&self.reader)
        .await?;
        Ok(Page {
            total: u64::try_from(total).unwrap_or(0),
            items: rows.iter().map(summary_from).collect::<StoreResult<_>>()?,
        })
    }

    pub(super) async fn find_versions(
        &self,
        code: &str,
        page: PageRequest,
    ) -> StoreResult<Page<ProcessVersion>> {
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
