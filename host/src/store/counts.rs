//! Exact totals: counters that triggers keep (`migrations/…/0005_replay.sql`), and counting up to a
//! bound where no counter knows.

use async_trait::async_trait;
use sqlx::{Postgres, QueryBuilder, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::dialect::Dialect as _;
use super::rows::RowReader;
use super::sql::{SqlStore, sql};
use super::words::clean;
use crate::domain::event::EventFilter;
use crate::domain::page::Total;
use crate::domain::replay::{DeliveryCount, DeliveryFilter};

/// The counters.
#[async_trait]
pub trait CountStore: Send + Sync {
    /// How many deliveries each plugin has in each state, in order of both; without zeros.
    async fn delivery_counts(&self) -> StoreResult<Vec<DeliveryCount>>;

    /// Folds appended changes of the counters, at most `limit` rows of each; how many rows there were
    /// to fold before. Totals stay what they are. Nothing where counters are changed in place.
    async fn fold_counts(&self, limit: u32) -> StoreResult<u64>;
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl CountStore for SqlStore<Db> {
    async fn delivery_counts(&self) -> StoreResult<Vec<DeliveryCount>> {
        let rows = sqlx::query(
            "SELECT plugin, state, CAST(SUM(count) AS BIGINT) AS total FROM delivery_counts \
             GROUP BY plugin, state HAVING SUM(count) <> 0 ORDER BY plugin, state",
        )
        .fetch_all(&self.reader)
        .await?;
        rows.iter()
            .map(|row| {
                let row = RowReader::new(row, "delivery_counts", "plugin");
                Ok(DeliveryCount {
                    plugin: row.parsed("plugin")?,
                    state: row.parsed("state")?,
                    count: row.number("total")?,
                })
            })
            .collect()
    }

    async fn fold_counts(&self, limit: u32) -> StoreResult<u64> {
        let mut folded = 0;
        for (excess, fold) in Db::FOLD_COUNTS {
            let there: i64 = sqlx::query_scalar(*excess).fetch_one(&self.reader).await?;
            if there > 0 {
                sqlx::query(*fold)
                    .bind(i64::from(limit))
                    .execute(&self.writer)
                    .await?;
            }
            folded += u64::try_from(there).unwrap_or(0);
        }
        Ok(folded)
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// How many deliveries match a filter that [is counted](DeliveryFilter::is_counted).
    pub(super) async fn counted_deliveries(&self, filter: &DeliveryFilter) -> StoreResult<Total> {
        let mut query =
            sql::<Db>("SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM delivery_counts WHERE 1 = 1");
        if let Some(plugin) = &filter.plugin {
            query.push(" AND plugin = ").push_bind(plugin.as_str());
        }
        if let Some(state) = filter.state {
            query.push(" AND state = ").push_bind(state.as_str());
        }
        self.sum(query).await
    }

    /// How many events match, when the counters know.
    pub(super) async fn counted_events(&self, filter: &EventFilter) -> StoreResult<Option<Total>> {
        let known = EventFilter {
            source: filter.source.clone(),
            status: filter.status,
            ..EventFilter::default()
        };
        if known != *filter {
            return Ok(None);
        }
        let mut query =
            sql::<Db>("SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM event_counts WHERE 1 = 1");
        if let Some(source) = &filter.source {
            query.push(" AND source = ").push_bind(clean(source).into_owned());
        }
        if let Some(status) = filter.status {
            query.push(" AND status = ").push_bind(status.as_str());
        }
        self.sum(query).await.map(Some)
    }

    async fn sum(&self, mut query: QueryBuilder<Db>) -> StoreResult<Total> {
        let sum: i64 = query.build_query_scalar().fetch_one(&self.reader).await?;
        Ok(Total::exactly(u64::try_from(sum).unwrap_or(0)))
    }

    /// How many rows `push` leads to, up to `bound`. It is given `SELECT 1` and adds the rest.
    pub(super) async fn count_up_to(
        &self,
        bound: u32,
        push: impl FnOnce(&mut QueryBuilder<Db>) + Send,
    ) -> StoreResult<Total> {
        let mut query = sql::<Db>("SELECT COUNT(*) FROM (SELECT 1 ");
        push(&mut query);
        query
            .push(" LIMIT ")
            .push_bind(i64::from(bound) + 1)
            .push(") AS found");
        let found: i64 = query.build_query_scalar().fetch_one(&self.reader).await?;
        Ok(Total::counted(u64::try_from(found).unwrap_or(0), bound.into()))
    }
}
