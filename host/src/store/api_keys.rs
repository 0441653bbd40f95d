//! API keys. What is stored of a key is its id and a digest.

use async_trait::async_trait;
use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::dialect::Dialect as _;
use super::rows::{Columns, RowReader};
use super::sql::{SqlStore, sql};
use super::words::clean;
use super::{ApiKeyStore, FoundKey, StoreResult};
use crate::domain::api_key::{ApiKey, ApiKeyId, NewApiKey, RevokedKey, SourceScope};
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;

const KEY_COLUMNS: &str = "id, digest, name, owner_id, sources, rate, created_at, created_by, expires_at, \
     revoked_at, revoked_by, last_used_at";

/// Bind parameters of one key in the UPDATE of their last use.
const USE_BINDS: usize = 2;

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl ApiKeyStore for SqlStore<Db> {
    async fn create_api_key(&self, new: &NewApiKey) -> StoreResult<bool> {
        let key = &new.key;
        let sources: Vec<&str> = key.sources.globs().collect();
        let done = sqlx::query(
            "INSERT INTO api_keys (id, digest, name, owner_id, sources, rate, created_at, created_by, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING",
        )
        .bind(key.id.as_str())
        .bind(new.digest.to_vec())
        .bind(clean(&key.name).into_owned())
        .bind(key.owner.to_string())
        .bind(serde_json::json!(sources).to_string())
        .bind(key.rate.map(|rate| rate.to_string()))
        .bind(key.created_at.as_millis())
        .bind(clean(&key.created_by).into_owned())
        .bind(key.expires_at.map(Timestamp::as_millis))
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn api_key(&self, id: &ApiKeyId) -> StoreResult<Option<FoundKey>> {
        let row = sql::<Db>("SELECT ")
            .push(KEY_COLUMNS)
            .push(" FROM api_keys WHERE id = ")
            .push_bind(id.as_str())
            .build()
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(found_from).transpose()
    }

    async fn api_keys(&self, page: PageRequest) -> StoreResult<Page<ApiKey>> {
        let key = |row: &<Db as Database>::Row| Ok(found_from(row)?.key);
        self.table_page(("api_keys", KEY_COLUMNS), "created_at DESC, id DESC", page, key)
            .await
    }

    async fn revoke_api_key(&self, id: &ApiKeyId, at: Timestamp, by: &str) -> StoreResult<RevokedKey> {
        let row = sql::<Db>("UPDATE api_keys SET revoked_at = ")
            .push_bind(at.as_millis())
            .push(", revoked_by = ")
            .push_bind(clean(by).into_owned())
            .push(" WHERE revoked_at IS NULL AND id = ")
            .push_bind(id.as_str())
            .push(" RETURNING ")
            .push(KEY_COLUMNS)
            .build()
            .fetch_optional(&self.writer)
            .await?;
        if let Some(row) = &row {
            return Ok(RevokedKey::Revoked(found_from(row)?.key));
        }
        let there = self.api_key(id).await?;
        Ok(there.map_or(RevokedKey::Missing, |found| RevokedKey::Already(found.key)))
    }

    async fn note_keys_used(&self, uses: &[(ApiKeyId, Timestamp)]) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        for chunk in uses.chunks(Db::MAX_BINDS / USE_BINDS) {
            sql::<Db>("WITH v (id, at) AS (")
                .push_values(chunk, |mut row, (id, at)| {
                    row.push_bind(id.as_str()).push_bind(at.as_millis());
                })
                .push(
                    ") UPDATE api_keys SET last_used_at = v.at FROM v WHERE api_keys.id = v.id \
                     AND (api_keys.last_used_at IS NULL OR api_keys.last_used_at < v.at)",
                )
                .build()
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

fn found_from(row: &impl Columns) -> StoreResult<FoundKey> {
    let row = RowReader::new(row, "api_keys", "id");
    let sources: Vec<String> = row.json("sources")?;
    Ok(FoundKey {
        digest: row.bytes("digest")?,
        key: ApiKey {
            id: row.parsed("id")?,
            name: row.text("name")?,
            owner: row.parsed("owner_id")?,
            sources: SourceScope::new(&sources).map_err(|why| row.corrupt("sources", &why))?,
            rate: row.parsed_opt("rate")?,
            created_at: row.moment("created_at")?,
            created_by: row.text("created_by")?,
            expires_at: row.moment_opt("expires_at")?,
            revoked_at: row.moment_opt("revoked_at")?,
            revoked_by: row.text_opt("revoked_by")?,
            last_used_at: row.moment_opt("last_used_at")?,
        },
    })
}
