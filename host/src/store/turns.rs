//! Deliveries that keep an order: their places, and whose turn it is.
//!
//! `waits_turn` says of each whether an earlier one of its key is not finished. It is written twice in
//! a delivery's life, so that a claim, however long the queue, looks at nothing that may not run. What
//! keeps the two writes from missing each other is the key's row in `order_keys`: who adds a delivery
//! and who finishes one hold it until they commit, and take it before any row of `deliveries`. So a
//! place is also the order of commits: what was stored later has the later place.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Database, Postgres, QueryBuilder, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::dialect::Dialect as _;
use super::rows::RowReader;
use super::sql::{SqlStore, sql};
use super::words::int;
use crate::domain::id::{DeliveryId, EventId};
use crate::domain::order::OrderKey;
use crate::domain::plugin::PluginName;

/// The states of a delivery that holds its key. A held one (`unknown`) does until a person decides; a
/// dead letter does not. The condition of the index `deliveries_turn`.
const HOLDING: &str = "('pending', 'claimed', 'running', 'retrying', 'deferred', 'unknown')";

/// Bind parameters of one key.
const KEY_BINDS: usize = 3;

/// Where a delivery stands among those of its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub seq: i64,
    pub waits: bool,
}

/// A plugin and a key of it.
type Key<'a> = (&'a str, &'a str);

/// The key under which a delivery to this plugin takes its place.
pub(super) fn turn_key(plugin: &PluginName, key: Option<&OrderKey>) -> Option<(String, String)> {
    Some((plugin.as_str().to_owned(), key?.as_str().to_owned()))
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Gives each delivery that has a key its place, in the order of the slice.
    pub(super) async fn take_places(
        conn: &mut <Db as Database>::Connection,
        keys: &[Option<(String, String)>],
    ) -> StoreResult<Vec<Option<Place>>> {
        let mut counts: BTreeMap<Key<'_>, usize> = BTreeMap::new();
        for (plugin, key) in keys.iter().flatten() {
            *counts.entry((plugin.as_str(), key.as_str())).or_default() += 1;
        }
        let mut next: BTreeMap<(String, String), Place> = BTreeMap::new();
        // Sorted, so that two transactions never wait for each other in a circle.
        for chunk in counts
            .into_iter()
            .collect::<Vec<_>>()
            .chunks(Db::MAX_BINDS / KEY_BINDS)
        {
            Self::take_keys(conn, chunk, &mut next).await?;
        }
        let place = |key: &Option<(String, String)>| {
            let free = next.get_mut(key.as_ref()?)?;
            let place = *free;
            *free = Place {
                seq: place.seq + 1,
                waits: true,
            };
            Some(place)
        };
        Ok(keys.iter().map(place).collect())
    }

    /// Holds these keys, for who must lock events before it can say which places it takes: who finishes deliveries
    /// holds keys first and events last, and two transactions must not wait for each other in a circle. What it
    /// takes no place of is to be given to [`Self::pass_turns_of`]. SQLite has one writer: there is nothing to hold.
    pub(super) async fn hold_keys(
        conn: &mut <Db as Database>::Connection,
        keys: &[Option<(String, String)>],
    ) -> StoreResult<()> {
        if Db::LOCK.is_empty() {
            return Ok(());
        }
        let keys: BTreeSet<_> = keys.iter().flatten().collect();
        let keys: Vec<_> = keys.into_iter().collect();
        for chunk in keys.chunks(Db::MAX_BINDS / 2) {
            sql::<Db>("INSERT INTO order_keys (plugin, order_key, last_seq) ")
                .push_values(chunk, |mut row, (plugin, key)| {
                    row.push_bind(plugin.clone()).push_bind(key.clone()).push("0");
                })
                .push(" ON CONFLICT (plugin, order_key) DO UPDATE SET last_seq = order_keys.last_seq")
                .build()
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }

    /// Holds the rows of these keys, each for so many more places; notes the first free place of each.
    async fn take_keys(
        conn: &mut <Db as Database>::Connection,
        counts: &[(Key<'_>, usize)],
        next: &mut BTreeMap<(String, String), Place>,
    ) -> StoreResult<()> {
        let rows = sql::<Db>("INSERT INTO order_keys (plugin, order_key, last_seq) ")
            .push_values(counts, |mut row, ((plugin, key), count)| {
                row.push_bind(*plugin).push_bind(*key).push_bind(int(*count));
            })
            .push(
                " ON CONFLICT (plugin, order_key) \
                 DO UPDATE SET last_seq = order_keys.last_seq + excluded.last_seq \
                 RETURNING plugin, order_key, last_seq",
            )
            .build()
            .fetch_all(&mut *conn)
            .await?;
        // Only now, with the rows held, does it stay true who is there.
        let held = Self::held_keys(conn, counts).await?;
        let counts: BTreeMap<_, _> = counts.iter().copied().collect();
        for row in &rows {
            let row = RowReader::new(row, "order_keys", "order_key");
            let key = (row.text("plugin")?, row.text("order_key")?);
            let last: i64 = row.number("last_seq")?;
            let count = counts.get(&(key.0.as_str(), key.1.as_str())).copied();
            let place = Place {
                seq: last - int(count.unwrap_or(1)) + 1,
                waits: held.contains(&key),
            };
            next.insert(key, place);
        }
        Ok(())
    }

    /// Those of the keys that have an unfinished delivery.
    async fn held_keys(
        conn: &mut <Db as Database>::Connection,
        counts: &[(Key<'_>, usize)],
    ) -> StoreResult<BTreeSet<(String, String)>> {
        let rows = sql::<Db>("WITH v (plugin, order_key) AS (")
            .push_values(counts, |mut row, ((plugin, key), _)| {
                row.push_bind(*plugin).push_bind(*key);
            })
            .push(
                ") SELECT v.plugin, v.order_key FROM v WHERE EXISTS (SELECT 1 FROM deliveries o \
                 WHERE o.plugin = v.plugin AND o.order_key = v.order_key AND o.state IN ",
            )
            .push(HOLDING)
            .push(")")
            .build()
            .fetch_all(&mut *conn)
            .await?;
        rows.iter()
            .map(|row| {
                let row = RowReader::new(row, "order_keys", "order_key");
                Ok((row.text("plugin")?, row.text("order_key")?))
            })
            .collect()
    }

    /// Holds the keys of deliveries that may be finished, before their rows are locked. SQLite has one
    /// writer: there is nothing to hold.
    pub(super) async fn hold_turns(
        conn: &mut <Db as Database>::Connection,
        ids: impl Iterator<Item = DeliveryId> + Send,
    ) -> StoreResult<()> {
        if Db::LOCK.is_empty() {
            return Ok(());
        }
        let mut ids: Vec<_> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        for chunk in ids.chunks(Db::MAX_BINDS) {
            let mut query = sql::<Db>(HOLD_TURNS);
            query.push("c.id IN ");
            Self::push_ids(&mut query, chunk);
            query.push(HELD_IN_ORDER).push(Db::LOCK);
            query.build().execute(&mut *conn).await?;
        }
        Ok(())
    }

    /// Holds what a purge of these events may touch: keys, deliveries and events, in the order in which every write
    /// takes them. Statements that follow see each replay that was made before. Gives the keys of what waits for a
    /// person, which may be about to go; everything else that has a key is either finished, and holds none, or open,
    /// and stays. `None` when one more came to wait for a person meanwhile: its key is not held, so the events are to
    /// be left for another time.
    pub(super) async fn hold_events(
        conn: &mut <Db as Database>::Connection,
        events: &[EventId],
    ) -> StoreResult<Option<Vec<(String, String)>>> {
        let (ids, keys) = Self::held_for_people(conn, events).await?;
        // SQLite has one writer: there is nothing to hold.
        if Db::LOCK.is_empty() {
            return Ok(Some(keys.into_iter().collect()));
        }
        Self::hold_turns(conn, ids.into_iter()).await?;
        // A replay refers to what it repeats, and has the event: it must not be made to wait.
        let mut deliveries = sql::<Db>("SELECT d.id FROM deliveries d WHERE d.event_id IN ");
        Self::push_ids(&mut deliveries, events);
        deliveries
            .push(" ORDER BY d.id")
            .push(Db::LOCK_KEEPING_KEYS)
            .build()
            .execute(&mut *conn)
            .await?;
        Self::lock_events(conn, events.iter().copied()).await?;
        let (_, now) = Self::held_for_people(conn, events).await?;
        Ok(now.is_subset(&keys).then(|| keys.into_iter().collect()))
    }

    /// What waits for a person in these events and has a key; and the keys.
    async fn held_for_people(
        conn: &mut <Db as Database>::Connection,
        events: &[EventId],
    ) -> StoreResult<(Vec<DeliveryId>, BTreeSet<(String, String)>)> {
        let mut query = sql::<Db>(
            "SELECT d.id, d.plugin, d.order_key FROM deliveries d WHERE d.order_key IS NOT NULL \
             AND d.state = 'unknown' AND d.event_id IN ",
        );
        Self::push_ids(&mut query, events);
        let held = query.build().fetch_all(&mut *conn).await?;
        let mut ids = Vec::with_capacity(held.len());
        let mut keys = BTreeSet::new();
        for row in &held {
            let row = RowReader::new(row, "deliveries", "id");
            ids.push(row.parsed("id")?);
            keys.insert((row.text("plugin")?, row.text("order_key")?));
        }
        Ok((ids, keys))
    }

    /// As [`Self::pass_turns`], for keys whose holders may be gone with their events. Where the holder is still
    /// there it is still the first, and nothing changes.
    pub(super) async fn pass_turns_of(
        conn: &mut <Db as Database>::Connection,
        keys: &[(String, String)],
    ) -> StoreResult<()> {
        for chunk in keys.chunks(Db::MAX_BINDS / 2) {
            Self::with_keys(chunk)
                .push(
                    "UPDATE deliveries SET waits_turn = FALSE WHERE waits_turn AND id IN (SELECT (SELECT n.id \
                     FROM deliveries n WHERE n.plugin = v.plugin AND n.order_key = v.order_key AND n.state IN ",
                )
                .push(HOLDING)
                .push(" ORDER BY n.order_seq LIMIT 1) FROM v)")
                .build()
                .execute(&mut *conn)
                .await?;
            Self::with_keys(chunk)
                .push(
                    "DELETE FROM order_keys WHERE (plugin, order_key) IN (SELECT v.plugin, v.order_key FROM v \
                     WHERE NOT EXISTS (SELECT 1 FROM deliveries o WHERE o.plugin = v.plugin \
                     AND o.order_key = v.order_key AND o.state IN ",
                )
                .push(HOLDING)
                .push("))")
                .build()
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }

    /// The beginning of a statement that looks at keys `v`.
    fn with_keys(keys: &[(String, String)]) -> QueryBuilder<Db> {
        let mut query = sql::<Db>("WITH v (plugin, order_key) AS (");
        query
            .push_values(keys, |mut row, (plugin, key)| {
                row.push_bind(plugin.clone()).push_bind(key.clone());
            })
            .push(") ");
        query
    }

    /// Lets the next of each key have its turn, these being finished, and forgets keys that nothing
    /// holds any more. Whoever finishes deliveries must call it in the same transaction.
    pub(super) async fn pass_turns(
        conn: &mut <Db as Database>::Connection,
        finished: &[DeliveryId],
    ) -> StoreResult<()> {
        for chunk in finished.chunks(Db::MAX_BINDS) {
            let mut next = sql::<Db>(
                "UPDATE deliveries SET waits_turn = FALSE WHERE waits_turn AND id IN (SELECT (SELECT n.id \
                 FROM deliveries n WHERE n.plugin = c.plugin AND n.order_key = c.order_key AND n.state IN ",
            );
            next.push(HOLDING).push(
                " ORDER BY n.order_seq LIMIT 1) FROM deliveries c WHERE c.order_key IS NOT NULL AND c.id IN ",
            );
            Self::push_ids(&mut next, chunk);
            next.push(")").build().execute(&mut *conn).await?;
            let mut gone = sql::<Db>(
                "DELETE FROM order_keys WHERE (plugin, order_key) IN (SELECT c.plugin, c.order_key FROM deliveries c \
                 WHERE c.order_key IS NOT NULL AND NOT EXISTS (SELECT 1 FROM deliveries o WHERE o.plugin = c.plugin \
                 AND o.order_key = c.order_key AND o.state IN ",
            );
            gone.push(HOLDING).push(") AND c.id IN ");
            Self::push_ids(&mut gone, chunk);
            gone.push(")").build().execute(&mut *conn).await?;
        }
        Ok(())
    }
}

/// The rows of the keys of deliveries `c`, for a condition on these.
const HOLD_TURNS: &str = "SELECT k.last_seq FROM order_keys k WHERE (k.plugin, k.order_key) IN \
     (SELECT c.plugin, c.order_key FROM deliveries c WHERE c.order_key IS NOT NULL AND ";

/// In order, so that two transactions never wait for each other in a circle.
const HELD_IN_ORDER: &str = ") ORDER BY k.plugin, k.order_key";
