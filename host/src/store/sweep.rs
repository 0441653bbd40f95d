//! Ended leases.

use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::dialect::Dialect as _;
use super::history::NewAttempt;
use super::rows::{Columns, RowReader};
use super::sql::{SqlStore, sql};
use super::words::Word as _;
use crate::domain::attempt::{AttemptOutcome, FinishedAttempt};
use crate::domain::delivery::{DeliveryState, OnUnknown};
use crate::domain::id::{AttemptId, DeliveryId};
use crate::domain::plugin::PluginName;
use crate::domain::time::Timestamp;

/// What the attempt and the delivery say when nobody knows.
const UNKNOWN_ERROR: &str = "the lease ended while it ran: the node stopped or lost the database, and \
     nobody knows whether its requests took effect";

/// A delivery whose lease has ended.
pub(super) struct Ended {
    pub id: DeliveryId,
    attempts: u32,
    /// When the started mark was made; `None` when it was not.
    pub started_at: Option<Timestamp>,
    lease_until: Timestamp,
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Finds and locks ended leases of `plugin`, oldest first; passes over those that somebody is
    /// finishing this moment.
    pub(super) async fn ended(
        conn: &mut <Db as Database>::Connection,
        plugin: &PluginName,
        limit: u32,
    ) -> StoreResult<Vec<Ended>> {
        let rows = sql::<Db>(
            "SELECT d.id, d.attempts, d.started_at, d.lease_until FROM deliveries d \
             WHERE d.state IN ('claimed', 'running') AND d.plugin = ",
        )
        .push_bind(plugin.as_str())
        .push(" AND d.lease_until <= ")
        .push(Db::NOW)
        .push(" ORDER BY d.lease_until, d.id LIMIT ")
        .push_bind(i64::from(limit))
        .push(Db::LOCK_FREE)
        .build()
        .fetch_all(&mut *conn)
        .await?;
        rows.iter().map(ended_from).collect()
    }

    /// Records attempts whose outcome nobody knows, and retries or holds their deliveries. A held
    /// one stays open, and so does its event.
    pub(super) async fn record_unknown(
        conn: &mut <Db as Database>::Connection,
        rows: &[Ended],
        on_unknown: OnUnknown,
    ) -> StoreResult<()> {
        let records: Vec<_> = rows.iter().map(unknown_attempt).collect();
        let attempts: Vec<_> = rows
            .iter()
            .zip(&records)
            .map(|(row, record)| NewAttempt {
                delivery: row.id,
                number: row.attempts.saturating_add(1),
                record,
            })
            .collect();
        Self::insert_attempts(conn, &attempts).await?;
        let state = match on_unknown {
            OnUnknown::Retry => DeliveryState::Retrying,
            OnUnknown::Hold => DeliveryState::Unknown,
        };
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        for chunk in ids.chunks(Db::MAX_BINDS - 2) {
            let mut query = sql::<Db>("UPDATE deliveries SET state = ");
            query
                .push_bind(state.word())
                .push(", last_error = ")
                .push_bind(UNKNOWN_ERROR)
                .push(", due_at = ")
                .push(Db::NOW)
                .push(
                    ", attempts = attempts + 1, started_at = NULL, lease_token = NULL, lease_until = NULL, \
                     lease_node = NULL WHERE id IN ",
                );
            Self::push_ids(&mut query, chunk);
            query.build().execute(&mut *conn).await?;
        }
        Ok(())
    }
}

fn unknown_attempt(row: &Ended) -> FinishedAttempt {
    let started_at = row.started_at.unwrap_or(row.lease_until);
    let lasted = row.lease_until.since(started_at).as_millis();
    FinishedAttempt {
        id: AttemptId::generate(),
        started_at,
        duration_ms: u64::try_from(lasted).unwrap_or(u64::MAX),
        outcome: AttemptOutcome::Unknown,
        summary: None,
        output: None,
        error: Some(UNKNOWN_ERROR.to_owned()),
        logs: Vec::new(),
        calls: Vec::new(),
        generation: None,
        digest: None,
    }
}

fn ended_from(row: &impl Columns) -> StoreResult<Ended> {
    let row = RowReader::new(row, "deliveries", "id");
    Ok(Ended {
        id: row.parsed("id")?,
        attempts: row.number("attempts")?,
        started_at: row.moment_opt("started_at")?,
        lease_until: row.moment("lease_until")?,
    })
}
