//! The counters of `/metrics`, sent to a collector.

use std::sync::Arc;

use anyhow::Context as _;

use super::App;
use crate::http::metrics::show_stored;
use crate::telemetry::{MetricsExport, STOP_TIMEOUT};

impl App {
    /// What sends them; `None` where no collector is named.
    pub(super) fn metrics_export(&self) -> anyhow::Result<Option<Arc<MetricsExport>>> {
        let env = &self.sources.secrets.environment;
        let export = MetricsExport::from_environment(env, &self.node.to_string(), self.clock.now())?;
        Ok(export.map(Arc::new))
    }

    /// Sends them now and then until the soft stop. A collector that is away is told of once.
    pub(super) async fn export_metrics(self: Arc<Self>, export: Arc<MetricsExport>) {
        let mut is_well = true;
        loop {
            tokio::select! {
                () = self.lifecycle.soft.cancelled() => return,
                () = tokio::time::sleep(export.interval()) => {}
            }
            show_stored(&self.metrics, &self.intake, &self.store).await;
            match self.send_metrics(&export).await {
                Ok(()) => is_well = true,
                Err(error) if is_well => {
                    is_well = false;
                    tracing::warn!(error = format!("{error:#}"), "cannot send metrics; trying again");
                }
                Err(_) => {}
            }
        }
    }

    /// Sends them for the last time: what was counted since, and while the service stopped.
    pub(super) async fn export_last_metrics(&self, export: &MetricsExport) {
        let sent = tokio::time::timeout(STOP_TIMEOUT, self.send_metrics(export)).await;
        if !matches!(sent, Ok(Ok(()))) {
            tracing::warn!("the last metrics did not reach the collector");
        }
    }

    async fn send_metrics(&self, export: &MetricsExport) -> anyhow::Result<()> {
        let text = self.metrics.text().context("cannot read the counters")?;
        export.send(&text, self.clock.now()).await
    }
}
