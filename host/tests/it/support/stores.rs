//! A store in a fresh database.

use hookyard::store::{self, SharedStore};
use tempfile::TempDir;

use super::postgres;

/// A store and what it stands on.
pub struct Fixture {
    pub store: SharedStore,
    /// What it was opened with.
    pub url: String,
    dir: Option<TempDir>,
}

impl Fixture {
    /// A store in a fresh SQLite file.
    pub async fn sqlite() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let url = format!("sqlite://{}", dir.path().join("test.db").display());
        Self {
            store: store::open(&url).await.expect("a fresh SQLite store opens"),
            url,
            dir: Some(dir),
        }
    }

    /// A store in a fresh PostgreSQL database; `None` where there is no server.
    pub async fn postgres() -> Option<Self> {
        let url = postgres::fresh_database().await?;
        Some(Self {
            store: store::open(&url).await.expect("a fresh PostgreSQL store opens"),
            url,
            dir: None,
        })
    }

    /// The directory of the SQLite file.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.as_ref().expect("a SQLite fixture").path()
    }

    /// Ends the store and removes its database. (After a failure a private server takes the
    /// database with it when it stops.)
    pub async fn clean(self) {
        self.store.close().await;
        if self.dir.is_none() {
            postgres::drop_database(&self.url).await;
        }
    }
}
