//! What was taken over from the service before.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::{Postgres, Sqlite};
use trait_gen::trait_gen;
use uuid::Uuid;

use super::dialect::Dialect as _;
use super::rows::RowReader;
use super::sql::{SqlStore, sql};
use super::{ImportStore, StoreResult};

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl ImportStore for SqlStore<Db> {
    async fn imported_digests(&self, ids: &[Uuid]) -> StoreResult<HashMap<Uuid, String>> {
        let mut digests = HashMap::new();
        for chunk in ids.chunks(Db::MAX_BINDS) {
            let mut query = sql::<Db>("SELECT id, digest FROM imported_rows WHERE id IN (");
            let mut list = query.separated(", ");
            for id in chunk {
                list.push_bind(id.to_string());
            }
            let rows = query.push(")").build().fetch_all(&self.reader).await?;
            for row in &rows {
                let row = RowReader::new(row, "imported_rows", "id");
                digests.insert(row.parsed("id")?, row.text("digest")?);
            }
        }
        Ok(digests)
    }

    async fn note_imported(&self, id: Uuid, digest: &str) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO imported_rows (id, digest) VALUES ($1, $2) \
             ON CONFLICT (id) DO UPDATE SET digest = excluded.digest",
        )
        .bind(id.to_string())
        .bind(digest)
        .execute(&self.writer)
        .await?;
        Ok(())
    }
}
