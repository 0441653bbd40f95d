//! Deliveries: the trait's methods, each one transaction. The longer ones are in [`super::claim`],
//! [`super::finish`] and [`super::sweep`].

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Postgres, Sqlite};
use trait_gen::trait_gen;

use super::claim::Tries;
use super::dialect::Dialect as _;
use super::history::{DELIVERY_COLUMNS, attempts_by_delivery, delivery_from};
use super::rows::RowReader;
use super::sql::{SqlStore, sql};
use super::words::int;
use super::{DeliveryStore, StoreResult, UnknownJudge};
use crate::domain::delivery::{Claim, Delivery, DeliveryHistory, Finish, Leased, Swept, Take};
use crate::domain::id::{DeliveryId, EventId, LeaseToken, NodeId};
use crate::domain::plugin::PluginName;

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl DeliveryStore for SqlStore<Db> {
    async fn claim_deliveries(
        &self,
        plugin: &PluginName,
        take: Take,
        node: NodeId,
        lease: Duration,
    ) -> StoreResult<Vec<Claim>> {
        let mut tx = self.begin().await?;
        let mut claims: Vec<Claim> = Vec::new();
        let mut no_more_later = false;
        // What one kind does not need goes to the other: later tries are asked for their share, and once
        // more for what the first tries have left.
        for (kind, share) in [
            (Tries::Later, take.again.min(take.most)),
            (Tries::First, take.most),
            (Tries::Later, take.most),
        ] {
            let claimed = u32::try_from(claims.len()).unwrap_or(u32::MAX);
            let more = share.saturating_sub(claimed);
            if more == 0 || (kind == Tries::Later && no_more_later) {
                continue;
            }
            let due = Self::due(&mut tx, &self.seals, plugin, kind, more).await?;
            no_more_later |= kind == Tries::Later && due.len() < usize::try_from(more).unwrap_or(usize::MAX);
            Self::lease(&mut tx, &due, node, lease).await?;
            claims.extend(due);
        }
        tx.commit().await?;
        Ok(claims)
    }

    async fn claim_delivery(
        &self,
        id: DeliveryId,
        node: NodeId,
        lease: Duration,
    ) -> StoreResult<Option<Claim>> {
        let mut tx = self.begin().await?;
        let claim = Self::waiting_one(&mut tx, &self.seals, id).await?;
        Self::lease(&mut tx, claim.as_slice(), node, lease).await?;
        tx.commit().await?;
        Ok(claim)
    }

    async fn end_foreign_leases(&self, node: NodeId) -> StoreResult<u64> {
        let mut tx = self.begin().await?;
        let ended = Self::end_leases_but(&mut tx, node).await?;
        tx.commit().await?;
        Ok(ended)
    }

    async fn mark_started(&self, claims: &[(DeliveryId, LeaseToken)]) -> StoreResult<Vec<Leased>> {
        let mut tx = self.begin().await?;
        let held = Self::held(&mut tx, claims).await?;
        let answers = held.answers(|row| !row.ended);
        Self::start(&mut tx, &held.of(&answers)).await?;
        tx.commit().await?;
        Ok(answers)
    }

    async fn finish_deliveries(&self, finishes: &[Finish]) -> StoreResult<Vec<Leased>> {
        let claims: Vec<_> = finishes.iter().map(|f| (f.delivery, f.token)).collect();
        let mut tx = self.begin().await?;
        Self::hold_turns(&mut tx, claims.iter().map(|(id, _)| *id)).await?;
        let held = Self::held(&mut tx, &claims).await?;
        let answers = held.answers(|_| true);
        Self::finish(&mut tx, &self.seals, finishes, &held, &answers).await?;
        tx.commit().await?;
        Ok(answers)
    }

    async fn renew_leases(
        &self,
        claims: &[(DeliveryId, LeaseToken)],
        lease: Duration,
    ) -> StoreResult<Vec<Leased>> {
        let mut tx = self.begin().await?;
        let held = Self::held(&mut tx, claims).await?;
        let answers = held.answers(|_| true);
        Self::extend(&mut tx, &held.of(&answers), lease).await?;
        tx.commit().await?;
        Ok(answers)
    }

    async fn release_deliveries(&self, claims: &[(DeliveryId, LeaseToken)]) -> StoreResult<Vec<Leased>> {
        let mut tx = self.begin().await?;
        let held = Self::held(&mut tx, claims).await?;
        let answers = held.answers(|row| !row.started);
        let ids: Vec<_> = held.of(&answers).iter().map(|row| row.id).collect();
        Self::give_back(&mut tx, &ids).await?;
        tx.commit().await?;
        Ok(answers)
    }

    async fn sweep_leases(
        &self,
        plugin: &PluginName,
        judge: UnknownJudge<'_>,
        limit: u32,
    ) -> StoreResult<Swept> {
        let mut tx = self.begin().await?;
        let ids = Self::ended_ids(&mut tx, plugin, limit).await?;
        Self::hold_turns(&mut tx, ids.iter().copied()).await?;
        let ended = Self::ended(&mut tx, &ids).await?;
        let (started, claimed): (Vec<_>, Vec<_>) =
            ended.into_iter().partition(|row| row.started_at.is_some());
        let claimed: Vec<_> = claimed.iter().map(|row| row.id).collect();
        Self::give_back(&mut tx, &claimed).await?;
        let dead = Self::record_unknown(&mut tx, &self.seals, &started, judge).await?;
        tx.commit().await?;
        Ok(Swept {
            returned: u64::try_from(claimed.len()).unwrap_or(u64::MAX),
            unknown: u64::try_from(started.len()).unwrap_or(u64::MAX),
            dead,
        })
    }

    async fn plugins_with_ended_leases(&self) -> StoreResult<Vec<PluginName>> {
        let rows = sql::<Db>(
            "SELECT DISTINCT plugin FROM deliveries WHERE state IN ('claimed', 'running') AND lease_until <= ",
        )
        .push(Db::NOW)
        .push(" ORDER BY plugin")
        .build()
        .fetch_all(&self.reader)
        .await?;
        rows.iter()
            .map(|row| RowReader::new(row, "deliveries", "plugin").parsed("plugin"))
            .collect()
    }

    async fn next_due(&self, plugin: &PluginName) -> StoreResult<Option<Duration>> {
        let wait = self.until_due(plugin).await?;
        Ok(wait.map(|wait| Duration::from_millis(u64::try_from(wait).unwrap_or(0))))
    }

    async fn overdue(&self, plugin: &PluginName) -> StoreResult<Option<Duration>> {
        let wait = self.until_due(plugin).await?;
        Ok(wait.and_then(|wait| Some(Duration::from_millis(u64::try_from(wait.checked_neg()?).ok()?))))
    }

    async fn deliveries(&self, event: EventId) -> StoreResult<Vec<DeliveryHistory>> {
        let mut tx = self.reader.begin_with(Db::BEGIN_SNAPSHOT).await?;
        let deliveries = sql::<Db>("SELECT ")
            .push(DELIVERY_COLUMNS)
            .push(" FROM deliveries WHERE event_id = ")
            .push_bind(event.to_string())
            .push(" ORDER BY plugin, created_at, id")
            .build()
            .fetch_all(&mut *tx)
            .await?;
        let attempts = sqlx::query(
            "SELECT a.* FROM attempts a JOIN deliveries d ON d.id = a.delivery_id WHERE d.event_id = $1 \
             ORDER BY a.delivery_id, a.number, a.started_at, a.id",
        )
        .bind(event.to_string())
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let mut attempts = attempts_by_delivery(&attempts, &self.seals)?;
        deliveries
            .iter()
            .map(|row| {
                let delivery = delivery_from(row)?;
                let attempts = attempts.remove(&delivery.id).unwrap_or_default();
                Ok(DeliveryHistory { delivery, attempts })
            })
            .collect()
    }

    async fn delivery(&self, id: DeliveryId) -> StoreResult<Option<Delivery>> {
        let row = sql::<Db>("SELECT ")
            .push(DELIVERY_COLUMNS)
            .push(" FROM deliveries WHERE id = ")
            .push_bind(id.to_string())
            .build()
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(delivery_from).transpose()
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Milliseconds until the next delivery of `plugin` that could run is due; below zero since it has been. `None` when
    /// none waits.
    async fn until_due(&self, plugin: &PluginName) -> StoreResult<Option<i64>> {
        let mut query = sql::<Db>("SELECT MIN(due_at) - ");
        query.push(Db::NOW).push(" FROM (");
        for (at, kind) in [Tries::First, Tries::Later].into_iter().enumerate() {
            query
                .push(if at == 0 { "" } else { " UNION ALL " })
                .push("SELECT due_at FROM (SELECT d.due_at FROM deliveries d WHERE ")
                .push(kind.condition())
                .push(" AND d.plugin = ")
                .push_bind(plugin.as_str())
                .push(" ORDER BY d.due_at, d.id LIMIT 1) AS one");
        }
        let wait = query
            .push(") AS each_kind")
            .build_query_scalar()
            .fetch_one(&self.reader)
            .await?;
        Ok(wait)
    }
}

/// A lease as milliseconds.
pub(super) fn lease_millis(lease: Duration) -> i64 {
    int(lease.as_millis())
}
