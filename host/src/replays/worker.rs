//! Goes through the orders, batch by batch, until the soft stop. What is not done by then is done after
//! the next start, or by another node.

use std::time::Duration;

use super::{ReplayError, Replays};
use crate::domain::id::ReplayId;
use crate::domain::replay::{JobState, JobStep, Receivers, ReplayJob};
use crate::lifecycle::Lifecycle;
use crate::store::StoreResult;

/// How long it sleeps at most: how late it sees an order that another node was given.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// How long it sleeps at least: another node may be at the batch that is due.
const MIN_SLEEP: Duration = Duration::from_millis(20);

/// Pause after the database failed to answer.
const ERROR_PAUSE: Duration = Duration::from_secs(1);

/// Runs orders until the soft stop.
pub async fn run(replays: Replays, life: Lifecycle) {
    let mut failing = false;
    while !life.soft.is_cancelled() {
        let stepped = replays.step().await;
        if let Err(error) = &stepped
            && !failing
        {
            tracing::warn!(%error, "orders to replay or discard make no progress; they go on when the database answers");
        }
        failing = stepped.is_err();
        let wait = match stepped {
            Ok(None) => continue,
            Ok(Some(wait)) => wait,
            Err(_) => ERROR_PAUSE,
        };
        tokio::select! {
            () = life.soft.cancelled() => {}
            () = replays.bell.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

impl Replays {
    /// Does the order to its end, here. For commands that work without a running server.
    ///
    /// # Errors
    /// When it is not there, or the database does not answer.
    pub async fn run_to_end(&self, id: ReplayId) -> Result<ReplayJob, ReplayError> {
        loop {
            let job = self.store.replay_job(id).await?.ok_or(ReplayError::NoOrder(id))?;
            if job.state != JobState::Running {
                return Ok(job);
            }
            if let Some(wait) = self.step().await? {
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// Does one batch; how long nothing will be due when there was none.
    async fn step(&self) -> StoreResult<Option<Duration>> {
        let on: Receivers = self
            .specs
            .load()
            .values()
            .filter(|spec| spec.enabled)
            .map(|spec| (spec.name.clone(), spec.order_by.clone()))
            .collect();
        let on = on.routed(self.routes.load_full());
        match self.store.step_replay_jobs(&on, self.clock.now()).await? {
            JobStep::Worked(plugins) => {
                self.wake.ring(&plugins);
                Ok(None)
            }
            JobStep::Nothing(wait) => {
                Ok(Some(wait.map_or(POLL_INTERVAL, |wait| {
                    wait.clamp(MIN_SLEEP, POLL_INTERVAL)
                })))
            }
        }
    }
}
