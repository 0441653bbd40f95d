//! What an overview asks: each answer is a look-up or a walk of bounded length, however much is stored.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Postgres, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::rows::{Columns, RowReader};
use super::sql::SqlStore;
use crate::domain::overview::{EventCount, LatencySample, Tally};
use crate::domain::plugin::PluginName;
use crate::domain::time::Timestamp;

/// What happened lately, and what waits.
#[async_trait]
pub trait OverviewStore: Send + Sync {
    /// How many events have each status, exactly; without zeros.
    async fn event_counts(&self) -> StoreResult<Vec<EventCount>>;

    /// What happened at or after `since`, summed up over all plugins and spans of `span`, a multiple of
    /// [`TALLY_SPAN`](crate::domain::overview::TALLY_SPAN); spans in which nothing happened are left out.
    async fn tallies(&self, since: Timestamp, span: Duration) -> StoreResult<Vec<Tally>>;

    /// How long the newest deliveries took whose attempts began at or after `since` and succeeded, among the newest
    /// `limit` attempts.
    async fn latencies(&self, since: Timestamp, limit: u32) -> StoreResult<Vec<LatencySample>>;

    /// Since when the delivery of this plugin is due that waits longest, or when the next one will be; `None` when
    /// none waits.
    async fn oldest_due(&self, plugin: &PluginName) -> StoreResult<Option<Timestamp>>;

    /// Refused requests that came at or after `since` and that nobody has accepted.
    async fn count_rejected(&self, since: Timestamp) -> StoreResult<u64>;

    /// Removes tallies of spans that began before `before`, at most `limit`; how many went.
    async fn purge_tallies(&self, before: Timestamp, limit: u32) -> StoreResult<u64>;
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl OverviewStore for SqlStore<Db> {
    async fn event_counts(&self) -> StoreResult<Vec<EventCount>> {
        let rows = sqlx::query(
            "SELECT status, CAST(SUM(count) AS BIGINT) AS total FROM event_counts \
             GROUP BY status HAVING SUM(count) <> 0 ORDER BY status",
        )
        .fetch_all(&self.reader)
        .await?;
        rows.iter()
            .map(|row| {
                let row = RowReader::new(row, "event_counts", "status");
                Ok(EventCount {
                    status: row.parsed("status")?,
                    count: row.number("total")?,
                })
            })
            .collect()
    }

    async fn tallies(&self, since: Timestamp, span: Duration) -> StoreResult<Vec<Tally>> {
        let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX).max(1);
        let rows = sqlx::query(
            "SELECT bucket / $2 * $2 AS at, what, CAST(SUM(count) AS BIGINT) AS total FROM tallies \
             WHERE bucket >= $1 GROUP BY 1, 2 ORDER BY 1, 2",
        )
        .bind(since.as_millis())
        .bind(span)
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(tally_from).collect()
    }

    async fn latencies(&self, since: Timestamp, limit: u32) -> StoreResult<Vec<LatencySample>> {
        let rows = sqlx::query(
            "SELECT d.plugin, a.started_at + a.duration_ms - d.created_at AS latency_ms \
             FROM (SELECT delivery_id, started_at, duration_ms, outcome FROM attempts \
                   WHERE started_at >= $1 ORDER BY started_at DESC LIMIT $2) AS a \
             JOIN deliveries d ON d.id = a.delivery_id WHERE a.outcome = 'succeeded'",
        )
        .bind(since.as_millis())
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(sample_from).collect()
    }

    async fn oldest_due(&self, plugin: &PluginName) -> StoreResult<Option<Timestamp>> {
        // The first row of either of the indexes that claims go by.
        let oldest: Option<i64> = sqlx::query_scalar(
            "SELECT MIN(due_at) FROM (\
             SELECT (SELECT due_at FROM deliveries WHERE plugin = $1 AND state = 'pending' AND NOT waits_turn \
                     ORDER BY due_at, id LIMIT 1) AS due_at \
             UNION ALL \
             SELECT (SELECT due_at FROM deliveries WHERE plugin = $1 AND state IN ('retrying', 'deferred') \
                     ORDER BY due_at, id LIMIT 1)) AS firsts",
        )
        .bind(plugin.as_str())
        .fetch_one(&self.reader)
        .await?;
        Ok(oldest.map(Timestamp::from_millis))
    }

    async fn count_rejected(&self, since: Timestamp) -> StoreResult<u64> {
        let count: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM rejected_requests WHERE received_at >= $1 AND accepted_event_id IS NULL",
        )
        .bind(since.as_millis())
        .fetch_one(&self.reader)
        .await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn purge_tallies(&self, before: Timestamp, limit: u32) -> StoreResult<u64> {
        // By the end of the oldest rows, since on PostgreSQL a span may have several.
        let done = sqlx::query(
            "DELETE FROM tallies WHERE bucket < $1 AND bucket <= \
             (SELECT MAX(bucket) FROM (SELECT bucket FROM tallies ORDER BY bucket LIMIT $2) AS oldest)",
        )
        .bind(before.as_millis())
        .bind(i64::from(limit))
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected())
    }
}

fn tally_from(row: &impl Columns) -> StoreResult<Tally> {
    let row = RowReader::new(row, "tallies", "what");
    Ok(Tally {
        at: row.moment("at")?,
        what: row.parsed("what")?,
        count: row.number("total")?,
    })
}

fn sample_from(row: &impl Columns) -> StoreResult<LatencySample> {
    let row = RowReader::new(row, "deliveries", "plugin");
    // Two clocks may differ: a time below zero is none.
    let millis: i64 = row.number("latency_ms")?;
    Ok(LatencySample {
        plugin: row.parsed("plugin")?,
        latency: Duration::from_millis(u64::try_from(millis).unwrap_or(0)),
    })
}
