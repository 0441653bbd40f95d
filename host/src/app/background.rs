//! The work of a node by its role, and what is done now and then while the service runs.

use std::sync::Arc;
use std::time::Duration;

use super::App;
use crate::auth::Auth;
use crate::auth::api_keys::FLUSH_INTERVAL;
use crate::clock::SharedClock;
use crate::dispatch;
use crate::lifecycle::Lifecycle;
use crate::scheduler;
use crate::store::SharedStore;

/// How often expired refresh tokens are removed, and how many at a time.
const PURGE_INTERVAL: Duration = Duration::from_hours(1);
const PURGE_LIMIT: u32 = 1000;

/// How often expired keys of events that are taken once are removed, and how many in one transaction: a
/// busy source makes some hundred a minute, and intake must not wait for their removal.
const ONCE_INTERVAL: Duration = Duration::from_mins(1);
const ONCE_LIMIT: u32 = 500;

/// Starts what the node's role asks for. Every node tells that it is there, and folds counters: whoever reads them
/// would wait for what piles up.
pub(super) async fn start(app: &Arc<App>) -> anyhow::Result<()> {
    let (life, role) = (&app.lifecycle, app.settings.serving.role);
    life.spawn("node report", app.nodes().report(life.clone()));
    life.spawn("counters", crate::counts::fold(app.store.clone(), life.clone()));
    if role.takes_requests() {
        life.spawn(
            "last uses of API keys",
            note_key_uses(app.auth.clone(), life.clone()),
        );
    }
    if role.delivers() {
        dispatch::start(app.dispatch_parts());
        life.spawn("replays", crate::replays::run(app.replays.clone(), life.clone()));
    }
    if role.keeps_time() {
        scheduler::start(app.scheduler_parts()).await?;
        life.spawn(
            "token purge",
            purge_tokens(app.store.clone(), app.clock.clone(), life.clone()),
        );
        life.spawn("retention", app.keeper().run());
        life.spawn(
            "key purge",
            purge_once(app.store.clone(), app.clock.clone(), life.clone()),
        );
    }
    Ok(())
}

/// Writes when API keys were used last, which is kept in memory until then.
async fn note_key_uses(auth: Arc<Auth>, life: Lifecycle) {
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

/// Removes refresh tokens that are expired.
async fn purge_tokens(store: SharedStore, clock: SharedClock, life: Lifecycle) {
    loop {
        tokio::select! {
            () = life.soft.cancelled() => return,
            () = tokio::time::sleep(PURGE_INTERVAL) => {}
        }
        if let Err(error) = store.purge_refresh_tokens(clock.now(), PURGE_LIMIT).await {
            tracing::warn!(%error, "cannot remove expired refresh tokens; trying again in an hour");
        }
    }
}

/// Removes keys of events that are taken once, when they expire.
async fn purge_once(store: SharedStore, clock: SharedClock, life: Lifecycle) {
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
