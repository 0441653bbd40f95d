//! Sessions of people. Whoever makes one first locks the user's row, as for tokens: a password that changes at the same
//! time ends it, or comes before.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Postgres, Sqlite};
use trait_gen::trait_gen;

use super::StoreResult;
use super::rows::{Columns, RowReader};
use super::sql::SqlStore;
use super::words::clean;
use crate::domain::session::{Session, SessionDigest};
use crate::domain::time::Timestamp;

/// Sessions.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Stores a session and ends the one it takes the place of; of its user's others the oldest end, down to `most`
    /// in all.
    async fn open_session(
        &self,
        session: &Session,
        replaces: Option<SessionDigest>,
        most: u32,
    ) -> StoreResult<()>;

    /// One session, whether or not it is over.
    async fn session(&self, digest: SessionDigest) -> StoreResult<Option<Session>>;

    /// Notes that it was seen.
    async fn touch_session(&self, digest: SessionDigest, at: Timestamp) -> StoreResult<()>;

    /// Ends one; whether there was one.
    async fn end_session(&self, digest: SessionDigest) -> StoreResult<bool>;

    /// Removes those that have been idle for `idle` or began `age` ago, at most `limit`; how many went.
    async fn purge_sessions(
        &self,
        now: Timestamp,
        idle: Duration,
        age: Duration,
        limit: u32,
    ) -> StoreResult<u64>;
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl SessionStore for SqlStore<Db> {
    async fn open_session(
        &self,
        session: &Session,
        replaces: Option<SessionDigest>,
        most: u32,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        Self::lock_user(&mut tx, session.user).await?;
        if let Some(replaced) = replaces {
            sqlx::query("DELETE FROM sessions WHERE digest = $1")
                .bind(replaced.to_string())
                .execute(&mut *tx)
                .await?;
        }
        sqlx::query(
            "INSERT INTO sessions (digest, user_id, created_at, seen_at, address, agent) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(session.digest.to_string())
        .bind(session.user.to_string())
        .bind(session.created_at.as_millis())
        .bind(session.seen_at.as_millis())
        .bind(clean(&session.address).into_owned())
        .bind(clean(&session.agent).into_owned())
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "DELETE FROM sessions WHERE user_id = $1 AND digest NOT IN \
             (SELECT digest FROM sessions WHERE user_id = $1 ORDER BY created_at DESC, digest LIMIT $2)",
        )
        .bind(session.user.to_string())
        .bind(i64::from(most))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn session(&self, digest: SessionDigest) -> StoreResult<Option<Session>> {
        let row = sqlx::query(
            "SELECT digest, user_id, created_at, seen_at, address, agent FROM sessions WHERE digest = $1",
        )
        .bind(digest.to_string())
        .fetch_optional(&self.reader)
        .await?;
        row.as_ref().map(session_from).transpose()
    }

    async fn touch_session(&self, digest: SessionDigest, at: Timestamp) -> StoreResult<()> {
        sqlx::query("UPDATE sessions SET seen_at = $2 WHERE digest = $1 AND seen_at < $2")
            .bind(digest.to_string())
            .bind(at.as_millis())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn end_session(&self, digest: SessionDigest) -> StoreResult<bool> {
        let done = sqlx::query("DELETE FROM sessions WHERE digest = $1")
            .bind(digest.to_string())
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn purge_sessions(
        &self,
        now: Timestamp,
        idle: Duration,
        age: Duration,
        limit: u32,
    ) -> StoreResult<u64> {
        let done = sqlx::query(
            "DELETE FROM sessions WHERE digest IN \
             (SELECT digest FROM sessions WHERE seen_at <= $1 OR created_at <= $2 LIMIT $3)",
        )
        .bind(now.minus(idle).as_millis())
        .bind(now.minus(age).as_millis())
        .bind(i64::from(limit))
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected())
    }
}

fn session_from(row: &impl Columns) -> StoreResult<Session> {
    let row = RowReader::new(row, "sessions", "digest");
    Ok(Session {
        digest: row.parsed("digest")?,
        user: row.parsed("user_id")?,
        created_at: row.moment("created_at")?,
        seen_at: row.moment("seen_at")?,
        address: row.text("address")?,
        agent: row.text("agent")?,
    })
}
