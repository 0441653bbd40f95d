//! What serves as a draft is compiled once more, for speed, when nothing new has been loaded for a while.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use super::Registry;
use crate::wasm::load;
use crate::wasm::plugin::Plugin;

/// Quiet time before: who has just saved one build may save the next, and the runs of the new build come
/// first.
const QUIET: Duration = Duration::from_secs(2);
/// Longest time that loads may put it off.
const MAX_QUIET: Duration = Duration::from_secs(30);

impl Registry {
    /// From now on builds serve as drafts until [`Self::optimise`] has had its turn.
    pub fn draft_first(&self) {
        self.workshop
            .drafts
            .store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// Optimises drafts whenever loads have been quiet for two seconds. Never returns; may be dropped.
    pub async fn keep_optimising(&self) {
        let mut changes = self.changes();
        loop {
            while self.drafts().is_empty() {
                if changes.changed().await.is_err() {
                    return;
                }
            }
            let quiet = async { while timeout(QUIET, changes.changed()).await.is_ok() {} };
            let _told_or_late = timeout(MAX_QUIET, quiet).await;
            self.optimise().await;
        }
    }

    /// Compiles what serves as a draft once more, one component after the other, and lets the code take the
    /// draft's place: the build and its generation stay the same. One that cannot be compiled so stays
    /// a draft.
    pub async fn optimise(&self) {
        for (plugin, bytes) in self.drafts() {
            if !self.serves(&plugin) {
                continue;
            }
            let (runtime, digest) = (Arc::clone(&self.workshop.runtime), plugin.digest.clone());
            let compiled = load::blocking(move || load::optimise(&runtime, &digest, &bytes)).await;
            match compiled {
                Ok(world) => {
                    plugin.code.improve(world);
                    tracing::info!(plugin = %plugin.name(), generation = plugin.generation, "plugin optimised");
                }
                Err(error) => {
                    plugin.code.give_up();
                    tracing::warn!(plugin = %plugin.name(), %error, "the plugin stays unoptimised, which is slower");
                }
            }
            self.tell();
        }
    }

    /// The plugins that serve as drafts, and their components.
    fn drafts(&self) -> Vec<(Arc<Plugin>, Arc<[u8]>)> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let newest = slots.values().filter_map(|slot| slot.newest());
        let drafts = newest.filter_map(|plugin| {
            let bytes = plugin.code.draft_of()?;
            Some((plugin, bytes))
        });
        drafts.collect()
    }

    /// Whether it was not replaced meanwhile.
    fn serves(&self, plugin: &Arc<Plugin>) -> bool {
        let newest = self.find(plugin.name()).and_then(|slot| slot.newest());
        newest.is_some_and(|newest| Arc::ptr_eq(&newest, plugin))
    }
}
