//! Lists of deliveries, and one with all that was done about it.

use async_trait::async_trait;
use sqlx::{Postgres, QueryBuilder, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::again::STOOD_FOR;
use super::dialect::Dialect as _;
use super::history::{DELIVERY_COLUMNS, attempts_by_delivery, delivery_from};
use super::rows::{Columns, RowReader};
use super::sql::{SqlStore, sql};
use super::words::{clean, contains, int};
use crate::domain::act::{Act, By};
use crate::domain::delivery::{DeliveryHistory, DeliveryState};
use crate::domain::id::DeliveryId;
use crate::domain::page::{COUNT_BOUND, Listed, PageRequest, Total};
use crate::domain::replay::{DeliveryDetail, DeliveryFilter, ListedDelivery};

/// The columns of a [`ListedDelivery`], of deliveries `d` and their events `e`; after them comes [`STOOD_FOR`].
pub(super) const LISTED_COLUMNS: &str = "d.id, d.event_id, d.plugin, d.replay_of, d.state, d.attempts, d.due_at, \
     d.created_at, d.finished_at, d.last_error, d.waits_turn, e.source, e.event_type, ";

/// The condition of the partial indexes of what is in trouble, word for word: it lets the databases see
/// that they may use them.
const IN_TROUBLE: &str = "state IN ('retrying', 'deferred', 'dead', 'cancelled', 'unknown')";

/// The same of what a node holds.
const HELD: &str = "state IN ('claimed', 'running')";

/// Deliveries as a person looks for them.
#[async_trait]
pub trait ListStore: Send + Sync {
    /// A page of deliveries, newest first. How many there are in all is exact for plugin and state, and
    /// otherwise up to [`COUNT_BOUND`].
    async fn delivery_list(
        &self,
        filter: &DeliveryFilter,
        page: PageRequest,
    ) -> StoreResult<Listed<ListedDelivery>>;

    /// How many deliveries match: exact for plugin and state, otherwise up to `bound`.
    async fn count_deliveries(&self, filter: &DeliveryFilter, bound: u32) -> StoreResult<Total>;

    /// One delivery with its attempts, what people did to it, and its replays.
    async fn delivery_detail(&self, id: DeliveryId) -> StoreResult<Option<DeliveryDetail>>;
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl ListStore for SqlStore<Db> {
    async fn delivery_list(
        &self,
        filter: &DeliveryFilter,
        page: PageRequest,
    ) -> StoreResult<Listed<ListedDelivery>> {
        let total = self.count_deliveries(filter, COUNT_BOUND).await?;
        let mut list = sql::<Db>("SELECT ");
        list.push(LISTED_COLUMNS)
            .push(STOOD_FOR)
            .push(" AS replayed FROM deliveries d JOIN events e ON e.id = d.event_id WHERE 1 = 1");
        Self::push_indexed(&mut list, "d", filter);
        Self::push_conditions(&mut list, filter);
        list.push(" ORDER BY d.id DESC LIMIT ")
            .push_bind(i64::from(page.size))
            .push(" OFFSET ")
            .push_bind(int(page.offset()));
        let rows = list.build().fetch_all(&self.reader).await?;
        let items = rows.iter().map(listed_from).collect::<StoreResult<_>>()?;
        Ok(Listed::new(total, items))
    }

    async fn count_deliveries(&self, filter: &DeliveryFilter, bound: u32) -> StoreResult<Total> {
        if filter.is_counted() {
            return self.counted_deliveries(filter).await;
        }
        self.count_up_to(bound, |query| {
            query.push("FROM deliveries d");
            if filter.source.is_some() || filter.event_type.is_some() {
                query.push(" JOIN events e ON e.id = d.event_id");
            }
            query.push(" WHERE 1 = 1");
            Self::push_indexed(query, "d", filter);
            Self::push_conditions(query, filter);
        })
        .await
    }

    async fn delivery_detail(&self, id: DeliveryId) -> StoreResult<Option<DeliveryDetail>> {
        let mut tx = self.reader.begin_with(Db::BEGIN_SNAPSHOT).await?;
        let row = sql::<Db>("SELECT ")
            .push(LISTED_COLUMNS)
            .push(STOOD_FOR)
            .push(" AS replayed FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id = ")
            .push_bind(id.to_string())
            .build()
            .fetch_optional(&mut *tx)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let attempts =
            sqlx::query("SELECT * FROM attempts WHERE delivery_id = $1 ORDER BY number, started_at, id")
                .bind(id.to_string())
                .fetch_all(&mut *tx)
                .await?;
        let acts = sqlx::query(
            "SELECT id, kind, actor, at, note FROM delivery_acts WHERE delivery_id = $1 ORDER BY id",
        )
        .bind(id.to_string())
        .fetch_all(&mut *tx)
        .await?;
        let replays = sql::<Db>("SELECT ")
            .push(DELIVERY_COLUMNS)
            .push(" FROM deliveries WHERE replay_of = ")
            .push_bind(id.to_string())
            .push(" ORDER BY id")
            .build()
            .fetch_all(&mut *tx)
            .await?;
        tx.commit().await?;
        let listed = listed_from(&row)?;
        Ok(Some(DeliveryDetail {
            history: DeliveryHistory {
                delivery: listed.delivery,
                attempts: attempts_by_delivery(&attempts, &self.seals)?
                    .remove(&id)
                    .unwrap_or_default(),
            },
            source: listed.source,
            event_type: listed.event_type,
            acts: acts.iter().map(act_from).collect::<StoreResult<_>>()?,
            replays: replays.iter().map(delivery_from).collect::<StoreResult<_>>()?,
        }))
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// What an index of deliveries, here called `table`, can look up: state and plugin.
    pub(super) fn push_indexed(query: &mut QueryBuilder<Db>, table: &str, filter: &DeliveryFilter) {
        if let Some(plugin) = &filter.plugin {
            query
                .push(format!(" AND {table}.plugin = "))
                .push_bind(plugin.as_str().to_owned());
        }
        let Some(state) = filter.state else { return };
        let group = match state {
            DeliveryState::Claimed | DeliveryState::Running => Some(HELD),
            DeliveryState::Retrying
            | DeliveryState::Deferred
            | DeliveryState::Dead
            | DeliveryState::Cancelled
            | DeliveryState::Unknown => Some(IN_TROUBLE),
            DeliveryState::Pending | DeliveryState::Succeeded => None,
        };
        if let Some(group) = group {
            query.push(format!(" AND {table}.{group}"));
        }
        query
            .push(format!(" AND {table}.state = "))
            .push_bind(state.as_str());
    }

    /// The filter's other conditions, on deliveries `d` and, for source and type, their events `e`.
    pub(super) fn push_conditions(query: &mut QueryBuilder<Db>, filter: &DeliveryFilter) {
        if let Some(source) = &filter.source {
            query
                .push(" AND e.source = ")
                .push_bind(clean(source).into_owned());
        }
        if let Some(event_type) = &filter.event_type {
            query
                .push(" AND e.event_type = ")
                .push_bind(clean(event_type).into_owned());
        }
        if let Some(since) = filter.since {
            query.push(" AND d.created_at >= ").push_bind(since.as_millis());
        }
        if let Some(until) = filter.until {
            query.push(" AND d.created_at < ").push_bind(until.as_millis());
        }
        if let Some(error) = &filter.error {
            query
                .push(" AND lower(d.last_error) LIKE ")
                .push_bind(contains(&clean(error).to_lowercase()))
                .push(" ESCAPE '\\'");
        }
        if let Some(replayed) = filter.replayed {
            let stood_for = if replayed { " AND " } else { " AND NOT " };
            query.push(stood_for).push(STOOD_FOR);
        }
    }
}

pub(super) fn listed_from(row: &impl Columns) -> StoreResult<ListedDelivery> {
    let delivery = delivery_from(row)?;
    let row = RowReader::new(row, "deliveries", "id");
    Ok(ListedDelivery {
        delivery,
        source: row.text("source")?,
        event_type: row.text("event_type")?,
        replayed: row.flag("replayed")?,
    })
}

fn act_from(row: &impl Columns) -> StoreResult<Act> {
    let row = RowReader::new(row, "delivery_acts", "id");
    Ok(Act {
        kind: row.parsed("kind")?,
        by: By {
            actor: row.text("actor")?,
            at: row.moment("at")?,
            note: row.text_opt("note")?,
        },
    })
}
