//! Sealing rows anew: under another key, for the first time, or not at all any more.

use async_trait::async_trait;
use sqlx::{Postgres, QueryBuilder, Sqlite};
use trait_gen::trait_gen;

use super::dialect::Dialect as _;
use super::events::{EVENT_COLUMNS, event_from};
use super::history::texts_from;
use super::rejected::{REJECTED_COLUMNS, whole_from};
use super::rows::RowReader;
use super::seals::Seals;
use super::sql::{SqlStore, sql};
use super::{Place, Resealed, SealStore, Sealer, StoreResult};
use crate::domain::id::{AttemptId, RejectedId};

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl SealStore for SqlStore<Db> {
    fn seal_with(&self, sealer: std::sync::Arc<dyn Sealer>) {
        self.seals.set(sealer);
    }

    async fn reseal_events(&self, after: Option<Place>, limit: u32) -> StoreResult<Resealed<Place>> {
        // Read and written in one transaction: a redaction in between must not be undone.
        let mut tx = self.begin().await?;
        let mut query = sql::<Db>("SELECT ");
        query.push(EVENT_COLUMNS).push(" FROM events e WHERE ");
        Self::push_other_key(&mut query, &self.seals);
        if let Some(after) = after {
            query.push(" AND ");
            Self::push_place(&mut query, ">", after);
        }
        query
            .push(" ORDER BY e.received_at, e.id LIMIT ")
            .push_bind(i64::from(limit));
        query.push(Db::LOCK);
        let rows = query.build().fetch_all(&mut *tx).await?;
        let mut last = None;
        for row in &rows {
            let event = event_from(row, &self.seals)?;
            let sealed = self.seals.event(event.id, &event.headers, &event.body)?;
            sqlx::query("UPDATE events SET headers = $2, body = $3, key_id = $4 WHERE id = $1")
                .bind(event.id.to_string())
                .bind(sealed.headers.into_owned())
                .bind(sealed.body.into_owned())
                .bind(sealed.key_id)
                .execute(&mut *tx)
                .await?;
            last = Some(Place {
                at: event.received_at,
                id: event.id,
            });
        }
        tx.commit().await?;
        Ok(Resealed {
            rows: u64::try_from(rows.len()).unwrap_or(u64::MAX),
            last,
        })
    }

    async fn reseal_attempts(
        &self,
        after: Option<AttemptId>,
        limit: u32,
    ) -> StoreResult<Resealed<AttemptId>> {
        let mut tx = self.begin().await?;
        let mut query = sql::<Db>("SELECT e.id, e.output, e.logs, e.calls, e.key_id FROM attempts e WHERE ");
        Self::push_other_key(&mut query, &self.seals);
        if let Some(after) = after {
            query.push(" AND e.id > ").push_bind(after.to_string());
        }
        query.push(" ORDER BY e.id LIMIT ").push_bind(i64::from(limit));
        query.push(Db::LOCK);
        let rows = query.build().fetch_all(&mut *tx).await?;
        let mut last = None;
        for row in &rows {
            let row = RowReader::new(row, "attempts", "id");
            let id = row.parsed("id")?;
            let key_id = row.text_opt("key_id")?;
            let clear = self
                .seals
                .open_attempt(id, key_id.as_deref(), texts_from(&row)?)?;
            let (texts, key_id) = self.seals.attempt(id, clear)?;
            sqlx::query("UPDATE attempts SET output = $2, logs = $3, calls = $4, key_id = $5 WHERE id = $1")
                .bind(id.to_string())
                .bind(texts.output)
                .bind(texts.logs)
                .bind(texts.calls)
                .bind(key_id)
                .execute(&mut *tx)
                .await?;
            last = Some(id);
        }
        tx.commit().await?;
        Ok(Resealed {
            rows: u64::try_from(rows.len()).unwrap_or(u64::MAX),
            last,
        })
    }

    async fn reseal_rejected(
        &self,
        after: Option<RejectedId>,
        limit: u32,
    ) -> StoreResult<Resealed<RejectedId>> {
        let mut tx = self.begin().await?;
        let mut query = sql::<Db>("SELECT body, ");
        query
            .push(REJECTED_COLUMNS)
            .push(" FROM rejected_requests e WHERE ");
        Self::push_other_key(&mut query, &self.seals);
        if let Some(after) = after {
            query.push(" AND e.id > ").push_bind(after.to_string());
        }
        query.push(" ORDER BY e.id LIMIT ").push_bind(i64::from(limit));
        query.push(Db::LOCK);
        let rows = query.build().fetch_all(&mut *tx).await?;
        let mut last = None;
        for row in &rows {
            let request = whole_from(row, &self.seals)?;
            let body = request.body.as_deref().unwrap_or_default();
            let sealed = self.seals.rejected(request.id, &request.headers, body)?;
            sqlx::query("UPDATE rejected_requests SET headers = $2, body = $3, key_id = $4 WHERE id = $1")
                .bind(request.id.to_string())
                .bind(sealed.headers.into_owned())
                .bind(request.body.as_ref().map(|_| sealed.body.into_owned()))
                .bind(sealed.key_id)
                .execute(&mut *tx)
                .await?;
            last = Some(request.id);
        }
        tx.commit().await?;
        Ok(Resealed {
            rows: u64::try_from(rows.len()).unwrap_or(u64::MAX),
            last,
        })
    }

    async fn count_unresealed(&self) -> StoreResult<u64> {
        let mut left = 0;
        for table in ["events", "attempts", "rejected_requests"] {
            let mut query = sql::<Db>("SELECT COUNT(*) FROM ");
            query.push(table).push(" e WHERE ");
            Self::push_other_key(&mut query, &self.seals);
            let count: i64 = query.build_query_scalar().fetch_one(&self.reader).await?;
            left += u64::try_from(count).unwrap_or(0);
        }
        Ok(left)
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Adds "is not stored as it is to be stored now".
    fn push_other_key(query: &mut QueryBuilder<Db>, seals: &Seals) {
        match seals.key_id() {
            None => {
                query.push("e.key_id IS NOT NULL");
            }
            Some(key_id) => {
                query
                    .push("(e.key_id IS NULL OR e.key_id <> ")
                    .push_bind(key_id)
                    .push(")");
            }
        }
    }
}
