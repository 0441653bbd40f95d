//! What goes with age: events that are finished, values in bodies, old entries of logs.
//!
//! What to take is looked for with the readers, oldest first; what is taken is checked again in the statement that
//! takes it, since a person may have asked for a replay in between. The events are locked before it: PostgreSQL's
//! statements see what was committed when they began, and one that waits for a replay must not miss it.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Postgres, QueryBuilder, Sqlite};
use trait_gen::trait_gen;

use super::dialect::Dialect;
use super::events::{EVENT_COLUMNS, listed_from};
use super::rows::{Columns, RowReader};
use super::sql::{SqlStore, sql};
use super::words::{clean, int};
use super::{Place, Purge, RedactedEvent, RetentionStore, StoreResult};
use crate::domain::event::{EventFilter, ListedEvent};
use crate::domain::id::EventId;
use crate::domain::retention::Scope;
use crate::domain::time::Timestamp;

/// An event that may still be delivered has such a delivery. One that is held for a person is over.
const STILL_OPEN: &str = "EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id \
     AND d.state IN ('pending', 'claimed', 'running', 'retrying', 'deferred'))";

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl RetentionStore for SqlStore<Db> {
    async fn events_after(
        &self,
        filter: &EventFilter,
        after: Option<Place>,
        limit: u32,
    ) -> StoreResult<Vec<ListedEvent>> {
        let mut list = sql::<Db>("SELECT ");
        list.push(EVENT_COLUMNS).push(" FROM events e");
        Self::push_filter(&mut list, filter);
        if let Some(after) = after {
            list.push(" AND ");
            Self::push_place(&mut list, ">", after);
        }
        list.push(" ORDER BY e.received_at, e.id LIMIT ")
            .push_bind(i64::from(limit));
        let rows = list.build().fetch_all(&self.reader).await?;
        rows.iter().map(|row| listed_from(row, &self.seals)).collect()
    }

    async fn event_beyond(&self, scope: &Scope, keep: u64) -> StoreResult<Option<Place>> {
        let mut query = sql::<Db>("SELECT e.id, e.received_at FROM events e WHERE ");
        Self::push_scope(&mut query, scope);
        query
            .push(" ORDER BY e.received_at DESC, e.id DESC LIMIT 1 OFFSET ")
            .push_bind(int(keep));
        let row = query.build().fetch_optional(&self.reader).await?;
        row.as_ref().map(place_from).transpose()
    }

    async fn purgeable_events(
        &self,
        purge: &Purge,
        after: Option<Place>,
        limit: u32,
    ) -> StoreResult<Vec<Place>> {
        let mut query = sql::<Db>("SELECT e.id, e.received_at FROM events e WHERE ");
        if !Self::push_purge(&mut query, purge) {
            return Ok(Vec::new());
        }
        if let Some(after) = after {
            query.push(" AND ");
            Self::push_place(&mut query, ">", after);
        }
        query
            .push(" ORDER BY e.received_at, e.id LIMIT ")
            .push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&self.reader).await?;
        rows.iter().map(place_from).collect()
    }

    async fn count_purgeable(&self, purge: &Purge) -> StoreResult<u64> {
        let mut query = sql::<Db>("SELECT COUNT(*) FROM events e WHERE ");
        if !Self::push_purge(&mut query, purge) {
            return Ok(0);
        }
        let count: i64 = query.build_query_scalar().fetch_one(&self.reader).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn purge_events(&self, purge: &Purge, ids: &[EventId]) -> StoreResult<u64> {
        let mut purged = 0;
        for chunk in ids.chunks(Db::MAX_BINDS / 2) {
            let mut query = sql::<Db>("DELETE FROM events AS e WHERE e.id IN ");
            Self::push_ids(&mut query, chunk);
            query.push(" AND ");
            if !Self::push_purge(&mut query, purge) {
                continue;
            }
            let mut tx = self.begin().await?;
            let Some(keys) = Self::hold_events(&mut tx, chunk).await? else {
                continue;
            };
            purged += query.build().execute(&mut *tx).await?.rows_affected();
            Self::pass_turns_of(&mut tx, &keys).await?;
            tx.commit().await?;
        }
        Ok(purged)
    }

    async fn redactable_events(
        &self,
        scope: &Scope,
        rule: &str,
        before: Timestamp,
        after: Option<Place>,
        limit: u32,
    ) -> StoreResult<Vec<ListedEvent>> {
        let mut query = sql::<Db>("SELECT ");
        query.push(EVENT_COLUMNS).push(" FROM events e WHERE ");
        Self::push_unredacted(&mut query, scope, rule, before, after);
        query.push(" AND NOT ").push(STILL_OPEN);
        query
            .push(" ORDER BY e.received_at, e.id LIMIT ")
            .push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&self.reader).await?;
        rows.iter().map(|row| listed_from(row, &self.seals)).collect()
    }

    async fn first_unredacted(
        &self,
        scope: &Scope,
        rule: &str,
        before: Timestamp,
        after: Option<Place>,
    ) -> StoreResult<Option<Place>> {
        let mut query = sql::<Db>("SELECT e.id, e.received_at FROM events e WHERE ");
        Self::push_unredacted(&mut query, scope, rule, before, after);
        query.push(" ORDER BY e.received_at, e.id LIMIT 1");
        let row = query.build().fetch_optional(&self.reader).await?;
        row.as_ref().map(place_from).transpose()
    }

    async fn redact_events(&self, rule: &str, events: &[RedactedEvent]) -> StoreResult<u64> {
        let mut tx = self.begin().await?;
        // Before the statements that look at deliveries: so each sees the replays that were made until then.
        Self::lock_events(&mut tx, events.iter().map(|event| event.id)).await?;
        let mut done = 0;
        for event in events {
            let mut query = sql::<Db>("UPDATE events AS e SET redact_rule = ");
            query.push_bind(rule.to_owned());
            if let Some(content) = &event.content {
                let sealed = self.seals.event(event.id, &content.headers, &content.body)?;
                query.push(", headers = ").push_bind(sealed.headers.into_owned());
                query.push(", body = ").push_bind(sealed.body.into_owned());
                query.push(", key_id = ").push_bind(sealed.key_id);
                let (start, end) = content
                    .payload
                    .clone()
                    .map(|range| (range.start, range.end))
                    .unzip();
                query.push(", payload_start = ").push_bind(start.map(int));
                query.push(", payload_end = ").push_bind(end.map(int));
                query
                    .push(", redacted = ")
                    .push_bind(serde_json::json!(content.redacted).to_string());
            }
            query.push(" WHERE e.id = ").push_bind(event.id.to_string());
            Self::push_other_rule(&mut query, rule);
            query.push(" AND NOT ").push(STILL_OPEN);
            done += query.build().execute(&mut *tx).await?.rows_affected();
        }
        tx.commit().await?;
        Ok(done)
    }

    async fn purge_audit(&self, before: Timestamp, limit: u32) -> StoreResult<u64> {
        let done = sqlx::query(
            "DELETE FROM audit_log WHERE id IN \
             (SELECT id FROM audit_log WHERE at < $1 ORDER BY at, id LIMIT $2)",
        )
        .bind(before.as_millis())
        .bind(i64::from(limit))
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected())
    }

    async fn purge_schedule_runs(&self, before: Timestamp, limit: u32) -> StoreResult<u64> {
        let done = sqlx::query(
            "DELETE FROM schedule_runs WHERE (plugin, schedule, planned_at) IN \
             (SELECT plugin, schedule, planned_at FROM schedule_runs WHERE recorded_at < $1 \
              ORDER BY recorded_at LIMIT $2)",
        )
        .bind(before.as_millis())
        .bind(i64::from(limit))
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected())
    }

    async fn reclaim(&self, pages: u32) -> StoreResult<u64> {
        let Some((reclaim, free)) = Db::RECLAIM else {
            return Ok(0);
        };
        let before: i64 = sqlx::query_scalar(free).fetch_one(&self.writer).await?;
        let statement = AssertSqlSafe(format!("{reclaim}({pages})"));
        sqlx::raw_sql(statement).execute(&self.writer).await?;
        let after: i64 = sqlx::query_scalar(free).fetch_one(&self.writer).await?;
        Ok(u64::try_from(before - after).unwrap_or(0))
    }

    async fn vacuum(&self) -> StoreResult<()> {
        for statement in Db::VACUUM {
            sqlx::raw_sql(*statement).execute(&self.writer).await?;
        }
        Ok(())
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    fn push_scope(query: &mut QueryBuilder<Db>, scope: &Scope) {
        match scope {
            Scope::Source(name) => {
                query.push("e.source = ").push_bind(clean(name).into_owned());
            }
            Scope::Others(named) if named.is_empty() => {
                query.push("1 = 1");
            }
            Scope::Others(named) => {
                let sources: Vec<_> = named.iter().map(|name| clean(name)).collect();
                query.push("e.source NOT IN ");
                Self::push_ids(query, &sources);
            }
        }
    }

    /// Adds what makes an event one to be purged; whether any can be.
    fn push_purge(query: &mut QueryBuilder<Db>, purge: &Purge) -> bool {
        // One bound over both, for the index.
        let Some(latest) = purge.processed.max(purge.failed) else {
            return false;
        };
        Self::push_scope(query, &purge.scope);
        query.push(" AND ");
        Self::push_place(query, "<=", latest);
        query.push(" AND (1 = 0");
        if let Some(place) = purge.processed {
            query.push(" OR (e.status = 'processed' AND ");
            Self::push_place(query, "<=", place);
            query.push(")");
        }
        if let Some(place) = purge.failed {
            query.push(" OR (e.status <> 'processed' AND ");
            Self::push_place(query, "<=", place);
            query.push(" AND NOT ").push(STILL_OPEN).push(")");
        }
        query.push(")");
        true
    }

    pub(super) fn push_place(query: &mut QueryBuilder<Db>, compared: &'static str, place: Place) {
        query
            .push("(e.received_at, e.id) ")
            .push(compared)
            .push(" (")
            .push_bind(place.at.as_millis())
            .push(", ")
            .push_bind(place.id.to_string())
            .push(")");
    }

    fn push_unredacted(
        query: &mut QueryBuilder<Db>,
        scope: &Scope,
        rule: &str,
        before: Timestamp,
        after: Option<Place>,
    ) {
        Self::push_scope(query, scope);
        Self::push_other_rule(query, rule);
        query.push(" AND e.received_at < ").push_bind(before.as_millis());
        if let Some(after) = after {
            query.push(" AND ");
            Self::push_place(query, ">", after);
        }
    }

    fn push_other_rule(query: &mut QueryBuilder<Db>, rule: &str) {
        query
            .push(" AND (e.redact_rule IS NULL OR e.redact_rule <> ")
            .push_bind(rule.to_owned())
            .push(")");
    }
}

fn place_from(row: &impl Columns) -> StoreResult<Place> {
    let row = RowReader::new(row, "events", "id");
    Ok(Place {
        at: row.moment("received_at")?,
        id: row.parsed("id")?,
    })
}
