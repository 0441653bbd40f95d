//! The two databases of a copy, opened so that nobody else uses them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use sqlx::{Postgres, Sqlite};

use super::CopyError;
use super::side::Side;
use crate::store::lock::FileLock;
use crate::store::open::{Address, prepare_file};
use crate::store::sql::SqlStore;
use crate::store::{StoreError, StoreResult};

/// Tells a database from others, without its password.
pub(super) fn identity(address: &Address) -> String {
    let place = match address {
        Address::Sqlite(path) => {
            let real = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
            let real = real.as_deref().unwrap_or_else(|_| Path::new(""));
            format!("sqlite {}", real.display())
        }
        Address::Postgres(options) => format!(
            "postgres {} {} {:?} {:?}",
            options.get_host(),
            options.get_port(),
            options.get_socket(),
            options.get_database()
        ),
    };
    hex::encode(Sha256::digest(place))
}

/// Opens the database to copy from, as it is.
pub(super) async fn source(address: Address) -> Result<Arc<dyn Side>, CopyError> {
    let from = locked(address).await.map_err(CopyError::From)?;
    let (_, lacks) = from.steps().await.map_err(CopyError::From)?;
    if lacks > 0 {
        return Err(CopyError::Refused(format!(
            "the database to copy from lacks {lacks} migrations; bring it up first: hookyard migrate"
        )));
    }
    require_unused(&*from, "from")
        .await
        .map_err(|error| match error {
            Unfit::Store(error) => CopyError::From(error),
            Unfit::Used(why) => CopyError::Refused(why),
        })?;
    if !from.marks().await.map_err(CopyError::From)?.is_empty() {
        return Err(CopyError::From(StoreError::HalfCopied));
    }
    Ok(from)
}

/// Opens the database to copy to; an empty one gets the schema.
pub(super) async fn target(address: Address) -> Result<Arc<dyn Side>, CopyError> {
    let to = made(address).await.map_err(CopyError::To)?;
    match to.steps().await.map_err(CopyError::To)? {
        (all, lacks) if lacks == all => to.bring_up().await.map_err(CopyError::To)?,
        (_, 0) => require_unused(&*to, "to").await.map_err(|error| match error {
            Unfit::Store(error) => CopyError::To(error),
            Unfit::Used(why) => CopyError::Refused(why),
        })?,
        (_, lacks) => {
            return Err(CopyError::Refused(format!(
                "the database to copy to lacks {lacks} migrations, so another version has used it; name an empty one"
            )));
        }
    }
    Ok(to)
}

/// A database as it is, locked where it is a file.
async fn locked(address: Address) -> StoreResult<Arc<dyn Side>> {
    match address {
        Address::Sqlite(path) => {
            let lock = FileLock::take(&path)?;
            let store = SqlStore::<Sqlite>::look_at(&path).await?;
            Ok(Arc::new(store.locked_by(lock)))
        }
        Address::Postgres(options) => Ok(Arc::new(SqlStore::<Postgres>::open(*options).await?)),
    }
}

/// The same of one that is to be filled: a file is made when there is none.
async fn made(address: Address) -> StoreResult<Arc<dyn Side>> {
    match address {
        Address::Sqlite(path) => {
            prepare_file(&path)?;
            let lock = FileLock::take(&path)?;
            let store = SqlStore::<Sqlite>::open(&path).await?;
            Ok(Arc::new(store.locked_by(lock)))
        }
        Address::Postgres(options) => Ok(Arc::new(SqlStore::<Postgres>::open(*options).await?)),
    }
}

/// Why a database is not this copy's alone.
enum Unfit {
    Store(StoreError),
    Used(String),
}

/// A SQLite file is locked. Of a PostgreSQL database the nodes tell that they use it.
async fn require_unused(side: &dyn Side, which: &str) -> Result<(), Unfit> {
    if !side.is_shared() {
        return Ok(());
    }
    let nodes = side.nodes().await.map_err(Unfit::Store)?;
    let hosts: BTreeSet<_> = nodes
        .iter()
        .filter(|node| node.is_live())
        .map(|node| node.report.host.as_str())
        .collect();
    if hosts.is_empty() {
        return Ok(());
    }
    let hosts: Vec<_> = hosts.into_iter().collect();
    Err(Unfit::Used(format!(
        "hookyard runs on the database to copy {which} (on {}); stop it, wait 20 s, and copy then",
        hosts.join(", ")
    )))
}
