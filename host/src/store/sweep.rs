//! Ended leases.

use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::dialect::Dialect as _;
use super::finish::Step;
use super::rows::{Columns, RowReader};
use super::seals::Seals;
use super::sql::{SqlStore, sql};
use super::{StoreResult, UnknownJudge};
use crate::domain::attempt::{AttemptOutcome, FinishedAttempt};
use crate::domain::delivery::{DeliveryState, Tried, UnknownVerdict};
use crate::domain::id::{AttemptId, DeliveryId, EventId};
use crate::domain::plugin::PluginName;
use crate::domain::time::Timestamp;

/// What the attempt and the delivery say when nobody knows.
const UNKNOWN_ERROR: &str = "the lease ended while it ran: the node stopped or lost the database, and \
     nobody knows whether its requests took effect";

/// A delivery whose lease has ended.
pub(super) struct Ended {
    pub id: DeliveryId,
    event: EventId,
    attempts: u32,
    ordered: bool,
    created_at: Timestamp,
    /// When the started mark was made; `None` when it was not.
    pub started_at: Option<Timestamp>,
    lease_until: Timestamp,
    /// The database's clock as it was read.
    now: Timestamp,
}

impl Ended {
    fn tried(&self) -> Tried {
        Tried {
            attempt: self.attempts.saturating_add(1),
            age: self.now.since(self.created_at),
        }
    }

    fn step<'a>(&self, attempt: &'a FinishedAttempt, verdict: UnknownVerdict) -> Step<'a> {
        let (state, delay_ms) = match verdict {
            UnknownVerdict::Retry { delay_ms } => (DeliveryState::Retrying, delay_ms),
            UnknownVerdict::Hold => (DeliveryState::Unknown, 0),
            UnknownVerdict::Dead => (DeliveryState::Dead, 0),
        };
        let number = self.tried().attempt;
        Step {
            id: self.id,
            event: self.event,
            ordered: self.ordered,
            number,
            attempt,
            state,
            attempts: number,
            delay_ms,
            finished_at: (verdict == UnknownVerdict::Dead).then_some(self.now),
            // Whatever ended its node may have been the work of a call's other deliveries, or its own.
            alone: true,
        }
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Up to `limit` deliveries of `plugin` whose leases have ended, oldest first. Not locked: their turns come first.
    pub(super) async fn ended_ids(
        conn: &mut <Db as Database>::Connection,
        plugin: &PluginName,
        limit: u32,
    ) -> StoreResult<Vec<DeliveryId>> {
        let rows = sql::<Db>(
            "SELECT d.id FROM deliveries d WHERE d.state IN ('claimed', 'running') AND d.plugin = ",
        )
        .push_bind(plugin.as_str())
        .push(" AND d.lease_until <= ")
        .push(Db::NOW)
        .push(" ORDER BY d.lease_until, d.id LIMIT ")
        .push_bind(i64::from(limit))
        .build()
        .fetch_all(&mut *conn)
        .await?;
        rows.iter()
            .map(|row| RowReader::new(row, "deliveries", "id").parsed("id"))
            .collect()
    }

    /// Locks those of these whose leases have still ended; passes over those that somebody is finishing this
    /// moment. Of these alone the turns are held: what ends later is for the next sweep.
    pub(super) async fn ended(
        conn: &mut <Db as Database>::Connection,
        ids: &[DeliveryId],
    ) -> StoreResult<Vec<Ended>> {
        let mut ended = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(Db::MAX_BINDS) {
            let mut query = sql::<Db>(
                "SELECT d.id, d.event_id, d.attempts, d.order_key, d.created_at, d.started_at, d.lease_until, ",
            );
            query
                .push(Db::NOW)
                .push(" AS now_ms FROM deliveries d WHERE d.state IN ('claimed', 'running') AND d.lease_until <= ")
                .push(Db::NOW)
                .push(" AND d.id IN ");
            Self::push_ids(&mut query, chunk);
            query.push(" ORDER BY d.lease_until, d.id").push(Db::LOCK_FREE);
            for row in query.build().fetch_all(&mut *conn).await? {
                ended.push(ended_from(&row)?);
            }
        }
        Ok(ended)
    }

    /// Records attempts whose outcome nobody knows, and retries, holds or gives up their
    /// deliveries; how many were given up. A held one stays open, and so does its event.
    pub(super) async fn record_unknown(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        rows: &[Ended],
        judge: UnknownJudge<'_>,
    ) -> StoreResult<u64> {
        let judged: Vec<_> = rows
            .iter()
            .map(|row| {
                let verdict = judge(row.tried());
                (row, unknown_attempt(row, verdict), verdict)
            })
            .collect();
        let steps: Vec<_> = judged
            .iter()
            .map(|(row, attempt, verdict)| row.step(attempt, *verdict))
            .collect();
        Self::take_steps(conn, seals, &steps).await?;
        let dead = steps.iter().filter(|step| step.state == DeliveryState::Dead);
        Ok(u64::try_from(dead.count()).unwrap_or(u64::MAX))
    }
}

fn unknown_attempt(row: &Ended, verdict: UnknownVerdict) -> FinishedAttempt {
    let started_at = row.started_at.unwrap_or(row.lease_until);
    let lasted = row.lease_until.since(started_at).as_millis();
    let then = match verdict {
        UnknownVerdict::Retry { .. } => "it is tried again, as on-unknown = \"retry\" says".to_owned(),
        UnknownVerdict::Hold => {
            "it is held until a person resolves it, as on-unknown = \"hold\" says".to_owned()
        }
        UnknownVerdict::Dead => format!("given up after attempt {}", row.tried().attempt),
    };
    let error = format!("{UNKNOWN_ERROR} ({then})");
    FinishedAttempt {
        id: AttemptId::generate(),
        started_at,
        duration_ms: u64::try_from(lasted).unwrap_or(u64::MAX),
        outcome: AttemptOutcome::Unknown,
        summary: None,
        output: None,
        error: Some(error),
        logs: Vec::new(),
        calls: Vec::new(),
        generation: None,
        digest: None,
        batch: None,
        mapped: false,
    }
}

fn ended_from(row: &impl Columns) -> StoreResult<Ended> {
    let row = RowReader::new(row, "deliveries", "id");
    Ok(Ended {
        id: row.parsed("id")?,
        event: row.parsed("event_id")?,
        attempts: row.number("attempts")?,
        ordered: row.text_opt("order_key")?.is_some(),
        created_at: row.moment("created_at")?,
        started_at: row.moment_opt("started_at")?,
        lease_until: row.moment("lease_until")?,
        now: row.moment("now_ms")?,
    })
}
