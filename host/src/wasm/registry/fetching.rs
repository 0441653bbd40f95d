//! Components that are to be fetched: apart from the loads, so that a registry that does not answer
//! holds up no other plugin, no reload and no start.

use std::sync::{Arc, PoisonError};

use futures_util::StreamExt;

use super::slot::Slot;
use super::{PluginStatus, Registry};
use crate::domain::plugin::{PluginName, PluginSpec};
use crate::wasm::load::LoadError;

/// What came of getting a component.
pub struct Fetch {
    /// The section it was fetched for.
    pub(super) spec: Arc<PluginSpec>,
    pub(super) result: Result<(), LoadError>,
}

/// A plugin that waits, and the section it waits under.
pub type Waiting = (PluginName, Arc<PluginSpec>);

impl Registry {
    /// The plugins whose component is to be fetched and that nobody has tried to fetch yet.
    #[must_use]
    pub fn unfetched(&self) -> Vec<Waiting> {
        self.those(Slot::unfetched)
    }

    /// The plugins whose last load failed for a reason that may pass.
    #[must_use]
    pub fn waiting(&self) -> Vec<Waiting> {
        self.those(Slot::waiting)
    }

    fn those(&self, waits: impl Fn(&Slot) -> Option<Arc<PluginSpec>>) -> Vec<Waiting> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let waiting = slots
            .iter()
            .filter_map(|(name, slot)| Some((name.clone(), waits(slot)?)));
        waiting.collect()
    }

    /// Fetches what a plugin's component lacks, for [`Self::load_fetched`]. Holds nothing up, and may
    /// be dropped. `None` when there is no such plugin.
    pub async fn fetch(&self, name: &PluginName) -> Option<Fetch> {
        Some(self.find(name)?.fetch(&self.workshop).await)
    }

    /// Loads a plugin once more. `None` when there is no such plugin.
    pub async fn load_fetched(&self, name: &PluginName, fetch: Fetch) -> Option<PluginStatus> {
        self.load(name, Some(fetch)).await
    }

    /// Tries a load once more: fetches the component where one is to be fetched. `None` when there is
    /// no such plugin.
    pub async fn try_again(&self, name: &PluginName) -> Option<PluginStatus> {
        let fetch = self.fetch(name).await?;
        self.load_fetched(name, fetch).await
    }

    /// Fetches every component that nobody has tried to fetch yet, and waits for it: for commands that
    /// are done without a server.
    pub async fn fetch_all(&self) {
        let tried = self.unfetched().into_iter().map(|(name, _)| async move {
            self.try_again(&name).await;
        });
        // How many at a time is bounded where they are fetched.
        let all: futures_util::stream::FuturesUnordered<_> = tried.collect();
        all.collect::<()>().await;
    }
}

impl std::fmt::Debug for Fetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fetch({}: {:?})", self.spec.name, self.result)
    }
}
