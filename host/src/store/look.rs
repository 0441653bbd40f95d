//! Looks at the database that a URL names, without changing it.

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::{Postgres, Sqlite};

use super::open::Address;
use super::sql::SqlStore;
use super::{HealthStore as _, SharedStore, StoreResult};

/// A store that is only looked at: nothing is made and no schema changed.
pub struct Look {
    pub store: SharedStore,
    /// Which database it is, for people; never with a password.
    pub place: String,
    /// Steps that the schema lacks. While there are any, most of the store's methods fail.
    pub pending: usize,
}

/// Opens the store at `url` to be looked at; `None` where there is no SQLite file yet.
///
/// # Errors
/// As [`open`]'s.
pub async fn look(url: &str) -> StoreResult<Option<Look>> {
    Ok(Some(match Address::parse(url)? {
        Address::Sqlite(path) if !path.exists() => return Ok(None),
        Address::Sqlite(path) => {
            let store = SqlStore::<Sqlite>::look_at(&path).await?;
            let pending = store.pending_migrations().await;
            if pending.is_err() {
                store.close().await;
            }
            Look {
                pending: pending?,
                store: Arc::new(store),
                place: format!("SQLite at {}", path.display()),
            }
        }
        Address::Postgres(options) => {
            let store = SqlStore::<Postgres>::open(*options).await?;
            Look {
                pending: store.pending_migrations().await?,
                store: Arc::new(store),
                place: "PostgreSQL".to_owned(),
            }
        }
    }))
}

/// The file that `url` names; `None` where it is a PostgreSQL database.
///
/// # Errors
/// [`StoreError::Address`] for a URL of another form.
pub fn file_of(url: &str) -> StoreResult<Option<PathBuf>> {
    Ok(match Address::parse(url)? {
        Address::Sqlite(path) => Some(path),
        Address::Postgres(_) => None,
    })
}

/// What `url` leads to, in words for people, without changing anything.
///
/// # Errors
/// As [`open`]'s.
pub async fn inspect(url: &str) -> StoreResult<String> {
    let Some(look) = look(url).await? else {
        let path = file_of(url)?.unwrap_or_default();
        return Ok(format!(
            "{} is not there yet; `hookyard serve` makes it",
            path.display()
        ));
    };
    look.store.close().await;
    let place = look.place;
    Ok(match look.pending {
        0 => format!("{place}, schema up to date"),
        pending => format!("{place}, {pending} migrations to apply; `hookyard migrate` or `serve` does it"),
    })
}
