//! What serves as a draft is compiled once more, for speed, when nothing new has been loaded for a while.

use std::sync::atomic::Ordering;
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
        self.workshop.drafts.store(true, Ordering::Relaxed);
    }

    /// Optimises a draft whenever loads have been quiet for two seconds. Does not return while there is a
    /// registry; may be dropped.
    pub async fn keep_optimising(&self) {
        let mut changes = self.changes();
        loop {
            while self.draft().is_none() {
                if changes.changed().await.is_err() {
                    return;
                }
            }
            let quiet = async { while timeout(QUIET, changes.changed()).await.is_ok() {} };
            let _quiet_or_late = timeout(MAX_QUIET, quiet).await;
            self.optimise().await;
        }
    }

    /// Compiles one plugin that serves as a draft once more, if there is one, and lets the code take the
    /// draft's place: the build and its generation stay the same. What cannot be compiled so stays as
    /// it is.
    pub async fn optimise(&self) {
        let Some((plugin, bytes)) = self.draft() else {
            return;
        };
        let compiled = {
            // What is being kept is not cleared away meanwhile.
            let _load = self.workshop.loads.read().await;
            let (runtime, digest) = (Arc::clone(&self.workshop.runtime), plugin.digest.clone());
            load::blocking(move || load::optimise(&runtime, &digest, &bytes)).await
        };
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
        // It may have been replaced meanwhile.
        self.end_load().await;
    }

    /// A plugin that serves as a draft, and its component.
    fn draft(&self) -> Option<(Arc<Plugin>, Arc<[u8]>)> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.values().find_map(|slot| {
            let plugin = slot.newest()?;
            let bytes = plugin.code.draft_of()?;
            Some((plugin, bytes))
        })
    }
}
