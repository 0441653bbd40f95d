//! Events and deliveries whose bodies are looked into. No index knows what is in a body, and one that is sealed is opened
//! first, so that a look goes through what the other conditions leave, in order, up to bounds that whoever looks sets.

use async_trait::async_trait;
use sqlx::{Database, Postgres, QueryBuilder, Sqlite};
use trait_gen::trait_gen;

use super::again::STOOD_FOR;
use super::events::{EVENT_COLUMNS, event_from};
use super::listing::{LISTED_COLUMNS, listed_from};
use super::rows::{Columns, RowReader};
use super::seals::Seals;
use super::sql::{SqlStore, sql};
use super::{Place, StoreResult};
use crate::domain::event::{Event, EventFilter, EventOrder};
use crate::domain::id::{DeliveryId, EventId};
use crate::domain::inside::Inside;
use crate::domain::page::Total;
use crate::domain::replay::{DeliveryFilter, ListedDelivery};

/// Rows of the first statement of a look: at worst each holds a body of full size.
const FIRST_STEP: u32 = 16;

/// Most rows of any: what lies between two looks at the clock of the bounds.
const MAX_STEP: u32 = 256;

/// Bytes of bodies that a statement aims at, by what the bodies before it had.
const STEP_BYTES: u64 = 4 << 20;

/// How far a look goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most that are found.
    pub found: u32,
    /// Most bodies that are looked into.
    pub rows: u64,
    /// Bytes of bodies after which it stops.
    pub bytes: u64,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Look {
    /// What indexes and columns tell.
    pub filter: EventFilter,
    /// What is to be in the body.
    pub inside: Inside,
    pub order: EventOrder,
    /// Where an earlier look stopped.
    pub after: Option<Place>,
    pub bounds: Bounds,
}

/// What a look came to.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    pub found: Vec<Event>,
    /// How many bodies were looked into.
    pub rows: u64,
    /// Those of them that cannot be read here.
    pub unreadable: Vec<EventId>,
    /// Where to go on; `None` when nothing is left.
    pub next: Option<Place>,
}

/// What a look at deliveries came to.
#[derive(Clone, Debug)]
pub struct LookedDeliveries {
    /// How many were found; not exact when the look stopped before the end.
    pub total: Total,
    /// The newest of them.
    pub first: Vec<ListedDelivery>,
}

/// Looking into bodies.
#[async_trait]
pub trait LookStore: Send + Sync {
    /// The next events whose bodies are like that, from where a look stopped.
    async fn look_into_events(&self, look: &Look) -> StoreResult<Looked>;

    /// How many deliveries match, the body of the event included, among the newest ones; the first of them.
    async fn look_into_deliveries(
        &self,
        filter: &DeliveryFilter,
        bounds: Bounds,
    ) -> StoreResult<LookedDeliveries>;
}

/// How far a look has come.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    rows: u64,
    bytes: u64,
}

impl Progress {
    fn read(&mut self, body: usize) {
        self.rows += 1;
        self.bytes = self.bytes.saturating_add(u64::try_from(body).unwrap_or(u64::MAX));
    }

    /// Rows of the next statement.
    fn step(self) -> u32 {
        let Some(mean) = self.bytes.checked_div(self.rows) else {
            return FIRST_STEP;
        };
        let fitting = u32::try_from(STEP_BYTES / mean.max(1)).unwrap_or(MAX_STEP);
        fitting.clamp(FIRST_STEP, MAX_STEP)
    }

    fn is_over(self, bounds: Bounds) -> bool {
        self.rows >= bounds.rows || self.bytes >= bounds.bytes
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl LookStore for SqlStore<Db> {
    async fn look_into_events(&self, look: &Look) -> StoreResult<Looked> {
        let (mut looked, mut progress) = (Looked::default(), Progress::default());
        let mut after = look.after;
        loop {
            let step = progress.step();
            let rows = Self::next_events(look, after, step)
                .build()
                .fetch_all(&self.reader)
                .await?;
            for row in &rows {
                let place = place_from(row)?;
                after = Some(place);
                looked.rows += 1;
                match event_from(row, &self.seals) {
                    Ok(event) => {
                        progress.read(event.body.len());
                        if look.inside.is_in(&event) {
                            looked.found.push(event);
                        }
                    }
                    // The others are found all the same.
                    Err(error) if error.is_about_a_row() => {
                        progress.read(0);
                        looked.unreadable.push(place.id);
                    }
                    Err(error) => return Err(error),
                }
                if looked.found.len() >= look.bounds.found as usize || progress.is_over(look.bounds) {
                    looked.next = after;
                    return Ok(looked);
                }
            }
            if rows.len() < step as usize {
                return Ok(looked);
            }
        }
    }

    async fn look_into_deliveries(
        &self,
        filter: &DeliveryFilter,
        bounds: Bounds,
    ) -> StoreResult<LookedDeliveries> {
        let mut progress = Progress::default();
        let (mut count, mut first, mut after) = (0, Vec::new(), None);
        loop {
            let step = progress.step();
            let rows = Self::next_deliveries(filter, after, step)
                .build()
                .fetch_all(&self.reader)
                .await?;
            for row in &rows {
                let listed = listed_from(row)?;
                after = Some(listed.delivery.id);
                let fits = match event_from(row, &self.seals) {
                    Ok(event) => {
                        progress.read(event.body.len());
                        filter.inside.as_ref().is_none_or(|inside| inside.is_in(&event))
                    }
                    Err(error) if error.is_about_a_row() => {
                        progress.read(0);
                        false
                    }
                    Err(error) => return Err(error),
                };
                count += u64::from(fits);
                if fits && first.len() < bounds.found as usize {
                    first.push(listed);
                }
                if progress.is_over(bounds) {
                    let total = Total { count, exact: false };
                    return Ok(LookedDeliveries { total, first });
                }
            }
            if rows.len() < step as usize {
                let total = Total::exactly(count);
                return Ok(LookedDeliveries { total, first });
            }
        }
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// The statement that reads what comes after this place.
    fn next_events(look: &Look, after: Option<Place>, step: u32) -> QueryBuilder<Db> {
        let mut query = sql::<Db>("SELECT ");
        query.push(EVENT_COLUMNS).push(" FROM events e");
        Self::push_filter(&mut query, &look.filter);
        let (compared, order) = match look.order {
            EventOrder::NewestFirst => ("<", " ORDER BY e.received_at DESC, e.id DESC"),
            EventOrder::OldestFirst => (">", " ORDER BY e.received_at, e.id"),
        };
        if let Some(after) = after {
            query.push(" AND ");
            Self::push_place(&mut query, compared, after);
        }
        query.push(order).push(" LIMIT ").push_bind(i64::from(step));
        query
    }

    /// The same of deliveries with their events, newest first.
    fn next_deliveries(filter: &DeliveryFilter, after: Option<DeliveryId>, step: u32) -> QueryBuilder<Db> {
        let mut query = sql::<Db>("SELECT ");
        query
            .push(LISTED_COLUMNS)
            .push(STOOD_FOR)
            .push(" AS replayed, ")
            .push(EVENT_COLUMNS)
            .push(" FROM deliveries d JOIN events e ON e.id = d.event_id WHERE 1 = 1");
        Self::push_indexed(&mut query, "d", filter);
        Self::push_conditions(&mut query, filter);
        if let Some(after) = after {
            query.push(" AND d.id < ").push_bind(after.to_string());
        }
        query
            .push(" ORDER BY d.id DESC LIMIT ")
            .push_bind(i64::from(step));
        query
    }

    /// One event, within the caller's transaction.
    pub(super) async fn event_in(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        id: EventId,
    ) -> StoreResult<Option<Event>> {
        let row = sql::<Db>("SELECT ")
            .push(EVENT_COLUMNS)
            .push(" FROM events e WHERE e.id = ")
            .push_bind(id.to_string())
            .build()
            .fetch_optional(&mut *conn)
            .await?;
        row.map(|row| event_from(&row, seals)).transpose()
    }
}

fn place_from(row: &impl Columns) -> StoreResult<Place> {
    let row = RowReader::new(row, "events", "event_id");
    Ok(Place {
        at: row.moment("received_at")?,
        id: row.parsed("event_id")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_from_the_sizes_of_what_was_read() {
        let after = |rows, bytes| Progress { rows, bytes }.step();
        assert_eq!(after(0, 0), FIRST_STEP);
        assert_eq!(after(16, 16 * 100), MAX_STEP);
        assert_eq!(after(16, 16 << 20), FIRST_STEP);
        assert_eq!(after(16, 16 * (STEP_BYTES / 64)), 64);
        assert_eq!(after(16, 0), MAX_STEP);
    }
}
