//! How plugins' newest attempts ended.

use async_trait::async_trait;
use sqlx::{Postgres, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::rows::{Columns, RowReader};
use super::sql::SqlStore;
use crate::domain::overview::OutcomeCount;
use crate::domain::time::Timestamp;

/// How attempts ended lately.
#[async_trait]
pub trait OutcomeStore: Send + Sync {
    /// How many attempts that began at or after `since` ended in which way, by plugin, among the newest `limit` of all
    /// plugins.
    async fn outcomes(&self, since: Timestamp, limit: u32) -> StoreResult<Vec<OutcomeCount>>;
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl OutcomeStore for SqlStore<Db> {
    async fn outcomes(&self, since: Timestamp, limit: u32) -> StoreResult<Vec<OutcomeCount>> {
        let rows = sqlx::query(
            "SELECT d.plugin, a.outcome, COUNT(*) AS total \
             FROM (SELECT delivery_id, started_at, outcome FROM attempts \
                   WHERE started_at >= $1 ORDER BY started_at DESC LIMIT $2) AS a \
             JOIN deliveries d ON d.id = a.delivery_id GROUP BY d.plugin, a.outcome ORDER BY d.plugin, a.outcome",
        )
        .bind(since.as_millis())
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(count_from).collect()
    }
}

fn count_from(row: &impl Columns) -> StoreResult<OutcomeCount> {
    let row = RowReader::new(row, "attempts", "plugin");
    Ok(OutcomeCount {
        plugin: row.parsed("plugin")?,
        outcome: row.parsed("outcome")?,
        count: row.number("total")?,
    })
}
