//! The clock by which deliveries are due, and what is done when it goes back.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::dialect::Dialect as _;
use super::sql::{SqlStore, sql};
use super::words::int;
use crate::domain::time::Timestamp;

/// No batch of an order waits longer for the next one than one delivery takes at its rate, and this.
const BATCH_WAIT_MS: i64 = 1_000;

/// A step back of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepBack {
    pub by: Duration,
    /// How long ago it was, at most.
    pub ago: Duration,
}

/// The clock by which deliveries are due and leases end: the database's own.
#[async_trait]
pub trait ClockStore: Send + Sync {
    /// What it says.
    async fn clock(&self) -> StoreResult<Timestamp>;
    /// Makes good that it went back: what waits for its first attempt is due now, orders go on, and no lease ends
    /// later than `lease` from now. However many nodes do so, it is done once. Where this process is the only one, what
    /// is to be tried again is due that much earlier too, unless its wait began after the step. How many deliveries
    /// are due earlier.
    async fn clock_went_back(&self, step: StepBack, lease: Duration) -> StoreResult<u64>;
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl ClockStore for SqlStore<Db> {
    async fn clock(&self) -> StoreResult<Timestamp> {
        let millis: i64 = sql::<Db>("SELECT ")
            .push(Db::NOW)
            .build_query_scalar()
            .fetch_one(&self.reader)
            .await?;
        Ok(Timestamp::from_millis(millis))
    }

    async fn clock_went_back(&self, step: StepBack, lease: Duration) -> StoreResult<u64> {
        let mut tx = self.begin().await?;
        // First, as a step of an order does. What is moved by `by` comes last, in the same transaction: it is the one
        // that must not be done again.
        Self::cut_orders(&mut tx).await?;
        Self::cut_leases(&mut tx, lease).await?;
        let moved = Self::cut_waits(&mut tx, step).await?;
        tx.commit().await?;
        Ok(moved)
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// No order waits longer for its next batch than its rate makes it.
    async fn cut_orders(conn: &mut <Db as Database>::Connection) -> StoreResult<()> {
        let now = Db::NOW;
        let latest = format!("{now} + 60000 / rate_per_minute + {BATCH_WAIT_MS}");
        sql::<Db>("UPDATE replays SET next_at = ")
            .push(&latest)
            .push(" WHERE state = 'running' AND next_at > ")
            .push(&latest)
            .build()
            .execute(&mut *conn)
            .await?;
        Ok(())
    }

    /// No lease ends later than a fresh one would. Whoever lives renews theirs.
    async fn cut_leases(conn: &mut <Db as Database>::Connection, lease: Duration) -> StoreResult<()> {
        sql::<Db>("UPDATE deliveries SET lease_until = ")
            .push(Db::NOW)
            .push(" + ")
            .push_bind(int(lease.as_millis()))
            .push(" WHERE state IN ('claimed', 'running') AND lease_until > ")
            .push(Db::NOW)
            .push(" + ")
            .push_bind(int(lease.as_millis()))
            .build()
            .execute(&mut *conn)
            .await?;
        Ok(())
    }

    /// A wait after an attempt is left alone when it began after the step: then the attempt began after it too, or
    /// ended, by the clock of its beginning, later than it is to be tried again.
    async fn cut_waits(conn: &mut <Db as Database>::Connection, step: StepBack) -> StoreResult<u64> {
        let mut query = sql::<Db>("UPDATE deliveries SET due_at = CASE WHEN state = 'pending' THEN ");
        query
            .push(Db::NOW)
            .push(" ELSE due_at - ")
            .push_bind(int(step.by.as_millis()))
            .push(" END WHERE due_at > ")
            .push(Db::NOW);
        if Db::ONE_PROCESS {
            query
                .push(
                    " AND state IN ('pending', 'retrying', 'deferred') AND (state = 'pending' OR NOT EXISTS (\
                     SELECT 1 FROM attempts a WHERE a.delivery_id = deliveries.id AND (\
                     a.started_at + a.duration_ms > deliveries.due_at OR (a.started_at <= ",
                )
                .push(Db::NOW)
                .push(" AND a.started_at > ")
                .push(Db::NOW)
                .push(" - ")
                .push_bind(int(step.ago.as_millis()))
                .push("))))");
        } else {
            query.push(" AND state = 'pending'");
        }
        let done = query.build().execute(&mut *conn).await?;
        Ok(done.rows_affected())
    }
}
