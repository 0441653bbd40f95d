//! What acts of people have in common: replays, the record of each act, and events that follow their
//! deliveries anew.
//!
//! A replay locks its event before it looks at the event's deliveries: two people (or an order and a
//! person) who press the same button make one. Before that it holds its order key ([`super::turns`]), and
//! takes its place behind what is not finished.

use std::collections::HashMap;

use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::dialect::Dialect as _;
use super::rows::{Columns, RowReader};
use super::sql::{SqlStore, sql};
use super::turns::{Place, turn_key};
use super::words::{clean, clean_opt};
use crate::domain::act::{ActKind, By, MadeReplay, ReplayAsk, Replayed};
use crate::domain::delivery::DeliveryState;
use crate::domain::id::{ActId, DeliveryId, EventId, ReplayId};
use crate::domain::plugin::PluginName;

/// Bind parameters of one row.
const REPLAY_BINDS: usize = 9;
const ACT_BINDS: usize = 6;
const RECOUNT_BINDS: usize = 3;

/// Whether another delivery of its event stands for delivery `d`: its replay, or any later one to the same plugin, which
/// may be a replay of what this one repeats.
pub(super) const STOOD_FOR: &str = "EXISTS (SELECT 1 FROM deliveries r WHERE r.event_id = d.event_id \
     AND (r.replay_of = d.id OR (r.plugin = d.plugin AND (r.created_at, r.id) > (d.created_at, d.id))))";

/// A delivery of an event that is about to be taken up again.
struct Known {
    id: DeliveryId,
    plugin: PluginName,
    state: DeliveryState,
}

/// The order that replays are made by.
#[derive(Clone, Copy)]
pub(super) struct ByOrder {
    pub id: ReplayId,
    /// Whether a plugin gets what it has had.
    pub again: bool,
}

/// A replay about to be stored, with its key and its place in the order of that.
type NewReplay<'a> = ((&'a MadeReplay, Option<(String, String)>), Option<Place>);

/// The deliveries of each event that is there.
type KnownByEvent = HashMap<EventId, Vec<Known>>;

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Makes these replays, by an order or one by one, and takes their events up again.
    pub(super) async fn make_replays(
        conn: &mut <Db as Database>::Connection,
        asks: &[ReplayAsk],
        order: Option<ByOrder>,
        by: &By,
    ) -> StoreResult<Vec<Replayed>> {
        let keys: Vec<_> = asks
            .iter()
            .map(|ask| turn_key(&ask.plugin, ask.order_key.as_ref()))
            .collect();
        Self::hold_keys(conn, &keys).await?;
        let events = Self::lock_events(conn, asks.iter().map(|ask| ask.event)).await?;
        let mut known = Self::known_deliveries(conn, &events).await?;
        let once = order.is_some_and(|order| !order.again);
        let answers: Vec<_> = asks.iter().map(|ask| answer(ask, once, &mut known)).collect();
        let (mut made, mut taken) = (Vec::new(), Vec::new());
        // Held, and no place taken.
        let mut idle: Vec<(String, String)> = Vec::new();
        for (answer, key) in answers.iter().zip(keys) {
            match answer {
                Replayed::Made(replay) => {
                    made.push(replay);
                    taken.push(key);
                }
                Replayed::Open(_) | Replayed::Had(_) | Replayed::Missing => idle.extend(key),
            }
        }
        let places = Self::take_places(conn, &taken).await?;
        let replays: Vec<_> = made.iter().copied().zip(taken).zip(places).collect();
        Self::insert_replays(conn, &replays, order.map(|order| order.id)).await?;
        Self::pass_turns_of(conn, &idle).await?;
        let acts: Vec<_> = made.iter().map(|made| made.id).collect();
        Self::insert_acts(conn, &acts, ActKind::Replayed, by).await?;
        let mut touched: Vec<_> = made.iter().map(|made| made.event).collect();
        touched.sort_unstable();
        touched.dedup();
        Self::recount_events(conn, &touched, None, by).await?;
        Ok(answers)
    }

    async fn known_deliveries(
        conn: &mut <Db as Database>::Connection,
        events: &[EventId],
    ) -> StoreResult<KnownByEvent> {
        let mut known = KnownByEvent::new();
        for chunk in events.chunks(Db::MAX_BINDS) {
            let mut query = sql::<Db>(
                "SELECT e.id AS event_id, d.id, d.plugin, d.state FROM events e \
                 LEFT JOIN deliveries d ON d.event_id = e.id WHERE e.id IN ",
            );
            Self::push_ids(&mut query, chunk);
            query.push(" ORDER BY e.id, d.id");
            for row in query.build().fetch_all(&mut *conn).await? {
                let (event, delivery) = known_from(&row)?;
                known.entry(event).or_default().extend(delivery);
            }
        }
        Ok(known)
    }

    async fn insert_replays(
        conn: &mut <Db as Database>::Connection,
        replays: &[NewReplay<'_>],
        job: Option<ReplayId>,
    ) -> StoreResult<()> {
        for chunk in replays.chunks(Db::MAX_BINDS / REPLAY_BINDS) {
            sql::<Db>(
                "INSERT INTO deliveries (id, event_id, plugin, replay_of, replay_job, state, order_key, order_seq, \
                 waits_turn, attempts, due_at, created_at) ",
            )
            .push_values(chunk, |mut row, ((made, key), place)| {
                row.push_bind(made.id.to_string())
                    .push_bind(made.event.to_string())
                    .push_bind(made.plugin.as_str())
                    .push_bind(made.replay_of.map(|id| id.to_string()))
                    .push_bind(job.map(|id| id.to_string()))
                    .push_bind(DeliveryState::Pending.as_str())
                    .push_bind(key.as_ref().map(|(_, key)| key.as_str()))
                    .push_bind(place.map(|place| place.seq))
                    .push_bind(place.is_some_and(|place| place.waits))
                    .push("0")
                    .push(Db::NOW)
                    .push(Db::NOW);
            })
            .build()
            .execute(&mut *conn)
            .await?;
        }
        Ok(())
    }

    /// Records what somebody did to these deliveries.
    pub(super) async fn insert_acts(
        conn: &mut <Db as Database>::Connection,
        deliveries: &[DeliveryId],
        kind: ActKind,
        by: &By,
    ) -> StoreResult<()> {
        for chunk in deliveries.chunks(Db::MAX_BINDS / ACT_BINDS) {
            sql::<Db>("INSERT INTO delivery_acts (id, delivery_id, kind, actor, at, note) ")
                .push_values(chunk, |mut row, delivery| {
                    row.push_bind(ActId::generate().to_string())
                        .push_bind(delivery.to_string())
                        .push_bind(kind.as_str())
                        .push_bind(clean(&by.actor).into_owned())
                        .push_bind(by.at.as_millis())
                        .push_bind(clean_opt(by.note.as_deref()).map(std::borrow::Cow::into_owned));
                })
                .build()
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }

    /// Lets locked events follow their deliveries anew. A delivery that did not succeed counts as failed
    /// until another stands for it. `told` is the error of an event that has none.
    pub(super) async fn recount_events(
        conn: &mut <Db as Database>::Connection,
        events: &[EventId],
        told: Option<&str>,
        by: &By,
    ) -> StoreResult<()> {
        for chunk in events.chunks(Db::MAX_BINDS) {
            let mut count = sql::<Db>(
                "UPDATE events SET \
                 open_deliveries = (SELECT COUNT(*) FROM deliveries d WHERE d.event_id = events.id \
                 AND d.state NOT IN ('succeeded', 'dead', 'cancelled')), \
                 failed_deliveries = (SELECT COUNT(*) FROM deliveries d WHERE d.event_id = events.id \
                 AND d.state IN ('dead', 'cancelled') AND NOT ",
            );
            count.push(STOOD_FOR).push(") WHERE id IN ");
            Self::push_ids(&mut count, chunk);
            count.build().execute(&mut *conn).await?;
        }
        for chunk in events.chunks(Db::MAX_BINDS / RECOUNT_BINDS) {
            sql::<Db>("WITH v (id, told, at) AS (")
                .push_values(chunk, |mut row, event| {
                    row.push_bind(event.to_string())
                        .push_bind(told.map(|told| clean(told).into_owned()))
                        .push_bind(by.at.as_millis());
                })
                .push(
                    ") UPDATE events SET \
                     status = CASE WHEN open_deliveries > 0 AND status = 'pending' THEN 'pending' \
                     WHEN open_deliveries > 0 THEN 'processing' \
                     WHEN failed_deliveries > 0 THEN 'failed' ELSE 'processed' END, \
                     processed_at = CASE WHEN open_deliveries > 0 THEN NULL ELSE COALESCE(processed_at, v.at) END, \
                     error_message = CASE WHEN failed_deliveries = 0 THEN NULL \
                     ELSE COALESCE(error_message, v.told) END \
                     FROM v WHERE events.id = v.id",
                )
                .build()
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }
}

/// Decides about one replay, and notes it for those that follow in the same batch. With `once` only what failed goes to a
/// plugin again.
fn answer(ask: &ReplayAsk, once: bool, known: &mut KnownByEvent) -> Replayed {
    let Some(deliveries) = known.get_mut(&ask.event) else {
        return Replayed::Missing;
    };
    let repeated = match ask.of {
        Some(id) => match deliveries.iter().find(|known| known.id == id) {
            Some(known) => Some(known),
            None => return Replayed::Missing,
        },
        None => deliveries.iter().rfind(|known| known.plugin == ask.plugin),
    };
    let on_its_way = deliveries
        .iter()
        .filter(|known| known.plugin == ask.plugin)
        .chain(repeated)
        .find(|known| known.state.is_open());
    if let Some(open) = on_its_way {
        return Replayed::Open(open.id);
    }
    let had = |known: &&Known| known.plugin == ask.plugin && known.state != DeliveryState::Dead;
    if let Some(had) = deliveries.iter().rfind(had).filter(|_| once) {
        return Replayed::Had(had.id);
    }
    let made = MadeReplay {
        id: DeliveryId::generate(),
        event: ask.event,
        plugin: ask.plugin.clone(),
        replay_of: repeated.map(|known| known.id),
    };
    deliveries.push(Known {
        id: made.id,
        plugin: made.plugin.clone(),
        state: DeliveryState::Pending,
    });
    Replayed::Made(made)
}

fn known_from(row: &impl Columns) -> StoreResult<(EventId, Option<Known>)> {
    let row = RowReader::new(row, "deliveries", "event_id");
    let event = row.parsed("event_id")?;
    let Some(id) = row.parsed_opt("id")? else {
        return Ok((event, None));
    };
    let known = Known {
        id,
        plugin: row.parsed("plugin")?,
        state: row.parsed("state")?,
    };
    Ok((event, Some(known)))
}
