//! The batches of orders: which deliveries one is about, and what is done with them.

use std::collections::HashMap;

use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::rows::{Columns, RowReader};
use super::seals::Seals;
use super::sql::{SqlStore, sql};
use super::words::int;
use super::{StoreError, StoreResult};
use crate::domain::act::{Acted, By, ReplayAsk, Replayed};
use crate::domain::expression::Facts;
use crate::domain::id::{DeliveryId, EventId};
use crate::domain::order::{OrderBy, OrderKey};
use crate::domain::plugin::PluginName;
use crate::domain::replay::{JobKind, Receivers, ReplayJob};

/// Most deliveries that one step looks at: bounds a transaction in which few of them match.
const SCAN_LIMIT: usize = 500;

/// Most bodies that one step looks into, for the order keys of its replays. They are looked into one after the other.
const MAX_LOOKS: usize = 20;

/// Most deliveries that a step of an order that looks into bodies looks at, for the same reason.
const SCAN_INSIDE_LIMIT: usize = MAX_LOOKS;

/// How many deliveries one step of this order looks at.
fn scan_limit(job: &ReplayJob) -> usize {
    if job.filter.inside.is_some() {
        SCAN_INSIDE_LIMIT
    } else {
        SCAN_LIMIT
    }
}

/// Order keys of replays, by event and receiver.
pub(super) type Keys = HashMap<(EventId, PluginName), Option<OrderKey>>;

/// A delivery that an order has come to.
pub(super) struct Met {
    id: DeliveryId,
    event: EventId,
    plugin: PluginName,
    /// Whether the order is about it.
    fits: bool,
}

impl Met {
    /// The plugin that a replay goes to.
    fn receiver<'a>(&'a self, job: &'a ReplayJob) -> &'a PluginName {
        job.to.as_ref().unwrap_or(&self.plugin)
    }

    /// What a replay is ordered by.
    fn order_by<'a>(&self, job: &ReplayJob, receivers: &'a Receivers) -> Option<&'a OrderBy> {
        let is_replay = job.kind == JobKind::Replay;
        let receiver = is_replay.then(|| self.receiver(job));
        receivers.get(receiver?)?.as_ref()
    }
}

/// What one step deals with.
pub(super) struct Batch {
    pub items: Vec<Met>,
    /// The last delivery that was looked at.
    pub cursor: Option<DeliveryId>,
    /// There is nothing after it.
    pub last: bool,
    /// Until the next batch.
    pub wait_ms: i64,
}

impl Batch {
    /// As many of those that fit as the rate allows at once, and as may be looked into.
    pub fn of(met: Vec<Met>, job: &ReplayJob, receivers: &Receivers) -> Self {
        let (most, seen) = (job.rate.batch() as usize, met.len());
        let mut looks = 0;
        let mut batch = Self {
            items: Vec::new(),
            cursor: None,
            last: false,
            wait_ms: 0,
        };
        let mut looked_at = 0;
        for one in met {
            let is_looked_into = one.fits && one.order_by(job, receivers).is_some();
            if batch.items.len() == most || (is_looked_into && looks == MAX_LOOKS) {
                break;
            }
            looks += usize::from(is_looked_into);
            looked_at += 1;
            batch.cursor = Some(one.id);
            if one.fits {
                batch.items.push(one);
            }
        }
        batch.last = looked_at == seen && seen < scan_limit(job);
        let made = u32::try_from(batch.items.len()).unwrap_or(u32::MAX);
        batch.wait_ms = int(job.rate.time_of(made).as_millis());
        batch
    }
}

/// What a batch came to.
pub(super) struct Done {
    pub made: u64,
    pub skipped: u64,
    /// Those that may have something due: replays, or what waited for its turn behind what was discarded.
    pub plugins: Vec<PluginName>,
}

impl Done {
    /// Of the batch's deliveries these were dealt with, by their plugins.
    fn of(batch: &Batch, mut plugins: Vec<PluginName>) -> Self {
        let made = len(&plugins);
        plugins.sort_unstable();
        plugins.dedup();
        Self {
            made,
            skipped: len(&batch.items) - made,
            plugins,
        }
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// The next deliveries after the order's cursor that have its state and plugin, in order. Those fit
    /// that meet the other conditions too, and did so when the order was given. The order's own replays never do:
    /// when they failed is told by the clock of the node that ran them, which may be behind the database's.
    pub(super) async fn window(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        job: &ReplayJob,
    ) -> StoreResult<Vec<Met>> {
        let mut query = sql::<Db>(
            "SELECT d.id, d.event_id, d.plugin, CAST(CASE WHEN COALESCE(d.finished_at, d.created_at) <= ",
        );
        query
            .push_bind(job.created_at.as_millis())
            .push(" AND (d.replay_job IS NULL OR d.replay_job <> ")
            .push_bind(job.id.to_string())
            .push(")");
        Self::push_conditions(&mut query, &job.filter);
        query.push(" THEN 1 ELSE 0 END AS BIGINT) AS fits FROM (SELECT w.id FROM deliveries w WHERE 1 = 1");
        Self::push_indexed(&mut query, "w", &job.filter);
        if let Some(cursor) = job.cursor {
            query.push(" AND w.id > ").push_bind(cursor.to_string());
        }
        query
            .push(" ORDER BY w.id LIMIT ")
            .push_bind(int(scan_limit(job)))
            .push(") AS w JOIN deliveries d ON d.id = w.id JOIN events e ON e.id = d.event_id ORDER BY d.id");
        let rows = query.build().fetch_all(&mut *conn).await?;
        let mut met = rows.iter().map(met_from).collect::<StoreResult<Vec<_>>>()?;
        if let Some(inside) = &job.filter.inside {
            for one in met.iter_mut().filter(|one| one.fits) {
                one.fits = match Self::event_in(conn, seals, one.event).await {
                    Ok(event) => event.is_some_and(|event| inside.is_in(&event)),
                    // What cannot be looked into is not what was asked for.
                    Err(error) if error.is_about_a_row() => false,
                    Err(error) => return Err(error),
                };
            }
        }
        Ok(met)
    }

    /// The order keys that the next batch is likely to need, worked out before its transaction, for which all who write
    /// may have to wait. Where another node comes first some are useless, and others missing.
    pub(super) async fn foreseen_keys(&self, receivers: &Receivers) -> StoreResult<Keys> {
        let mut keys = Keys::new();
        if receivers.values().all(Option::is_none) {
            return Ok(keys);
        }
        let mut reader = self.reader.acquire().await?;
        let Some(job) = Self::job_due(&mut reader, "").await? else {
            return Ok(keys);
        };
        let batch = Batch::of(
            Self::window(&mut reader, &self.seals, &job).await?,
            &job,
            receivers,
        );
        for met in &batch.items {
            let Some(order_by) = met.order_by(&job, receivers) else {
                continue;
            };
            match Self::order_key(&mut reader, &self.seals, met.event, order_by).await {
                // The batch finds it again, and tells.
                Err(error) if error.is_about_a_row() => {}
                key => {
                    keys.insert((met.event, met.receiver(&job).clone()), key?);
                }
            }
        }
        Ok(keys)
    }

    pub(super) async fn replay_batch(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        job: &ReplayJob,
        batch: &Batch,
        (receivers, keys): (&Receivers, &Keys),
        by: &By,
    ) -> StoreResult<Done> {
        let mut asks = Vec::with_capacity(batch.items.len());
        let mut unreadable = None;
        for met in &batch.items {
            let plugin = met.receiver(job);
            let Some(order_by) = receivers.get(plugin) else {
                continue;
            };
            let foreseen = keys.get(&(met.event, plugin.clone()));
            let order_key = match (order_by, foreseen) {
                (None, _) => None,
                (Some(_), Some(key)) => key.clone(),
                (Some(order_by), None) => match Self::order_key(conn, seals, met.event, order_by).await {
                    // It is left alone, like what is on its way; the others are not held up.
                    Err(error) if error.is_about_a_row() => {
                        unreadable.get_or_insert((met.id, error));
                        continue;
                    }
                    order_key => order_key?,
                },
            };
            asks.push(ReplayAsk {
                event: met.event,
                plugin: plugin.clone(),
                of: Some(met.id),
                order_key,
            });
        }
        if let Some((delivery, error)) = unreadable {
            tracing::warn!(order = %job.id, %delivery, %error, "an order leaves alone what it cannot read; this is the first of its batch");
        }
        let answers = Self::make_replays(conn, &asks, Some(job.id), by).await?;
        let made = answers.into_iter().filter_map(|answer| match answer {
            Replayed::Made(made) => Some(made.plugin),
            Replayed::Open(_) | Replayed::Missing => None,
        });
        Ok(Done::of(batch, made.collect()))
    }

    pub(super) async fn discard_batch(
        conn: &mut <Db as Database>::Connection,
        batch: &Batch,
        by: &By,
    ) -> StoreResult<Done> {
        let ids: Vec<_> = batch.items.iter().map(|met| met.id).collect();
        let answers = Self::cancel(conn, &ids, by).await?;
        let done = batch.items.iter().zip(answers);
        let done = done.filter(|(_, answer)| *answer == Acted::Done);
        Ok(Done::of(batch, done.map(|(met, _)| met.plugin.clone()).collect()))
    }

    /// The key of a delivery of this event. One event at a time, so that no more than one body is held.
    async fn order_key(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        event: EventId,
        order_by: &OrderBy,
    ) -> StoreResult<Option<OrderKey>> {
        let Some(event) = Self::event_in(conn, seals, event).await? else {
            return Ok(None);
        };
        let order_by = order_by.clone();
        let key = tokio::task::spawn_blocking(move || order_by.key_for(&Facts::of(&event)));
        key.await
            .map_err(|error| StoreError::Unavailable(Box::new(error)))
    }
}

fn len<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

fn met_from(row: &impl Columns) -> StoreResult<Met> {
    let row = RowReader::new(row, "deliveries", "id");
    Ok(Met {
        id: row.parsed("id")?,
        event: row.parsed("event_id")?,
        plugin: row.parsed("plugin")?,
        fits: row.number::<u8>("fits")? == 1,
    })
}
