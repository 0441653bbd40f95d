//! Keeps leases: renews those this node holds, deals with those that ended.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt as _;
use tokio_util::sync::CancellationToken;

use super::step::StepWatch;
use super::verdict::judge_unknown;
use super::{KEEP_INTERVAL, LEASE, Parts};
use crate::domain::delivery::Leased;
use crate::domain::id::{DeliveryId, LeaseToken};

/// Most ended leases dealt with in one transaction, so that it stays short.
const SWEEP_LIMIT: u32 = 500;

/// How often a stopping keeper looks whether the lanes are done.
const IDLE_LOOK: Duration = Duration::from_millis(20);

/// The leases this node holds, and for each the token that says it was lost.
#[derive(Clone, Default)]
pub(super) struct Keeper {
    held: Arc<Mutex<HashMap<(DeliveryId, LeaseToken), CancellationToken>>>,
}

/// A lease that is renewed until this is dropped.
pub(super) struct Kept {
    keeper: Keeper,
    key: (DeliveryId, LeaseToken),
    /// Cancelled when the lease was found to be somebody else's.
    pub lost: CancellationToken,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keeper.lock().remove(&self.key);
    }
}

impl Keeper {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(DeliveryId, LeaseToken), CancellationToken>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews this lease until the answer is dropped.
    pub(super) fn hold(&self, key: (DeliveryId, LeaseToken)) -> Kept {
        let lost = CancellationToken::new();
        self.lock().insert(key, lost.clone());
        Kept {
            keeper: self.clone(),
            key,
            lost,
        }
    }

    /// Renews and sweeps until the hard stop: leases of runs that are finishing still count.
    pub(super) async fn keep(self, parts: Parts) {
        let mut steps = StepWatch::default();
        let mut tick = tokio::time::interval(KEEP_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = parts.lifecycle.hard.cancelled() => return,
                () = self.idle_after_soft_stop(&parts) => return,
                _ = tick.tick() => {}
            }
            self.renew(&parts).await;
            if !parts.lifecycle.soft.is_cancelled() {
                steps.look(&parts).await;
                sweep(&parts).await;
            }
        }
    }

    /// Renews and does nothing else, until it is dropped.
    pub(super) async fn keep_renewing(&self, parts: &Parts) -> Infallible {
        loop {
            tokio::time::sleep(KEEP_INTERVAL).await;
            self.renew(parts).await;
        }
    }

    /// Waits for the soft stop and then for every lane to let its keeper go.
    async fn idle_after_soft_stop(&self, parts: &Parts) {
        parts.lifecycle.soft.cancelled().await;
        while Arc::strong_count(&self.held) > 1 {
            tokio::time::sleep(IDLE_LOOK).await;
        }
    }

    async fn renew(&self, parts: &Parts) {
        let keys: Vec<_> = self.lock().keys().copied().collect();
        if keys.is_empty() {
            return;
        }
        match parts.store.renew_leases(&keys, LEASE).await {
            Ok(answers) => {
                let held = self.lock();
                for (key, _) in keys
                    .iter()
                    .zip(answers)
                    .filter(|(_, leased)| *leased == Leased::Lost)
                {
                    // A finish that is being committed also ends the lease; nobody listens then.
                    if let Some(lost) = held.get(key) {
                        lost.cancel();
                    }
                }
            }
            Err(error) => tracing::warn!(%error, leases = keys.len(), "cannot renew leases; trying again"),
        }
    }
}

/// Puts deliveries whose lease ended back to work, or on hold.
async fn sweep(parts: &Parts) {
    let plugins = match parts.store.plugins_with_ended_leases().await {
        Ok(plugins) => plugins,
        Err(error) => {
            tracing::warn!(%error, "cannot look for ended leases; trying again");
            return;
        }
    };
    for plugin in plugins {
        // As in force; while its component is not loaded, as in the file. A plugin that is in neither: what it left is
        // dealt with by the defaults.
        let in_force = parts.registry.plugin(&plugin).map(|plugin| plugin.spec());
        let (on_unknown, retry) = in_force
            .or_else(|| parts.spec(&plugin))
            .map(|spec| (spec.on_unknown, spec.retry.clone()))
            .unwrap_or_default();
        let judge = |tried| judge_unknown(on_unknown, tried, &retry, rand::rng().random());
        match parts.store.sweep_leases(&plugin, &judge, SWEEP_LIMIT).await {
            Ok(swept) => {
                if swept.unknown > 0 {
                    tracing::warn!(%plugin, count = swept.unknown, dead = swept.dead, %on_unknown, "attempts with unknown outcome");
                }
                parts.wake.ring([&plugin]);
            }
            Err(error) => tracing::warn!(%plugin, %error, "cannot sweep ended leases; trying again"),
        }
    }
}
