//! Accounts.

use async_trait::async_trait;
use sqlx::{Database, Postgres, Sqlite};
use trait_gen::trait_gen;

use super::dialect::Dialect as _;
use super::rows::{Columns, RowReader};
use super::sql::{SqlStore, sql};
use super::words::clean;
use super::{StoreResult, UserStore};
use crate::domain::id::UserId;
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::user::{CreatedUser, NewUser, UpdatedUser, User};

const USER_COLUMNS: &str = "id, username, email, first_name, last_name, role, is_active, \
     date_joined, last_login, signed_out_at, password_hash";

/// The username as it is compared.
fn username_key(username: &str) -> String {
    clean(username).to_lowercase()
}

#[trait_gen(Db -> Sqlite, Postgres)]
#[async_trait]
impl UserStore for SqlStore<Db> {
    async fn create_user(&self, new: &NewUser) -> StoreResult<CreatedUser> {
        let user = &new.user;
        let done = sqlx::query(
            "INSERT INTO users (id, username, username_key, email, first_name, last_name, role, \
             is_active, date_joined, last_login, password_hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (username_key) DO NOTHING",
        )
        .bind(user.id.to_string())
        .bind(clean(&user.username).into_owned())
        .bind(username_key(&user.username))
        .bind(clean(&user.email).into_owned())
        .bind(clean(&user.first_name).into_owned())
        .bind(clean(&user.last_name).into_owned())
        .bind(user.role.as_str())
        .bind(user.is_active)
        .bind(user.date_joined.as_millis())
        .bind(user.last_login.map(Timestamp::as_millis))
        .bind(&new.password_hash)
        .execute(&self.writer)
        .await?;
        Ok(if done.rows_affected() == 0 {
            CreatedUser::UsernameTaken
        } else {
            CreatedUser::Created
        })
    }

    async fn user(&self, id: UserId) -> StoreResult<Option<User>> {
        let row = sql::<Db>("SELECT ")
            .push(USER_COLUMNS)
            .push(" FROM users WHERE id = ")
            .push_bind(id.to_string())
            .build()
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(user_from).transpose()
    }

    async fn user_by_name(&self, username: &str) -> StoreResult<Option<(User, String)>> {
        let row = sql::<Db>("SELECT ")
            .push(USER_COLUMNS)
            .push(" FROM users WHERE username_key = ")
            .push_bind(username_key(username))
            .build()
            .fetch_optional(&self.reader)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let hash = RowReader::new(&row, "users", "id").text("password_hash")?;
        Ok(Some((user_from(&row)?, hash)))
    }

    async fn users(&self) -> StoreResult<Vec<User>> {
        let rows = sql::<Db>("SELECT ")
            .push(USER_COLUMNS)
            .push(" FROM users ORDER BY username_key")
            .build()
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(user_from).collect()
    }

    async fn user_page(&self, page: PageRequest) -> StoreResult<Page<User>> {
        self.table_page(("users", USER_COLUMNS), "username_key", page, user_from)
            .await
    }

    async fn update_user(&self, user: &User) -> StoreResult<UpdatedUser> {
        let mut tx = self.begin().await?;
        // The user's row first: a sign-in at the same time comes before, and its session ends, or after.
        Self::lock_user(&mut tx, user.id).await?;
        // A session began with other rights than the account has now.
        sqlx::query(
            "DELETE FROM sessions WHERE user_id = $1 AND EXISTS \
             (SELECT 1 FROM users u WHERE u.id = $1 AND (u.role <> $2 OR u.is_active <> $3))",
        )
        .bind(user.id.to_string())
        .bind(user.role.as_str())
        .bind(user.is_active)
        .execute(&mut *tx)
        .await?;
        let done = sqlx::query(
            "UPDATE users SET username = $2, username_key = $3, email = $4, first_name = $5, \
             last_name = $6, role = $7, is_active = $8, date_joined = $9, last_login = $10 WHERE id = $1",
        )
        .bind(user.id.to_string())
        .bind(clean(&user.username).into_owned())
        .bind(username_key(&user.username))
        .bind(clean(&user.email).into_owned())
        .bind(clean(&user.first_name).into_owned())
        .bind(clean(&user.last_name).into_owned())
        .bind(user.role.as_str())
        .bind(user.is_active)
        .bind(user.date_joined.as_millis())
        .bind(user.last_login.map(Timestamp::as_millis))
        .execute(&mut *tx)
        .await;
        match done {
            Ok(done) if done.rows_affected() == 0 => Ok(UpdatedUser::Missing),
            Ok(_) => {
                tx.commit().await?;
                Ok(UpdatedUser::Updated)
            }
            // The username is all that is unique beside the id, which stays.
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Ok(UpdatedUser::UsernameTaken)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn set_password(&self, id: UserId, password_hash: &str) -> StoreResult<bool> {
        let mut tx = self.begin().await?;
        // Writing the user's row first makes a rotation that runs at the same time wait (or be
        // seen): see `tokens`.
        let done = sqlx::query("UPDATE users SET password_hash = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(password_hash)
            .execute(&mut *tx)
            .await?;
        Self::revoke_all(&mut tx, id).await?;
        tx.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    async fn sign_out(&self, id: UserId, at: Timestamp) -> StoreResult<bool> {
        let mut tx = self.begin().await?;
        // The user's row first, for the same reason.
        let done = sqlx::query("UPDATE users SET signed_out_at = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(at.as_millis())
            .execute(&mut *tx)
            .await?;
        Self::revoke_all(&mut tx, id).await?;
        tx.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    async fn renew_password_hash(&self, id: UserId, old: &str, new: &str) -> StoreResult<()> {
        sqlx::query("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2")
            .bind(id.to_string())
            .bind(old)
            .bind(new)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn record_login(&self, id: UserId, at: Timestamp) -> StoreResult<()> {
        sqlx::query("UPDATE users SET last_login = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(at.as_millis())
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

#[trait_gen(Db -> Sqlite, Postgres)]
impl SqlStore<Db> {
    /// Ends what somebody signed in with: refresh tokens and sessions.
    async fn revoke_all(conn: &mut <Db as Database>::Connection, user: UserId) -> StoreResult<()> {
        sql::<Db>("UPDATE refresh_tokens SET revoked_at = ")
            .push(Db::NOW)
            .push(" WHERE revoked_at IS NULL AND user_id = ")
            .push_bind(user.to_string())
            .build()
            .execute(&mut *conn)
            .await?;
        sqlx::query("DELETE FROM sessions WHERE user_id = $1")
            .bind(user.to_string())
            .execute(&mut *conn)
            .await?;
        Ok(())
    }
}

fn user_from(row: &impl Columns) -> StoreResult<User> {
    let row = RowReader::new(row, "users", "id");
    Ok(User {
        id: row.parsed("id")?,
        username: row.text("username")?,
        email: row.text("email")?,
        first_name: row.text("first_name")?,
        last_name: row.text("last_name")?,
        role: row.parsed("role")?,
        is_active: row.flag("is_active")?,
        date_joined: row.moment("date_joined")?,
        last_login: row.moment_opt("last_login")?,
        signed_out_at: row.moment_opt("signed_out_at")?,
    })
}
