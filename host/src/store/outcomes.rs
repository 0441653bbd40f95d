//! What became of plugins' attempts lately.

use async_trait::async_trait;
use sqlx::{Postgres, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::history::attempt_from;
use super::rows::{Columns, RowReader};
use super::sql::SqlStore;
use crate::domain::attempt::Attempt;
use crate::domain::id::EventId;
use crate::domain::overview::PluginTally;
use crate::domain::plugin::PluginName;
use crate::domain::time::Timestamp;

/// What became of attempts lately, plugin by plugin.
#[async_trait]
pub trait OutcomeStore: Send + Sync {
    /// How often each thing happened to each plugin in the tallies that begin at or after `since`.
    async fn plugin_tallies(&self, since: Timestamp) -> StoreResult<Vec<PluginTally>>;

    /// A plugin's attempts that began at or after `since`, newest first, at most `limit`, each with its event: those among
    /// the newest `sample` attempts of all plugins.
    async fn newest_attempts(
        &self,
        plugin: &PluginName,
        since: Timestamp,
        sample: u32,
        limit: u32,
    ) -> StoreResult<Vec<(EventId, Attempt)>>;
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl OutcomeStore for SqlStore<Db> {
    async fn plugin_tallies(&self, since: Timestamp) -> StoreResult<Vec<PluginTally>> {
        let rows = sqlx::query(
            "SELECT plugin, what, CAST(SUM(count) AS BIGINT) AS total FROM tallies \
             WHERE bucket >= $1 AND plugin <> '' GROUP BY plugin, what ORDER BY plugin, what",
        )
        .bind(since.as_millis())
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(tally_from).collect()
    }

    async fn newest_attempts(
        &self,
        plugin: &PluginName,
        since: Timestamp,
        sample: u32,
        limit: u32,
    ) -> StoreResult<Vec<(EventId, Attempt)>> {
        let rows = sqlx::query(
            "SELECT d.event_id AS event_id, a.* \
             FROM (SELECT id, delivery_id, started_at FROM attempts \
                   WHERE started_at >= $2 ORDER BY started_at DESC LIMIT $3) AS n \
             JOIN deliveries d ON d.id = n.delivery_id JOIN attempts a ON a.id = n.id \
             WHERE d.plugin = $1 ORDER BY n.started_at DESC, n.id DESC LIMIT $4",
        )
        .bind(plugin.as_str())
        .bind(since.as_millis())
        .bind(i64::from(sample))
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        let read = rows.iter().map(|row| {
            let event = RowReader::new(row, "deliveries", "event_id").parsed("event_id")?;
            Ok((event, attempt_from(row, &self.seals)?))
        });
        read.collect()
    }
}

fn tally_from(row: &impl Columns) -> StoreResult<PluginTally> {
    let row = RowReader::new(row, "tallies", "plugin");
    Ok(PluginTally {
        plugin: row.parsed("plugin")?,
        what: row.parsed("what")?,
        count: row.number("total")?,
    })
}
