//! Keeps the counters of the database small where changes are appended to them.

use std::time::Duration;

use crate::lifecycle::Lifecycle;
use crate::store::SharedStore;

/// How often appended changes are folded: a sum then goes through the changes of a few seconds.
const FOLD_INTERVAL: Duration = Duration::from_secs(5);

/// Most rows folded in one statement, so that it stays short.
const FOLD_LIMIT: u32 = 10_000;

/// Folds until the soft stop.
pub async fn fold(store: SharedStore, life: Lifecycle) {
    loop {
        tokio::select! {
            () = life.soft.cancelled() => return,
            () = tokio::time::sleep(FOLD_INTERVAL) => {}
        }
        if let Err(error) = fold_all(&store, &life).await {
            tracing::debug!(%error, "counters are folded later");
        }
    }
}

async fn fold_all(store: &SharedStore, life: &Lifecycle) -> Result<(), crate::store::StoreError> {
    while !life.soft.is_cancelled() && store.fold_counts(FOLD_LIMIT).await? > u64::from(FOLD_LIMIT) {}
    Ok(())
}
