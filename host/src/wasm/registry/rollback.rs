//! What a person or a trial changes of which build serves. Each is one piece of work that ends once it
//! has begun: a caller that goes away, as an HTTP client may, must not leave half of it done.

use std::sync::Arc;

use super::reload::{ReloadCause, RollbackError};
use super::slot::Slot;
use super::{PluginStatus, Registry, Workshop};
use crate::domain::attempt::AttemptOutcome;
use crate::domain::id::DeliveryId;
use crate::domain::plugin::{DigestPrefix, PluginName};
use crate::wasm::load::LoadError;
use crate::wasm::plugin::Plugin;

impl Registry {
    /// Lets the build before the newest serve. The newest is not loaded again, by the poll or after a
    /// restart, until [`Self::accept`] or a pin asks for it; another build in its file is. With `from`,
    /// the beginning of a digest, only that build is rolled back: asked twice it changes nothing more.
    ///
    /// That the rollback could not be written down stands in the status's warnings.
    ///
    /// # Errors
    /// When there is no such plugin, another build serves, or there is no earlier one that may and can
    /// serve; then nothing has changed.
    pub async fn roll_back(
        &self,
        name: &PluginName,
        by: &str,
        from: Option<&DigestPrefix>,
    ) -> Result<PluginStatus, RollbackError> {
        let why = format!("rolled back by {by}");
        let from = from.cloned();
        self.to_its_end(name, |slot, workshop| async move {
            let _load = workshop.loads.read().await;
            slot.roll_back(&workshop, ReloadCause::Rollback, &why, from.as_ref())
                .await
        })
        .await
    }

    /// Takes a rollback back: loads the build in the plugin's file.
    ///
    /// # Errors
    /// When there is no such plugin, it is switched off, or its file cannot be read or holds a build that
    /// was not rolled back.
    pub async fn accept(&self, name: &PluginName, by: &str) -> Result<PluginStatus, RollbackError> {
        let by = by.to_owned();
        self.to_its_end(name, |slot, workshop| async move {
            // Should it have gone from the data directory.
            let fetched = slot.fetch(&workshop).await;
            fetched.result.map_err(RollbackError::Component)?;
            let _load = workshop.loads.read().await;
            slot.accept(&workshop, &by).await
        })
        .await
    }

    /// Takes in how a delivery ended whose result is recorded: for the trial of the build that ran it,
    /// which is rolled back when it has failed (`rollback-after`), and for its first run in the history.
    pub async fn judge(&self, plugin: &Plugin, delivery: DeliveryId, outcome: AttemptOutcome) {
        let failed = match outcome {
            AttemptOutcome::Succeeded => false,
            AttemptOutcome::Retry
            | AttemptOutcome::Rejected
            | AttemptOutcome::Trapped
            | AttemptOutcome::Limit => true,
            // These tell nothing of the build.
            _ => return,
        };
        let Some(slot) = self.find(plugin.name()) else {
            return;
        };
        match slot.judge(&self.workshop, plugin, delivery, failed).await {
            None => return,
            Some(Ok(_status)) => {}
            Some(Err(error)) => {
                tracing::warn!(plugin = %plugin.name(), %error, "the build failed its trial and was not rolled back");
            }
        }
        self.end_load().await;
    }

    /// Does it in a task of its own, and tells those who follow changes.
    async fn to_its_end<F>(
        &self,
        name: &PluginName,
        work: impl FnOnce(Arc<Slot>, Arc<Workshop>) -> F,
    ) -> Result<PluginStatus, RollbackError>
    where
        F: Future<Output = Result<PluginStatus, RollbackError>> + Send + 'static,
    {
        let slot = self
            .find(name)
            .ok_or_else(|| RollbackError::Unknown(name.clone()))?;
        let work = work(slot, Arc::clone(&self.workshop));
        let changes = self.changes.clone();
        let task = tokio::spawn(async move {
            let done = work.await;
            changes.send_modify(|count| *count += 1);
            done
        });
        let done = task.await.map_err(|error| LoadError::Host(error.to_string()))?;
        self.end_load().await;
        done
    }
}
