//! Acts of people on deliveries: each one transaction, and all of it or nothing.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::dialect::Dialect as _;
use super::events::first_status;
use super::rows::{Columns, RowReader};
use super::sql::{SqlStore, sql};
use super::turns::turn_key;
use crate::domain::act::{ActKind, Acted, By, ReplayAsk, Replayed, Resolution};
use crate::domain::delivery::DeliveryState;
use crate::domain::event::{Acceptance, Accepted, NewEvent};
use crate::domain::id::{DeliveryId, EventId};

/// What a delivery and its event say that a person has settled, where nothing worse is known. Their sender may read it;
/// who did it, and why, is in the acts, which are for staff.
const DISCARDED: &str = "discarded by a person";
const GIVEN_UP: &str = "given up by a person";

/// What people do to deliveries.
#[async_trait]
pub trait ActStore: Send + Sync {
    /// Makes these replays, each a delivery of its own that waits at once, and takes their events up
    /// again; an answer per item, in order. What is on its way to a plugin is not sent there once more.
    async fn replay_deliveries(&self, asks: &[ReplayAsk], by: &By) -> StoreResult<Vec<Replayed>>;

    /// Stores an event that a person made from `original`, with its deliveries; `None` when the
    /// original is not there. The original stays as it is.
    async fn store_edited_event(
        &self,
        event: &NewEvent,
        original: EventId,
        by: &By,
    ) -> StoreResult<Option<Accepted>>;

    /// Gives deliveries up for good that wait, are dead letters or have an unknown outcome.
    async fn discard_deliveries(&self, ids: &[DeliveryId], by: &By) -> StoreResult<Vec<Acted>>;

    /// Settles a delivery whose outcome nobody knew.
    ///
    /// Whoever answers that nothing is to be done gives its locks up first: a transaction that is only dropped holds
    /// them until its connection is used again, and a claim passes over what is locked.
    async fn resolve_delivery(&self, id: DeliveryId, to: Resolution, by: &By) -> StoreResult<Acted>;
}

/// A delivery that this transaction has locked.
struct Locked {
    event: EventId,
    state: DeliveryState,
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl ActStore for SqlStore<Db> {
    async fn replay_deliveries(&self, asks: &[ReplayAsk], by: &By) -> StoreResult<Vec<Replayed>> {
        let mut tx = self.begin().await?;
        let answers = Self::make_replays(&mut tx, asks, None, by).await?;
        tx.commit().await?;
        Ok(answers)
    }

    async fn store_edited_event(
        &self,
        event: &NewEvent,
        original: EventId,
        by: &By,
    ) -> StoreResult<Option<Accepted>> {
        let keys: Vec<_> = event
            .deliveries
            .iter()
            .map(|delivery| turn_key(&delivery.plugin, delivery.order_key.as_ref()))
            .collect();
        let mut tx = self.begin().await?;
        Self::hold_keys(&mut tx, &keys).await?;
        Self::lock_events(&mut tx, std::iter::once(original)).await?;
        let found = sqlx::query("SELECT 1 FROM events WHERE id = $1")
            .bind(original.to_string())
            .fetch_optional(&mut *tx)
            .await?;
        if found.is_none() {
            tx.rollback().await?;
            return Ok(None);
        }
        Self::insert_accepted(&mut tx, &self.seals, std::slice::from_ref(event)).await?;
        sqlx::query("UPDATE events SET edited_from = $1 WHERE id = $2")
            .bind(original.to_string())
            .bind(event.id.to_string())
            .execute(&mut *tx)
            .await?;
        let deliveries: Vec<_> = event.deliveries.iter().map(|delivery| delivery.id).collect();
        Self::insert_acts(&mut tx, &deliveries, ActKind::Edited, by).await?;
        tx.commit().await?;
        Ok(Some(Accepted {
            id: event.id,
            status: first_status(event),
            kind: Acceptance::New,
        }))
    }

    async fn discard_deliveries(&self, ids: &[DeliveryId], by: &By) -> StoreResult<Vec<Acted>> {
        let mut tx = self.begin().await?;
        let answers = Self::cancel(&mut tx, ids, by).await?;
        tx.commit().await?;
        Ok(answers)
    }

    async fn resolve_delivery(&self, id: DeliveryId, to: Resolution, by: &By) -> StoreResult<Acted> {
        let mut tx = self.begin().await?;
        Self::hold_turns(&mut tx, std::iter::once(id)).await?;
        let locked = Self::lock_deliveries(&mut tx, &[id]).await?;
        let Some(delivery) = locked.get(&id) else {
            tx.rollback().await?;
            return Ok(Acted::Missing);
        };
        if delivery.state != DeliveryState::Unknown {
            tx.rollback().await?;
            return Ok(Acted::Wrong(delivery.state));
        }
        let over = to != Resolution::Retry;
        sql::<Db>("UPDATE deliveries SET state = ")
            .push_bind(to.state().as_str())
            .push(", finished_at = ")
            .push_bind(over.then_some(by.at.as_millis()))
            .push(", due_at = ")
            .push(Db::NOW)
            .push(" WHERE id = ")
            .push_bind(id.to_string())
            .build()
            .execute(&mut *tx)
            .await?;
        if over {
            Self::pass_turns(&mut tx, &[id]).await?;
        }
        Self::insert_acts(&mut tx, &[id], to.act(), by).await?;
        let events = Self::lock_events(&mut tx, std::iter::once(delivery.event)).await?;
        Self::recount_events(&mut tx, &events, Some(GIVEN_UP), by).await?;
        tx.commit().await?;
        Ok(Acted::Done)
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Discards those of these deliveries that nobody is running.
    pub(super) async fn cancel(
        conn: &mut <Db as Database>::Connection,
        ids: &[DeliveryId],
        by: &By,
    ) -> StoreResult<Vec<Acted>> {
        Self::hold_turns(conn, ids.iter().copied()).await?;
        let locked = Self::lock_deliveries(conn, ids).await?;
        let answer = |id: &DeliveryId| match locked.get(id) {
            None => Acted::Missing,
            Some(delivery) if is_discardable(delivery.state) => Acted::Done,
            Some(delivery) => Acted::Wrong(delivery.state),
        };
        let answers: Vec<_> = ids.iter().map(answer).collect();
        let mut done: Vec<_> = locked
            .iter()
            .filter(|(_, delivery)| is_discardable(delivery.state))
            .map(|(id, _)| *id)
            .collect();
        done.sort_unstable();
        for chunk in done.chunks(Db::MAX_BINDS - 2) {
            let mut query = sql::<Db>(
                "UPDATE deliveries SET state = 'cancelled', waits_turn = FALSE, \
                 finished_at = COALESCE(finished_at, ",
            );
            query
                .push_bind(by.at.as_millis())
                .push("), last_error = COALESCE(last_error, ")
                .push_bind(DISCARDED)
                .push(") WHERE id IN ");
            Self::push_ids(&mut query, chunk);
            query.build().execute(&mut *conn).await?;
        }
        Self::pass_turns(conn, &done).await?;
        Self::insert_acts(conn, &done, ActKind::Discarded, by).await?;
        let events = done
            .iter()
            .filter_map(|id| locked.get(id))
            .map(|delivery| delivery.event);
        let events = Self::lock_events(conn, events).await?;
        Self::recount_events(conn, &events, Some(DISCARDED), by).await?;
        Ok(answers)
    }

    /// Looks deliveries up and locks them, in order of id; before their events, as every write does. A
    /// replay that is being made may refer to them, and waits for nothing.
    async fn lock_deliveries(
        conn: &mut <Db as Database>::Connection,
        ids: &[DeliveryId],
    ) -> StoreResult<HashMap<DeliveryId, Locked>> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut locked = HashMap::with_capacity(ids.len());
        for chunk in ids.chunks(Db::MAX_BINDS) {
            let mut query = sql::<Db>("SELECT id, event_id, state FROM deliveries WHERE id IN ");
            Self::push_ids(&mut query, chunk);
            query.push(" ORDER BY id").push(Db::LOCK_KEEPING_KEYS);
            for row in query.build().fetch_all(&mut *conn).await? {
                let (id, delivery) = locked_from(&row)?;
                locked.insert(id, delivery);
            }
        }
        Ok(locked)
    }
}

/// Whether nothing is under way and something could still come of it, or has failed.
const fn is_discardable(state: DeliveryState) -> bool {
    match state {
        DeliveryState::Pending
        | DeliveryState::Retrying
        | DeliveryState::Deferred
        | DeliveryState::Dead
        | DeliveryState::Unknown => true,
        DeliveryState::Claimed
        | DeliveryState::Running
        | DeliveryState::Succeeded
        | DeliveryState::Cancelled => false,
    }
}

fn locked_from(row: &impl Columns) -> StoreResult<(DeliveryId, Locked)> {
    let row = RowReader::new(row, "deliveries", "id");
    let locked = Locked {
        event: row.parsed("event_id")?,
        state: row.parsed("state")?,
    };
    Ok((row.parsed("id")?, locked))
}
