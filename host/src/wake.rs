//! Tells the dispatcher that a plugin has something to do, without it polling.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::domain::plugin::PluginName;

/// The plugins with news, and the bell that says so. Bounded by the number of plugins.
#[derive(Debug, Default)]
pub struct Wake {
    plugins: Mutex<BTreeSet<PluginName>>,
    bell: Notify,
}

impl Wake {
    /// Says that these plugins may have something due.
    pub fn ring<'a>(&self, plugins: impl IntoIterator<Item = &'a PluginName>) {
        let mut set = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        for plugin in plugins {
            if !set.contains(plugin) {
                set.insert(plugin.clone());
            }
        }
        let any = !set.is_empty();
        drop(set);
        if any {
            self.bell.notify_one();
        }
    }

    /// Waits for the bell and takes the plugins it rang for.
    pub async fn next(&self) -> BTreeSet<PluginName> {
        loop {
            let taken = std::mem::take(&mut *self.plugins.lock().unwrap_or_else(PoisonError::into_inner));
            if !taken.is_empty() {
                return taken;
            }
            self.bell.notified().await;
        }
    }
}
