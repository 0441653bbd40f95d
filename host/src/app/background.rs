//! Work that is done now and then while the service runs.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::Auth;
use crate::auth::api_keys::FLUSH_INTERVAL;
use crate::clock::SharedClock;
use crate::domain::overview::TALLY_AGE;
use crate::lifecycle::Lifecycle;
use crate::store::SharedStore;

/// How often expired refresh tokens, sessions and tallies are removed, and how many of each at a time.
const PURGE_INTERVAL: Duration = Duration::from_hours(1);
const PURGE_LIMIT: u32 = 1000;

/// How often expired keys of events that are taken once are removed, and how many in one transaction: a
/// busy source makes some hundred a minute, and intake must not wait for their removal.
const ONCE_INTERVAL: Duration = Duration::from_mins(1);
const ONCE_LIMIT: u32 = 500;

/// Writes when API keys were used last, which is kept in memory until then.
pub(super) async fn note_key_uses(auth: Arc<Auth>, life: Lifecycle) {
    loop {
        tokio::select! {
            () = life.soft.cancelled() => return,
            () = tokio::time::sleep(FLUSH_INTERVAL) => {}
        }
        if let Err(error) = auth.keys.flush().await {
            tracing::warn!(%error, "cannot note when API keys were used last; trying again in a minute");
        }
    }
}

/// Removes refresh tokens and sessions that are over, and tallies that no chart shows any more.
pub(super) async fn purge_tokens(store: SharedStore, auth: Arc<Auth>, clock: SharedClock, life: Lifecycle) {
    loop {
        tokio::select! {
            () = life.soft.cancelled() => return,
            () = tokio::time::sleep(PURGE_INTERVAL) => {}
        }
        if let Err(error) = store.purge_refresh_tokens(clock.now(), PURGE_LIMIT).await {
            tracing::warn!(%error, "cannot remove expired refresh tokens; trying again in an hour");
        }
        if let Err(error) = auth.sessions.purge(PURGE_LIMIT).await {
            tracing::warn!(%error, "cannot remove sessions that are over; trying again in an hour");
        }
        let before = clock.now().minus(TALLY_AGE);
        if let Err(error) = store.purge_tallies(before, PURGE_LIMIT).await {
            tracing::warn!(%error, "cannot remove old tallies; trying again in an hour");
        }
    }
}

/// Removes keys of events that are taken once, when they expire.
pub(super) async fn purge_once(store: SharedStore, clock: SharedClock, life: Lifecycle) {
    loop {
        tokio::select! {
            () = life.soft.cancelled() => return,
            () = tokio::time::sleep(ONCE_INTERVAL) => {}
        }
        // Batch after batch while they are full; between two of them others write.
        while !life.soft.is_cancelled() {
            match store.purge_once(clock.now(), ONCE_LIMIT).await {
                Ok(gone) if gone == u64::from(ONCE_LIMIT) => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "cannot remove expired keys; trying again in a minute");
                    break;
                }
            }
        }
    }
}
