//! The leases that hold deliveries: written by a claim, looked up by whoever ends one, given back or extended.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::dialect::Dialect as _;
use super::rows::{Columns, RowReader};
use super::sql::{SqlStore, sql};
use super::words::int;
use crate::domain::delivery::{Claim, DeliveryState, Leased};
use crate::domain::id::{DeliveryId, EventId, LeaseToken, NodeId};

/// A delivery that somebody claimed.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub id: DeliveryId,
    pub event: EventId,
    pub attempts: u32,
    pub token: LeaseToken,
    /// Others may wait for it to be finished.
    pub ordered: bool,
    /// The started mark is committed.
    pub started: bool,
    /// The lease has ended, and no sweep has come by yet.
    pub ended: bool,
}

/// What the deliveries of a batch look like, per item of the batch: `None` where its token is not
/// (or no longer) the delivery's, or where the item repeats an earlier one.
pub(super) struct HeldBatch(Vec<Option<Held>>);

impl HeldBatch {
    /// The answer per item: held, and as `wanted` asks.
    pub fn answers(&self, wanted: impl Fn(&Held) -> bool) -> Vec<Leased> {
        let held = |row: &Option<Held>| row.as_ref().is_some_and(&wanted);
        self.0
            .iter()
            .map(|row| if held(row) { Leased::Done } else { Leased::Lost })
            .collect()
    }

    /// The rows of the items that were answered [`Leased::Done`].
    pub fn of(&self, answers: &[Leased]) -> Vec<Held> {
        self.iter(answers).flatten().collect()
    }

    /// Per item, its row when it was answered [`Leased::Done`].
    pub fn iter<'a>(&'a self, answers: &'a [Leased]) -> impl Iterator<Item = Option<Held>> + 'a {
        self.0
            .iter()
            .zip(answers)
            .map(|(row, answer)| row.filter(|_| *answer == Leased::Done))
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Writes the leases of fresh claims.
    pub(super) async fn lease(
        conn: &mut <Db as Database>::Connection,
        claims: &[Claim],
        node: NodeId,
        lease: Duration,
    ) -> StoreResult<()> {
        for chunk in claims.chunks(Db::MAX_BINDS / 2 - 2) {
            sql::<Db>("WITH v (id, token) AS (")
                .push_values(chunk, |mut row, claim| {
                    row.push_bind(claim.delivery.to_string())
                        .push_bind(claim.token.to_string());
                })
                .push(") UPDATE deliveries SET state = 'claimed', started_at = NULL, lease_token = v.token, lease_node = ")
                .push_bind(node.to_string())
                .push(", lease_until = ")
                .push(Db::NOW)
                .push(" + ")
                .push_bind(lease_millis(lease))
                .push(" FROM v WHERE deliveries.id = v.id")
                .build()
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }

    /// Looks up and locks what a batch says it holds.
    pub(super) async fn held(
        conn: &mut <Db as Database>::Connection,
        claims: &[(DeliveryId, LeaseToken)],
    ) -> StoreResult<HeldBatch> {
        let mut found: HashMap<DeliveryId, Held> = HashMap::with_capacity(claims.len());
        // In order of id over all chunks: two batches never wait for each other in a circle.
        let mut ids: Vec<_> = claims.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        for chunk in ids.chunks(Db::MAX_BINDS) {
            let mut query =
                sql::<Db>("SELECT id, event_id, state, attempts, order_key, lease_token, lease_until - ");
            query
                .push(Db::NOW)
                .push(" AS left_ms FROM deliveries WHERE lease_token IS NOT NULL AND id IN ");
            Self::push_ids(&mut query, chunk);
            query.push(" ORDER BY id").push(Db::LOCK);
            for row in query.build().fetch_all(&mut *conn).await? {
                let held = held_from(&row)?;
                found.insert(held.id, held);
            }
        }
        let mut seen = HashSet::with_capacity(claims.len());
        let item = |(id, token): &(DeliveryId, LeaseToken)| {
            let held = found.get(id).filter(|held| held.token == *token)?;
            seen.insert(*id).then_some(*held)
        };
        Ok(HeldBatch(claims.iter().map(item).collect()))
    }

    /// Commits started marks, and the events' first step.
    pub(super) async fn start(conn: &mut <Db as Database>::Connection, rows: &[Held]) -> StoreResult<()> {
        let ids: Vec<_> = rows.iter().filter(|row| !row.started).map(|row| row.id).collect();
        for chunk in ids.chunks(Db::MAX_BINDS) {
            let mut query = sql::<Db>("UPDATE deliveries SET state = 'running', started_at = ");
            query.push(Db::NOW).push(" WHERE id IN ");
            Self::push_ids(&mut query, chunk);
            query.build().execute(&mut *conn).await?;
        }
        let events = Self::lock_events(conn, rows.iter().map(|row| row.event)).await?;
        for chunk in events.chunks(Db::MAX_BINDS) {
            let mut query =
                sql::<Db>("UPDATE events SET status = 'processing' WHERE status = 'pending' AND id IN ");
            Self::push_ids(&mut query, chunk);
            query.build().execute(&mut *conn).await?;
        }
        Ok(())
    }

    /// Sets new ends of leases.
    pub(super) async fn extend(
        conn: &mut <Db as Database>::Connection,
        rows: &[Held],
        lease: Duration,
    ) -> StoreResult<()> {
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        for chunk in ids.chunks(Db::MAX_BINDS - 1) {
            let mut query = sql::<Db>("UPDATE deliveries SET lease_until = ");
            query
                .push(Db::NOW)
                .push(" + ")
                .push_bind(lease_millis(lease))
                .push(" WHERE id IN ");
            Self::push_ids(&mut query, chunk);
            query.build().execute(&mut *conn).await?;
        }
        Ok(())
    }

    /// Makes claimed deliveries wait again, due now.
    pub(super) async fn give_back(
        conn: &mut <Db as Database>::Connection,
        ids: &[DeliveryId],
    ) -> StoreResult<()> {
        for chunk in ids.chunks(Db::MAX_BINDS) {
            let mut query = sql::<Db>(
                "UPDATE deliveries SET state = CASE WHEN attempts = 0 THEN 'pending' ELSE 'retrying' END, \
                 lease_token = NULL, lease_until = NULL, lease_node = NULL, due_at = ",
            );
            query.push(Db::NOW).push(" WHERE id IN ");
            Self::push_ids(&mut query, chunk);
            query.build().execute(&mut *conn).await?;
        }
        Ok(())
    }

    /// Lets the leases of every other node end now; how many there were.
    pub(super) async fn end_leases_but(
        conn: &mut <Db as Database>::Connection,
        node: NodeId,
    ) -> StoreResult<u64> {
        let done = sql::<Db>("UPDATE deliveries SET lease_until = ")
            .push(Db::NOW)
            .push(" WHERE state IN ('claimed', 'running') AND lease_node <> ")
            .push_bind(node.to_string())
            .build()
            .execute(&mut *conn)
            .await?;
        Ok(done.rows_affected())
    }
}

/// A lease as milliseconds.
pub(super) fn lease_millis(lease: Duration) -> i64 {
    int(lease.as_millis())
}

fn held_from(row: &impl Columns) -> StoreResult<Held> {
    let ended = row.integer("left_ms")? <= 0;
    let row = RowReader::new(row, "deliveries", "id");
    Ok(Held {
        id: row.parsed("id")?,
        event: row.parsed("event_id")?,
        attempts: row.number("attempts")?,
        token: row.parsed("lease_token")?,
        ordered: row.text_opt("order_key")?.is_some(),
        started: row.parsed::<DeliveryState>("state")? == DeliveryState::Running,
        ended,
    })
}
