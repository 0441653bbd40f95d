//! The clock by which deliveries are due, and what is done when it goes back.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Postgres, Sqlite};
use trait_gen::trait_gen;

use super::dialect::Dialect as _;
use super::sql::{SqlStore, sql};
use super::words::int;
use super::{ClockStore, StoreResult};
use crate::domain::time::Timestamp;

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

    async fn clock_went_back(&self, by: Duration) -> StoreResult<u64> {
        let mut tx = self.begin().await?;
        let mut query = sql::<Db>("UPDATE deliveries SET due_at = CASE WHEN state = 'pending' THEN ");
        query
            .push(Db::NOW)
            .push(" ELSE due_at - ")
            .push_bind(int(by.as_millis()))
            .push(" END WHERE due_at > ")
            .push(Db::NOW)
            .push(" AND state IN ('pending'");
        if Db::ONE_PROCESS {
            query.push(", 'retrying', 'deferred'");
        }
        let moved = query.push(")").build().execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        Ok(moved)
    }
}
