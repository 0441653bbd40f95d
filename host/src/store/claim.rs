//! Claims and the leases that hold them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::deliveries::lease_millis;
use super::dialect::Dialect;
use super::events::{EVENT_COLUMNS, event_from};
use super::rows::{Columns, RowReader};
use super::seals::Seals;
use super::sql::{SqlStore, sql};
use super::{StoreError, StoreResult};
use crate::domain::delivery::{Claim, DeliveryState, Leased};
use crate::domain::id::{DeliveryId, EventId, LeaseToken, NodeId};
use crate::domain::plugin::PluginName;

/// A delivery that somebody claimed.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub id: DeliveryId,
    pub event: EventId,
    pub attempts: u32,
    pub token: LeaseToken,
    /// Others may wait for it to be finished.
    pub ordered: bool,
    /// The started mark is committed.
    pub started: bool,
    /// The lease has ended, and no sweep has come by yet.
    pub ended: bool,
}

/// What the deliveries of a batch look like, per item of the batch: `None` where its token is not
/// (or no longer) the delivery's, or where the item repeats an earlier one.
pub(super) struct HeldBatch(Vec<Option<Held>>);

impl HeldBatch {
    /// The answer per item: held, and as `wanted` asks.
    pub fn answers(&self, wanted: impl Fn(&Held) -> bool) -> Vec<Leased> {
        let held = |row: &Option<Held>| row.as_ref().is_some_and(&wanted);
        self.0
            .iter()
            .map(|row| if held(row) { Leased::Done } else { Leased::Lost })
            .collect()
    }

    /// The rows of the items that were answered [`Leased::Done`].
    pub fn of(&self, answers: &[Leased]) -> Vec<Held> {
        self.iter(answers).flatten().collect()
    }

    /// Per item, its row when it was answered [`Leased::Done`].
    pub fn iter<'a>(&'a self, answers: &'a [Leased]) -> impl Iterator<Item = Option<Held>> + 'a {
        self.0
            .iter()
            .zip(answers)
            .map(|(row, answer)| row.filter(|_| *answer == Leased::Done))
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// The deliveries of `plugin` that are due, with fresh tokens, locked; oldest due first. Those whose events cannot
    /// be read are put off.
    pub(super) async fn due(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        plugin: &PluginName,
        kind: Tries,
        limit: u32,
    ) -> StoreResult<Vec<Claim>> {
        let rows = waiting::<Db>(kind.condition())
            .push(" AND d.plugin = ")
            .push_bind(plugin.as_str())
            .push(" AND d.due_at <= ")
            .push(Db::NOW)
            .push(" ORDER BY d.due_at, d.id LIMIT ")
            .push_bind(i64::from(limit))
            .push(Db::LOCK_FREE)
            .build()
            .fetch_all(&mut *conn)
            .await?;
        let mut claims = Vec::with_capacity(rows.len());
        let mut unreadable = Vec::new();
        for row in &rows {
            match claim_from(row, seals) {
                Ok(claim) => claims.push(claim),
                Err(error) if error.is_about_a_row() => unreadable.push(Unreadable::of(row, error)?),
                Err(error) => return Err(error),
            }
        }
        for one in &unreadable {
            Self::put_off(conn, one).await?;
        }
        Ok(claims)
    }

    /// Makes a delivery wait that cannot be read: left as it is it would be the first of every claim, and nobody else
    /// of its plugin would have a turn. It costs no attempt, keeps its place in its order, and is tried again: the key
    /// that it lacks may come back, and another node may have it. The log has it once, its error from then on.
    async fn put_off(conn: &mut <Db as Database>::Connection, unreadable: &Unreadable) -> StoreResult<()> {
        let Unreadable {
            delivery,
            error,
            told,
        } = unreadable;
        let says = unreadable_error(error);
        if told.as_deref() != Some(says.as_str()) {
            tracing::warn!(%delivery, %error, "a delivery cannot be read and is put off; it is tried again every five minutes");
        }
        sql::<Db>("UPDATE deliveries SET state = 'deferred', last_error = ")
            .push_bind(says)
            .push(", due_at = ")
            .push(Db::NOW)
            .push(" + ")
            .push_bind(lease_millis(UNREADABLE_PAUSE))
            .push(" WHERE id = ")
            .push_bind(delivery.clone())
            .build()
            .execute(&mut *conn)
            .await?;
        Ok(())
    }

    /// This delivery with a fresh token, locked, if it waits and it is its turn.
    pub(super) async fn waiting_one(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        id: DeliveryId,
    ) -> StoreResult<Option<Claim>> {
        let row = waiting::<Db>("d.state IN ('pending', 'retrying', 'deferred') AND NOT d.waits_turn")
            .push(" AND d.id = ")
            .push_bind(id.to_string())
            .push(Db::LOCK_FREE)
            .build()
            .fetch_optional(&mut *conn)
            .await?;
        row.map(|row| claim_from(&row, seals)).transpose()
    }

    /// Lets the leases of every other node end now; how many there were.
    pub(super) async fn end_leases_but(
        conn: &mut <Db as Database>::Connection,
        node: NodeId,
    ) -> StoreResult<u64> {
        let done = sql::<Db>("UPDATE deliveries SET lease_until = ")
            .push(Db::NOW)
            .push(" WHERE state IN ('claimed', 'running') AND lease_node <> ")
            .push_bind(node.to_string())
            .build()
            .execute(&mut *conn)
            .await?;
        Ok(done.rows_affected())
    }

    /// Writes the leases of fresh claims.
    pub(super) async fn lease(
        conn: &mut <Db as Database>::Connection,
        claims: &[Claim],
        node: NodeId,
        lease: Duration,
    ) -> StoreResult<()> {
        for chunk in claims.chunks(Db::MAX_BINDS / 2 - 2) {
            sql::<Db>("WITH v (id, token) AS (")
                .push_values(chunk, |mut row, claim| {
                    row.push_bind(claim.delivery.to_string())
                        .push_bind(claim.token.to_string());
                })
                .push(") UPDATE deliveries SET state = 'claimed', started_at = NULL, lease_token = v.token, lease_node = ")
                .push_bind(node.to_string())
                .push(", lease_until = ")
                .push(Db::NOW)
                .push(" + ")
                .push_bind(lease_millis(lease))
                .push(" FROM v WHERE deliveries.id = v.id")
                .build()
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }

    /// Looks up and locks what a batch says it holds.
    pub(super) async fn held(
        conn: &mut <Db as Database>::Connection,
        claims: &[(DeliveryId, LeaseToken)],
    ) -> StoreResult<HeldBatch> {
        let mut found: HashMap<DeliveryId, Held> = HashMap::with_capacity(claims.len());
        // In order of id over all chunks: two batches never wait for each other in a circle.
        let mut ids: Vec<_> = claims.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        for chunk in ids.chunks(Db::MAX_BINDS) {
            let mut query =
                sql::<Db>("SELECT id, event_id, state, attempts, order_key, lease_token, lease_until - ");
            query
                .push(Db::NOW)
                .push(" AS left_ms FROM deliveries WHERE lease_token IS NOT NULL AND id IN ");
            Self::push_ids(&mut query, chunk);
            query.push(" ORDER BY id").push(Db::LOCK);
            for row in query.build().fetch_all(&mut *conn).await? {
                let held = held_from(&row)?;
                found.insert(held.id, held);
            }
        }
        let mut seen = HashSet::with_capacity(claims.len());
        let item = |(id, token): &(DeliveryId, LeaseToken)| {
            let held = found.get(id).filter(|held| held.token == *token)?;
            seen.insert(*id).then_some(*held)
        };
        Ok(HeldBatch(claims.iter().map(item).collect()))
    }

    /// Commits started marks, and the events' first step.
    pub(super) async fn start(conn: &mut <Db as Database>::Connection, rows: &[Held]) -> StoreResult<()> {
        let ids: Vec<_> = rows.iter().filter(|row| !row.started).map(|row| row.id).collect();
        for chunk in ids.chunks(Db::MAX_BINDS) {
            let mut query = sql::<Db>("UPDATE deliveries SET state = 'running', started_at = ");
            query.push(Db::NOW).push(" WHERE id IN ");
            Self::push_ids(&mut query, chunk);
            query.build().execute(&mut *conn).await?;
        }
        let events = Self::lock_events(conn, rows.iter().map(|row| row.event)).await?;
        for chunk in events.chunks(Db::MAX_BINDS) {
            let mut query =
                sql::<Db>("UPDATE events SET status = 'processing' WHERE status = 'pending' AND id IN ");
            Self::push_ids(&mut query, chunk);
            query.build().execute(&mut *conn).await?;
        }
        Ok(())
    }

    /// Sets new ends of leases.
    pub(super) async fn extend(
        conn: &mut <Db as Database>::Connection,
        rows: &[Held],
        lease: Duration,
    ) -> StoreResult<()> {
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        for chunk in ids.chunks(Db::MAX_BINDS - 1) {
            let mut query = sql::<Db>("UPDATE deliveries SET lease_until = ");
            query
                .push(Db::NOW)
                .push(" + ")
                .push_bind(lease_millis(lease))
                .push(" WHERE id IN ");
            Self::push_ids(&mut query, chunk);
            query.build().execute(&mut *conn).await?;
        }
        Ok(())
    }

    /// Makes claimed deliveries wait again, due now.
    pub(super) async fn give_back(
        conn: &mut <Db as Database>::Connection,
        ids: &[DeliveryId],
    ) -> StoreResult<()> {
        for chunk in ids.chunks(Db::MAX_BINDS) {
            let mut query = sql::<Db>(
                "UPDATE deliveries SET state = CASE WHEN attempts = 0 THEN 'pending' ELSE 'retrying' END, \
                 lease_token = NULL, lease_until = NULL, lease_node = NULL, due_at = ",
            );
            query.push(Db::NOW).push(" WHERE id IN ");
            Self::push_ids(&mut query, chunk);
            query.build().execute(&mut *conn).await?;
        }
        Ok(())
    }

    /// Each of these events once, in order, and locked in that order: two batches that touch the
    /// same events never wait for each other in a circle.
    pub(super) async fn lock_events(
        conn: &mut <Db as Database>::Connection,
        events: impl Iterator<Item = EventId> + Send,
    ) -> StoreResult<Vec<EventId>> {
        let mut ids: Vec<_> = events.collect();
        ids.sort_unstable();
        ids.dedup();
        // SQLite has one writer: there is nothing to lock.
        if !Db::LOCK.is_empty() {
            for chunk in ids.chunks(Db::MAX_BINDS) {
                let mut query = sql::<Db>("SELECT id FROM events WHERE id IN ");
                Self::push_ids(&mut query, chunk);
                query.push(" ORDER BY id").push(Db::LOCK);
                query.build().execute(&mut *conn).await?;
            }
        }
        Ok(ids)
    }

    /// Adds a list of ids in brackets.
    pub(super) fn push_ids<I: ToString>(query: &mut sqlx::QueryBuilder<Db>, ids: &[I]) {
        query.push("(");
        let mut list = query.separated(", ");
        for id in ids {
            list.push_bind(id.to_string());
        }
        query.push(")");
    }
}

/// How long a delivery waits that cannot be read: each try reads a body for nothing.
const UNREADABLE_PAUSE: Duration = Duration::from_mins(5);

/// A delivery that is due and cannot be read here.
struct Unreadable {
    /// Its id as it is stored.
    delivery: String,
    error: StoreError,
    /// Its last error.
    told: Option<String>,
}

impl Unreadable {
    fn of(row: &impl Columns, error: StoreError) -> StoreResult<Self> {
        Ok(Self {
            delivery: row.text("delivery_id")?,
            error,
            told: row.text_opt("last_error")?,
        })
    }
}

/// The last error of a delivery that cannot be read. Without the reason: a sender may see it, and it may be about keys.
fn unreadable_error(error: &StoreError) -> String {
    let what = match error {
        StoreError::Sealed { table, column, .. } => {
            format!("{table}.{column} is sealed and cannot be opened")
        }
        StoreError::Corrupt { table, column, .. } => format!("{table}.{column} holds an unreadable value"),
        _ => "the database does not give it".to_owned(),
    };
    format!("it cannot be read, so it waits ({what}; the log of the node that tried says why)")
}

/// The two kinds of waiting deliveries. They wait apart, so that neither starves the other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tries {
    /// Never tried.
    First,
    Later,
}

impl Tries {
    /// Of deliveries `d`: the condition of the kind's index (`deliveries_first`, `deliveries_again`).
    pub const fn condition(self) -> &'static str {
        match self {
            Self::First => "d.state = 'pending' AND NOT d.waits_turn",
            Self::Later => "d.state IN ('retrying', 'deferred')",
        }
    }
}

/// The beginning of a claim: deliveries `d` under a condition with their events `e`.
fn waiting<Db: Dialect>(condition: &str) -> sqlx::QueryBuilder<Db>
where
    Db::Arguments: Default,
{
    let mut query =
        sql::<Db>("SELECT d.id AS delivery_id, d.plugin, d.attempts, d.created_at, d.alone, d.last_error, ");
    query.push(EVENT_COLUMNS);
    query.push(" FROM deliveries d JOIN events e ON e.id = d.event_id WHERE ");
    query.push(condition);
    query
}

fn claim_from(row: &impl Columns, seals: &Seals) -> StoreResult<Claim> {
    let event = event_from(row, seals)?;
    let row = RowReader::new(row, "deliveries", "delivery_id");
    Ok(Claim {
        delivery: row.parsed("delivery_id")?,
        plugin: row.parsed("plugin")?,
        attempts: row.number("attempts")?,
        token: LeaseToken::generate(),
        created_at: row.moment("created_at")?,
        alone: row.flag("alone")?,
        event,
    })
}

fn held_from(row: &impl Columns) -> StoreResult<Held> {
    let ended = row.integer("left_ms")? <= 0;
    let row = RowReader::new(row, "deliveries", "id");
    Ok(Held {
        id: row.parsed("id")?,
        event: row.parsed("event_id")?,
        attempts: row.number("attempts")?,
        token: row.parsed("lease_token")?,
        ordered: row.text_opt("order_key")?.is_some(),
        started: row.parsed::<DeliveryState>("state")? == DeliveryState::Running,
        ended,
    })
}
