//! Events that another service had received.

use std::collections::HashMap;

use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::dialect::Dialect as _;
use super::rows::RowReader;
use super::seals::Seals;
use super::sql::{SqlStore, sql};
use super::words::{clean, clean_opt};
use crate::domain::event::{EventKind, EventStatus, KnownPast, NewEvent, PastEvent};
use crate::domain::id::EventId;
use crate::domain::time::Timestamp;

/// Bind parameters of one event in its INSERT.
const PAST_BINDS: usize = 13;

/// The condition for [`KnownPast::LeftUndone`]: an event that failed here has deliveries, and one that the other
/// service dealt with has the moment.
fn left_undone(table: &str) -> String {
    format!(
        "{table}.status = '{}' AND {table}.processed_at IS NULL AND \
         NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = {table}.id)",
        EventStatus::Failed.as_str()
    )
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    pub(super) async fn insert_imported(&self, events: &[PastEvent]) -> StoreResult<u64> {
        let mut tx = self.begin().await?;
        let sources = events
            .iter()
            .map(|event| (event.source.as_str(), event.received_at));
        Self::note_sources(&mut tx, sources).await?;
        let mut new = 0;
        for chunk in events.chunks(Db::MAX_BINDS / PAST_BINDS) {
            new += Self::insert_past(&mut tx, &self.seals, chunk).await?;
        }
        tx.commit().await?;
        Ok(new)
    }

    pub(super) async fn insert_taken_over(&self, events: &[NewEvent]) -> StoreResult<u64> {
        let mut tx = self.begin().await?;
        let ids: Vec<_> = events.iter().map(|event| event.id).collect();
        for chunk in ids.chunks(Db::MAX_BINDS) {
            let mut gone = sql::<Db>("DELETE FROM events WHERE ");
            gone.push(left_undone("events")).push(" AND id IN (");
            let mut list = gone.separated(", ");
            for id in chunk {
                list.push_bind(id.to_string());
            }
            gone.push(")").build().execute(&mut *tx).await?;
        }
        let stay = Self::known_of(&mut tx, &ids).await?;
        let open: Vec<_> = events
            .iter()
            .filter(|event| !stay.contains_key(&event.id))
            .cloned()
            .collect();
        Self::insert_accepted(&mut tx, &self.seals, &open).await?;
        tx.commit().await?;
        Ok(u64::try_from(open.len()).unwrap_or(u64::MAX))
    }

    pub(super) async fn find_known(&self, ids: &[EventId]) -> StoreResult<HashMap<EventId, KnownPast>> {
        let mut reader = self.reader.acquire().await?;
        Self::known_of(&mut reader, ids).await
    }

    async fn known_of(
        conn: &mut <Db as Database>::Connection,
        ids: &[EventId],
    ) -> StoreResult<HashMap<EventId, KnownPast>> {
        let mut known = HashMap::new();
        for chunk in ids.chunks(Db::MAX_BINDS) {
            let mut query = sql::<Db>("SELECT e.id, CASE WHEN ");
            query
                .push(left_undone("e"))
                .push(" THEN 'undone' ELSE 'done' END AS past FROM events e WHERE e.id IN (");
            let mut list = query.separated(", ");
            for id in chunk {
                list.push_bind(id.to_string());
            }
            let rows = query.push(")").build().fetch_all(&mut *conn).await?;
            for row in &rows {
                let row = RowReader::new(row, "events", "id");
                let past = match row.text("past")?.as_str() {
                    "undone" => KnownPast::LeftUndone,
                    _ => KnownPast::Done,
                };
                known.insert(row.parsed("id")?, past);
            }
        }
        Ok(known)
    }

    async fn insert_past(
        conn: &mut <Db as Database>::Connection,
        seals: &Seals,
        events: &[PastEvent],
    ) -> StoreResult<u64> {
        let mut rows = Vec::with_capacity(events.len());
        for event in events {
            rows.push((event, seals.event(event.id, &[], &event.body)?));
        }
        let done = sql::<Db>(
            "INSERT INTO events (id, kind, source, event_type, headers, content_type, body, received_at, \
             processed_at, status, error_message, key_id, open_deliveries, failed_deliveries) ",
        )
        .push_values(rows, |mut row, (event, sealed)| {
            row.push_bind(event.id.to_string())
                .push_bind(EventKind::Webhook.as_str())
                .push_bind(clean(&event.source).as_ref())
                .push_bind(clean(&event.event_type).as_ref())
                .push_bind(sealed.headers.into_owned())
                .push_bind(clean(&event.content_type).as_ref())
                .push_bind(&*sealed.body)
                .push_bind(event.received_at.as_millis())
                .push_bind(event.processed_at.map(Timestamp::as_millis))
                .push_bind(event.status.as_str())
                .push_bind(clean_opt(event.error_message.as_deref()))
                .push_bind(sealed.key_id)
                .push("0")
                .push_bind(i64::from(event.status == EventStatus::Failed));
        })
        .push(
            " ON CONFLICT (id) DO UPDATE SET status = excluded.status, \
             processed_at = excluded.processed_at, error_message = excluded.error_message, \
             failed_deliveries = excluded.failed_deliveries WHERE excluded.processed_at IS NOT NULL AND ",
        )
        .push(left_undone("events"))
        .build()
        .execute(&mut *conn)
        .await?;
        Ok(done.rows_affected())
    }
}
