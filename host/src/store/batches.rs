//! The batches of orders: what is done in one step, and how fast that may be.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;
use uuid::Uuid;

use super::again::ByOrder;
use super::events::{EVENT_COLUMNS, event_from};
use super::seals::Seals;
use super::sql::{SqlStore, sql};
use super::windows::{Met, SCAN_LIMIT};
use super::words::int;
use super::{StoreError, StoreResult};
use crate::domain::act::{Acted, By, ReplayAsk, Replayed};
use crate::domain::event::Event;
use crate::domain::expression::Facts;
use crate::domain::id::EventId;
use crate::domain::order::{OrderBy, OrderKey};
use crate::domain::plugin::PluginName;
use crate::domain::replay::{Aim, Cursor, JobFilter, JobKind, Receivers, ReplayJob};

/// Most bodies that one step looks into, for the receivers and order keys of its replays. They are looked into one after
/// the other.
const MAX_LOOKS: usize = 20;

/// A plugin that a replay goes to, and what it is ordered by there.
type Receiver = (PluginName, Option<OrderKey>);

/// The receivers of what an order has come to, by the id of that.
pub(super) type Foreseen = HashMap<Uuid, Vec<Receiver>>;

/// What one step deals with.
pub(super) struct Batch {
    pub items: Vec<Met>,
    /// The last one that was looked at.
    pub cursor: Option<Cursor>,
    /// There is nothing after it.
    pub last: bool,
}

impl Batch {
    /// As many of those that fit as the rate allows at once, and as may be looked into.
    pub fn of(met: Vec<Met>, job: &ReplayJob, receivers: &Receivers) -> Self {
        let (most, seen) = (job.rate.batch() as usize, met.len());
        let mut batch = Self {
            items: Vec::new(),
            cursor: None,
            last: false,
        };
        let (mut looked_at, mut looks, mut replays) = (0, 0, 0);
        for one in met {
            let is_looked_into = one.fits && one.is_looked_into(job, receivers);
            let more = one.named(job).len().max(1);
            // The first one goes in any case, or the order would not go on.
            let is_full = one.fits && replays > 0 && replays + more > most;
            if is_full || (is_looked_into && looks == MAX_LOOKS) {
                break;
            }
            looks += usize::from(is_looked_into);
            looked_at += 1;
            batch.cursor = Some(one.place);
            if one.fits {
                replays += more;
                batch.items.push(one);
            }
        }
        batch.last = looked_at == seen && seen < SCAN_LIMIT;
        batch
    }

    /// How long the order waits after it, in milliseconds, when so many deliveries were written.
    pub fn wait_ms(&self, job: &ReplayJob, written: usize) -> i64 {
        let paced = u32::try_from(self.items.len().max(written)).unwrap_or(u32::MAX);
        int(job.rate.time_of(paced).as_millis())
    }
}

/// What a batch came to.
pub(super) struct Done {
    /// Of the batch's items.
    pub made: u64,
    pub skipped: u64,
    /// Replays made, or deliveries discarded.
    pub written: usize,
    /// Those that may have something due: replays, or what waited for its turn behind what was discarded.
    pub plugins: Vec<PluginName>,
}

impl Done {
    /// These were written: for which of the batch's items, in order, and for which plugin.
    fn of(batch: &Batch, written: Vec<(usize, PluginName)>) -> Self {
        let count = written.len();
        let (mut items, mut plugins): (Vec<_>, Vec<_>) = written.into_iter().unzip();
        items.dedup();
        plugins.sort_unstable();
        plugins.dedup();
        Self {
            made: len(&items),
            skipped: len(&batch.items) - len(&items),
            written: count,
            plugins,
        }
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// The receivers that the next batch is likely to need and that bodies are looked into for, worked out before its
    /// transaction, for which all who write may have to wait. Where another node comes first some are useless, and
    /// others missing.
    pub(super) async fn foreseen(&self, receivers: &Receivers) -> StoreResult<Foreseen> {
        let mut foreseen = Foreseen::new();
        let mut reader = self.reader.acquire().await?;
        let Some(job) = Self::job_due(&mut reader, "").await? else {
            return Ok(foreseen);
        };
        if job.kind == JobKind::Discard {
            return Ok(foreseen);
        }
        let batch = Batch::of(Self::window(&mut reader, &job).await?, &job, receivers);
        for met in &batch.items {
            if !met.is_looked_into(&job, receivers) {
                continue;
            }
            match Self::receivers_of(&mut reader, &self.seals, met, &job, receivers).await {
                // The batch finds it again, and tells.
                Err(error) if error.is_about_a_row() => {}
                found => {
                    foreseen.insert(met.place.id, found?);
                }
            }
        }
        Ok(foreseen)
    }

    pub(super) async fn replay_batch(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        job: &ReplayJob,
        batch: &Batch,
        (receivers, foreseen): (&Receivers, &Foreseen),
        by: &By,
    ) -> StoreResult<Done> {
        let (mut asks, mut items) = (Vec::new(), Vec::new());
        let mut unreadable = None;
        for (item, met) in batch.items.iter().enumerate() {
            let found = match foreseen.get(&met.place.id) {
                Some(found) => found.clone(),
                None => match Self::receivers_of(conn, seals, met, job, receivers).await {
                    // It is left alone, like what is on its way; the others are not held up.
                    Err(error) if error.is_about_a_row() => {
                        unreadable.get_or_insert((met.place.id, error));
                        continue;
                    }
                    found => found?,
                },
            };
            for (plugin, order_key) in found {
                items.push(item);
                asks.push(ReplayAsk {
                    event: met.event,
                    plugin,
                    of: met.delivery.as_ref().map(|(id, _)| *id),
                    order_key,
                });
            }
        }
        if let Some((item, error)) = unreadable {
            tracing::warn!(order = %job.id, %item, %error, "an order leaves alone what it cannot read; this is the first of its batch");
        }
        let order = ByOrder {
            id: job.id,
            again: match &job.filter {
                JobFilter::Deliveries(_) => true,
                JobFilter::Events(selection) => selection.again,
            },
        };
        let answers = Self::make_replays(conn, &asks, Some(order), by).await?;
        let made = items
            .into_iter()
            .zip(answers)
            .filter_map(|(item, answer)| match answer {
                Replayed::Made(made) => Some((item, made.plugin)),
                Replayed::Open(_) | Replayed::Had(_) | Replayed::Missing => None,
            });
        Ok(Done::of(batch, made.collect()))
    }

    pub(super) async fn discard_batch(
        conn: &mut <Db as Database>::Connection,
        batch: &Batch,
        by: &By,
    ) -> StoreResult<Done> {
        let deliveries: Vec<_> = batch
            .items
            .iter()
            .enumerate()
            .filter_map(|(item, met)| Some((item, met.delivery.as_ref()?)))
            .collect();
        let ids: Vec<_> = deliveries.iter().map(|(_, (id, _))| *id).collect();
        let answers = Self::cancel(conn, &ids, by).await?;
        let done = deliveries
            .into_iter()
            .zip(answers)
            .filter(|(_, answer)| *answer == Acted::Done)
            .map(|((item, (_, plugin)), _)| (item, plugin.clone()));
        Ok(Done::of(batch, done.collect()))
    }

    /// Where this goes, and its order key at each plugin. One event at a time, so that no more than one body is held.
    async fn receivers_of(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        met: &Met,
        job: &ReplayJob,
        receivers: &Receivers,
    ) -> StoreResult<Vec<Receiver>> {
        let named = met.named(job).iter().filter(|plugin| receivers.is_on(plugin));
        if !met.is_looked_into(job, receivers) {
            return Ok(named.map(|plugin| (plugin.clone(), None)).collect());
        }
        let named: Vec<_> = named
            .map(|plugin| (plugin.clone(), receivers.order_by(plugin).cloned()))
            .collect();
        let Some(event) = Self::whole_event(conn, seals, met.event).await? else {
            return Ok(Vec::new());
        };
        let routes = (job.to == Some(Aim::Wanting)).then(|| Arc::clone(receivers.routes()));
        let found = tokio::task::spawn_blocking(move || {
            if let Some(routes) = routes {
                let wanted = routes.route_again(&event).deliveries.into_iter();
                return wanted.map(|new| (new.plugin, new.order_key)).collect::<Vec<_>>();
            }
            let facts = Facts::of(&event);
            let keyed = |(plugin, by): (PluginName, Option<OrderBy>)| {
                let key = by.and_then(|by| by.key_for(&facts));
                (plugin, key)
            };
            named.into_iter().map(keyed).collect()
        });
        let found = found
            .await
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        let is_on = |(plugin, _): &Receiver| receivers.is_on(plugin);
        Ok(found.into_iter().filter(is_on).collect())
    }

    async fn whole_event(
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

fn len<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}
