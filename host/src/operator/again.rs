//! Loads that are tried again, each in a task of its own: what one waits for holds up no other plugin
//! and no edit.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::domain::plugin::{PluginName, PluginSpec};
use crate::lifecycle::Lifecycle;
use crate::wasm::Registry;

/// The tries that are under way: one per plugin.
pub(super) struct Again {
    registry: Arc<Registry>,
    life: Lifecycle,
    under_way: BTreeMap<PluginName, Try>,
}

struct Try {
    /// The section it is made for.
    spec: Arc<PluginSpec>,
    /// Cancelled to end it, and when it has ended.
    token: CancellationToken,
}

impl Again {
    pub(super) fn new(registry: Arc<Registry>, life: Lifecycle) -> Self {
        Self {
            registry,
            life,
            under_way: BTreeMap::new(),
        }
    }

    /// Begins a try for each of these plugins. One that is under way goes on, unless the plugin's
    /// section asks for another build by now.
    pub(super) fn begin(&mut self, waiting: Vec<(PluginName, Arc<PluginSpec>)>) {
        self.under_way.retain(|_, before| !before.token.is_cancelled());
        for (name, spec) in waiting {
            let before = self.under_way.get(&name);
            if before.is_some_and(|before| before.spec.asks_for_the_build_of(&spec)) {
                continue;
            }
            let token = self.life.soft.child_token();
            self.start(name.clone(), token.clone());
            if let Some(before) = self.under_way.insert(name, Try { spec, token }) {
                before.token.cancel();
            }
        }
    }

    fn start(&self, name: PluginName, token: CancellationToken) {
        let registry = Arc::clone(&self.registry);
        self.life.spawn("plugin retry", async move {
            let _over = token.clone().drop_guard();
            let fetch = tokio::select! {
                () = token.cancelled() => return,
                fetch = registry.fetch(&name) => fetch,
            };
            // Not cut off: a swap is made whole.
            if let Some(fetch) = fetch {
                registry.load_fetched(&name, fetch).await;
            }
        });
    }
}
