//! Refresh tokens. Every change of a user's tokens first locks the user's row: PostgreSQL would
//! otherwise let a rotation insert a token that a revocation at the same time cannot see.

use async_trait::async_trait;
use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::dialect::Dialect as _;
use super::rows::{Columns, RowReader};
use super::sql::{SqlStore, sql};
use super::{StoreResult, TokenStore};
use crate::domain::id::{RefreshTokenId, TokenFamily, UserId};
use crate::domain::time::Timestamp;
use crate::domain::user::{NewRefreshToken, Rotation};

/// What a rotation must know of the old token.
struct StoredToken {
    family: TokenFamily,
    user: UserId,
    used: bool,
    revoked: bool,
}

fn token_from(row: &impl Columns) -> StoreResult<StoredToken> {
    let row = RowReader::new(row, "refresh_tokens", "id");
    Ok(StoredToken {
        family: row.parsed("family")?,
        user: row.parsed("user_id")?,
        used: row.moment_opt("used_at")?.is_some(),
        revoked: row.moment_opt("revoked_at")?.is_some(),
    })
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl TokenStore for SqlStore<Db> {
    async fn store_refresh_token(&self, token: &NewRefreshToken) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        Self::insert_token(&mut tx, token).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn rotate_refresh_token(
        &self,
        old: RefreshTokenId,
        new: &NewRefreshToken,
        at: Timestamp,
    ) -> StoreResult<Rotation> {
        let mut tx = self.begin().await?;
        Self::lock_user(&mut tx, new.user).await?;
        let row =
            sqlx::query("SELECT id, family, user_id, used_at, revoked_at FROM refresh_tokens WHERE id = $1")
                .bind(old.to_string())
                .fetch_optional(&mut *tx)
                .await?;
        let Some(token) = row.as_ref().map(token_from).transpose()? else {
            return Ok(Rotation::Refused);
        };
        if token.revoked || token.user != new.user || token.family != new.family {
            return Ok(Rotation::Refused);
        }
        if token.used {
            Self::revoke(&mut tx, token.family, at).await?;
            tx.commit().await?;
            return Ok(Rotation::Reused);
        }
        sqlx::query("UPDATE refresh_tokens SET used_at = $2 WHERE id = $1")
            .bind(old.to_string())
            .bind(at.as_millis())
            .execute(&mut *tx)
            .await?;
        Self::insert_token(&mut tx, new).await?;
        tx.commit().await?;
        Ok(Rotation::Rotated)
    }

    async fn revoke_family(&self, family: TokenFamily, at: Timestamp) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let row = sqlx::query(
            "SELECT id, family, user_id, used_at, revoked_at FROM refresh_tokens WHERE family = $1 LIMIT 1",
        )
        .bind(family.to_string())
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(token) = row.as_ref().map(token_from).transpose()? {
            Self::lock_user(&mut tx, token.user).await?;
            Self::revoke(&mut tx, family, at).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn purge_refresh_tokens(&self, before: Timestamp, limit: u32) -> StoreResult<u64> {
        let done = sqlx::query(
            "DELETE FROM refresh_tokens WHERE id IN \
             (SELECT id FROM refresh_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
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
    pub(super) async fn lock_user(conn: &mut <Db as Database>::Connection, user: UserId) -> StoreResult<()> {
        sql::<Db>("SELECT id FROM users WHERE id = ")
            .push_bind(user.to_string())
            .push(Db::LOCK)
            .build()
            .execute(&mut *conn)
            .await?;
        Ok(())
    }

    async fn insert_token(
        conn: &mut <Db as Database>::Connection,
        token: &NewRefreshToken,
    ) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO refresh_tokens (id, family, user_id, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(token.id.to_string())
        .bind(token.family.to_string())
        .bind(token.user.to_string())
        .bind(token.issued_at.as_millis())
        .bind(token.expires_at.as_millis())
        .execute(&mut *conn)
        .await?;
        Ok(())
    }

    async fn revoke(
        conn: &mut <Db as Database>::Connection,
        family: TokenFamily,
        at: Timestamp,
    ) -> StoreResult<()> {
        sqlx::query("UPDATE refresh_tokens SET revoked_at = $2 WHERE family = $1 AND revoked_at IS NULL")
            .bind(family.to_string())
            .bind(at.as_millis())
            .execute(&mut *conn)
            .await?;
        Ok(())
    }
}
