//! Claims: which deliveries a lane gets next. Their leases are in [`super::leases`].

use std::time::Duration;

use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::dialect::Dialect;
use super::events::{EVENT_COLUMNS, event_from};
use super::leases::lease_millis;
use super::rows::{Columns, RowReader};
use super::seals::Seals;
use super::sql::{SqlStore, sql};
use super::{StoreError, StoreResult};
use crate::domain::delivery::Claim;
use crate::domain::id::{DeliveryId, LeaseToken};
use crate::domain::plugin::PluginName;

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
