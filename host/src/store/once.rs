//! Keys under which an event is taken once.
//!
//! A key is taken in the transaction that stores its event, by an INSERT that a second one cannot do: on
//! PostgreSQL it waits for the first one's commit. A key that has expired is taken over.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::{Database, Postgres, QueryBuilder, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::dialect::Dialect as _;
use super::events::first_status;
use super::rows::{Columns, RowReader};
use super::sql::{SqlStore, sql};
use super::words::clean;
use crate::domain::event::{Acceptance, Accepted, EventStatus, NewEvent, OnceKey};
use crate::domain::id::EventId;
use crate::domain::time::Timestamp;

/// Keys under which an event is taken once. [`EventStore::accept_events`](super::EventStore::accept_events)
/// writes them.
#[async_trait]
pub trait OnceStore: Send + Sync {
    /// Who holds this key now.
    async fn once(&self, key: &OnceKey, now: Timestamp) -> StoreResult<Option<KeyHolder>>;
    /// Removes keys that expired at `before` or earlier, at most `limit`; how many went.
    async fn purge_once(&self, before: Timestamp, limit: u32) -> StoreResult<u64>;
}

/// The event that holds a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHolder {
    pub event: EventId,
    /// Whether it was sent with the same as what asks for the key.
    pub same: bool,
}

/// Bind parameters of one key in its INSERT.
const KEY_BINDS: usize = 7;

/// A key as the database names it: scope and key.
type Name = (String, String);

/// Who holds a key.
#[derive(Clone, Debug)]
struct Holder {
    event: EventId,
    status: EventStatus,
    digest: Option<String>,
}

impl Holder {
    fn new(event: &NewEvent, once: &OnceKey) -> Self {
        Self {
            event: event.id,
            status: first_status(event),
            digest: once.digest.clone(),
        }
    }

    /// What an event with this key is told.
    fn answer(&self, event: &NewEvent, once: &OnceKey) -> Accepted {
        let kind = if self.event == event.id {
            Acceptance::New
        } else if self.digest == once.digest {
            Acceptance::Duplicate
        } else {
            Acceptance::OtherBody
        };
        Accepted {
            id: self.event,
            status: self.status,
            kind,
        }
    }
}

fn name(once: &OnceKey) -> Name {
    (clean(&once.scope).into_owned(), clean(&once.key).into_owned())
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl OnceStore for SqlStore<Db> {
    async fn once(&self, key: &OnceKey, now: Timestamp) -> StoreResult<Option<KeyHolder>> {
        let mut query =
            sql::<Db>("SELECT scope, once_key, event_id, status, digest FROM once_keys WHERE expires_at > ");
        query.push_bind(now.as_millis()).push(" AND ");
        Self::push_names(&mut query, &[&name(key)]);
        let row = query.build().fetch_optional(&self.reader).await?;
        Ok(row
            .as_ref()
            .map(holder_from)
            .transpose()?
            .map(|(_, holder)| KeyHolder {
                event: holder.event,
                same: holder.digest == key.digest,
            }))
    }

    async fn purge_once(&self, before: Timestamp, limit: u32) -> StoreResult<u64> {
        let done = sqlx::query(
            "DELETE FROM once_keys WHERE (scope, once_key) IN \
             (SELECT scope, once_key FROM once_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
        )
        .bind(before.as_millis())
        .bind(i64::from(limit))
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected())
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Takes the keys of these events, within the caller's transaction. An answer for each event: that it
    /// is new and must be stored, or which one holds its key.
    pub(super) async fn take_once(
        conn: &mut <Db as Database>::Connection,
        events: &[NewEvent],
    ) -> StoreResult<Vec<Accepted>> {
        // The first event of each key asks for it. In order of name, so that two transactions with the same
        // keys cannot wait for each other in a circle.
        let mut asking: BTreeMap<Name, (&NewEvent, &OnceKey)> = BTreeMap::new();
        for event in events {
            if let Some(once) = &event.once {
                asking.entry(name(once)).or_insert((event, once));
            }
        }
        let mut holders = BTreeMap::new();
        let asking: Vec<_> = asking.into_iter().collect();
        for chunk in asking.chunks(Db::MAX_BINDS / KEY_BINDS) {
            Self::take_names(conn, chunk, &mut holders).await?;
        }
        Ok(events
            .iter()
            .map(|event| {
                let once = event.once.as_ref();
                let held = once.and_then(|once| Some((holders.get(&name(once))?, once)));
                match held {
                    Some((holder, once)) => holder.answer(event, once),
                    None => Accepted {
                        id: event.id,
                        status: first_status(event),
                        kind: Acceptance::New,
                    },
                }
            })
            .collect())
    }

    async fn take_names(
        conn: &mut <Db as Database>::Connection,
        asking: &[(Name, (&NewEvent, &OnceKey))],
        holders: &mut BTreeMap<Name, Holder>,
    ) -> StoreResult<()> {
        let mut insert = sql::<Db>(
            "INSERT INTO once_keys (scope, once_key, event_id, status, digest, seen_at, expires_at) ",
        );
        insert.push_values(asking, |mut row, ((scope, key), (event, once))| {
            row.push_bind(scope.as_str())
                .push_bind(key.as_str())
                .push_bind(event.id.to_string())
                .push_bind(first_status(event).as_str())
                .push_bind(once.digest.as_deref())
                .push_bind(event.received_at.as_millis())
                .push_bind(once.expires_at.as_millis());
        });
        insert.push(
            " ON CONFLICT (scope, once_key) DO UPDATE SET event_id = excluded.event_id, \
             status = excluded.status, digest = excluded.digest, seen_at = excluded.seen_at, \
             expires_at = excluded.expires_at WHERE once_keys.expires_at <= excluded.seen_at",
        );
        let done = insert.build().execute(&mut *conn).await?;
        if done.rows_affected() == asking.len() as u64 {
            for (name, (event, once)) in asking {
                holders.insert(name.clone(), Holder::new(event, once));
            }
            return Ok(());
        }
        let names: Vec<_> = asking.iter().map(|(name, _)| name).collect();
        let mut query = sql::<Db>("SELECT scope, once_key, event_id, status, digest FROM once_keys WHERE ");
        Self::push_names(&mut query, &names);
        for row in &query.build().fetch_all(&mut *conn).await? {
            let (name, holder) = holder_from(row)?;
            holders.insert(name, holder);
        }
        Ok(())
    }

    fn push_names(query: &mut QueryBuilder<Db>, names: &[&Name]) {
        query.push("(scope, once_key) IN (");
        query.push_values(names, |mut row, (scope, key)| {
            row.push_bind(scope.as_str()).push_bind(key.as_str());
        });
        query.push(")");
    }
}

fn holder_from(row: &impl Columns) -> StoreResult<(Name, Holder)> {
    let row = RowReader::new(row, "once_keys", "once_key");
    let holder = Holder {
        event: row.parsed("event_id")?,
        status: row.parsed("status")?,
        digest: row.text_opt("digest")?,
    };
    Ok(((row.text("scope")?, row.text("once_key")?), holder))
}
