//! Sealed secrets. What is sealed in them is not this module's business.

use async_trait::async_trait;
use sqlx::{Postgres, Sqlite};
use trait_gen::trait_gen;

use super::rows::RowReader;
use super::sql::SqlStore;
use super::{StoreError, StoreResult};
use crate::domain::grant::StoredName;
use crate::domain::time::Timestamp;

const TABLE: &str = "stored_secrets";

/// A secret as it is kept: sealed by who stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    pub name: StoredName,
    /// Names the key it is sealed under.
    pub key_id: String,
    pub sealed: Vec<u8>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Sealed secrets, by name.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// Writes a secret, new or in place of the one of its name, whose time of making stays.
    async fn put_secret(&self, secret: &SealedSecret) -> StoreResult<()>;
    /// Puts `new` in the place of `old`, of the same name; whether `old` was still there.
    async fn replace_secret(&self, old: &SealedSecret, new: &SealedSecret) -> StoreResult<bool>;
    async fn secret(&self, name: &StoredName) -> StoreResult<Option<SealedSecret>>;
    /// All of them, by name.
    async fn secrets(&self) -> StoreResult<Vec<SealedSecret>>;
    /// Whether it was there.
    async fn remove_secret(&self, name: &StoredName) -> StoreResult<bool>;
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl SecretStore for SqlStore<Db> {
    async fn put_secret(&self, secret: &SealedSecret) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO stored_secrets (name, key_id, sealed, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO UPDATE SET key_id = excluded.key_id, \
             sealed = excluded.sealed, updated_at = excluded.updated_at",
        )
        .bind(secret.name.as_str())
        .bind(&secret.key_id)
        .bind(&secret.sealed)
        .bind(secret.created_at.as_millis())
        .bind(secret.updated_at.as_millis())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    async fn replace_secret(&self, old: &SealedSecret, new: &SealedSecret) -> StoreResult<bool> {
        let done =
            sqlx::query("UPDATE stored_secrets SET key_id = $1, sealed = $2 WHERE name = $3 AND sealed = $4")
                .bind(&new.key_id)
                .bind(&new.sealed)
                .bind(old.name.as_str())
                .bind(&old.sealed)
                .execute(&self.writer)
                .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn secret(&self, name: &StoredName) -> StoreResult<Option<SealedSecret>> {
        let row = sqlx::query(
            "SELECT name, key_id, sealed, created_at, updated_at FROM stored_secrets WHERE name = $1",
        )
        .bind(name.as_str())
        .fetch_optional(&self.reader)
        .await?;
        row.map(|row| Self::sealed(&row)).transpose()
    }

    async fn secrets(&self) -> StoreResult<Vec<SealedSecret>> {
        let rows = sqlx::query(
            "SELECT name, key_id, sealed, created_at, updated_at FROM stored_secrets ORDER BY name",
        )
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(Self::sealed).collect()
    }

    async fn remove_secret(&self, name: &StoredName) -> StoreResult<bool> {
        let done = sqlx::query("DELETE FROM stored_secrets WHERE name = $1")
            .bind(name.as_str())
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    fn sealed(row: &<Db as sqlx::Database>::Row) -> StoreResult<SealedSecret> {
        let row = RowReader::new(row, TABLE, "name");
        let name = row.text("name")?;
        Ok(SealedSecret {
            name: name
                .parse()
                .map_err(|e: crate::domain::grant::InvalidStoredName| StoreError::Corrupt {
                    table: TABLE,
                    column: "name",
                    row: name.clone(),
                    why: e.to_string(),
                })?,
            key_id: row.text("key_id")?,
            sealed: row.bytes("sealed")?,
            created_at: row.moment("created_at")?,
            updated_at: row.moment("updated_at")?,
        })
    }
}
