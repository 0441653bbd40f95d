//! One plugin's lane: claims as much as the plugin has free slots for, and runs it.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use super::keeper::Keeper;
use super::verdict::{Judged, judge};
use super::{LEASE, POLL_INTERVAL, Parts, Recorder, lease_of};
use crate::domain::attempt::{AttemptOutcome, FinishedAttempt};
use crate::domain::delivery::{Claim, Finish, Leased, OnUnknown, Tried, Verdict};
use crate::domain::id::AttemptId;
use crate::domain::plugin::{PluginName, PluginSpec};
use crate::domain::time::Timestamp;
use crate::wasm::{Job, Plugin, Run, RunEnd};

/// Most deliveries claimed in one statement: bounds the bodies held in memory at once.
const CLAIM_LIMIT: u32 = 64;

/// Pause after the database failed to answer a claim.
const ERROR_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Lane {
    name: PluginName,
    parts: Parts,
    recorder: Recorder,
    keeper: Keeper,
    bell: Arc<Notify>,
    runs: TaskTracker,
}

/// What a turn of the lane came to.
enum Turn {
    /// Look again at once.
    Again,
    /// Nothing to do before this time, unless the bell rings.
    Wait(Duration),
}

impl Lane {
    pub(super) fn new(
        name: PluginName,
        parts: Parts,
        recorder: Recorder,
        keeper: Keeper,
        bell: Arc<Notify>,
    ) -> Self {
        Self {
            name,
            parts,
            recorder,
            keeper,
            bell,
            runs: TaskTracker::new(),
        }
    }

    /// Runs until the soft stop, then waits for the runs under way.
    pub(super) async fn run(self) {
        let slots = Slots::default();
        while !self.parts.lifecycle.soft.is_cancelled() {
            match self.turn(&slots).await {
                Turn::Again => {}
                Turn::Wait(wait) => tokio::select! {
                    () = self.parts.lifecycle.soft.cancelled() => {}
                    () = self.bell.notified() => {}
                    () = tokio::time::sleep(wait) => {}
                },
            }
        }
        self.runs.close();
        self.runs.wait().await;
    }

    async fn turn(&self, slots: &Slots) -> Turn {
        let Some(plugin) = self.parts.registry.plugin(&self.name) else {
            return Turn::Wait(POLL_INTERVAL);
        };
        let spec = plugin.spec();
        if !spec.enabled || spec.paused {
            return Turn::Wait(POLL_INTERVAL);
        }
        let free = slots.free(spec.limits.concurrency);
        if free == 0 {
            // A run that ends rings the bell.
            return Turn::Wait(POLL_INTERVAL);
        }
        let limit = free.min(CLAIM_LIMIT);
        match self
            .parts
            .store
            .claim_deliveries(&self.name, limit, self.parts.node, LEASE)
            .await
        {
            Ok(claims) if claims.is_empty() => Turn::Wait(self.until_due().await),
            Ok(claims) => {
                for claim in claims {
                    self.spawn(
                        claim,
                        Runner {
                            plugin: plugin.clone(),
                            spec: spec.clone(),
                        },
                        slots.take(),
                    );
                }
                Turn::Again
            }
            Err(error) => {
                tracing::warn!(plugin = %self.name, %error, "cannot claim deliveries; trying again");
                Turn::Wait(ERROR_PAUSE)
            }
        }
    }

    async fn until_due(&self) -> Duration {
        match self.parts.store.next_due(&self.name).await {
            Ok(Some(due)) => due.clamp(Duration::from_millis(1), POLL_INTERVAL),
            Ok(None) => POLL_INTERVAL,
            Err(_) => ERROR_PAUSE,
        }
    }

    fn spawn(&self, claim: Claim, runner: Runner, slot: Slot) {
        let (parts, recorder, keeper, bell) = (
            self.parts.clone(),
            self.recorder.clone(),
            self.keeper.clone(),
            self.bell.clone(),
        );
        self.runs.spawn(async move {
            execute(&parts, &recorder, &keeper, &runner, claim).await;
            drop(slot);
            bell.notify_one();
        });
    }
}

/// The generation that runs a claim, and the operator's word on it, both as of the claim.
pub(super) struct Runner {
    pub plugin: Arc<Plugin>,
    pub spec: Arc<PluginSpec>,
}

/// Counts the runs under way; the limit may change between turns.
#[derive(Default)]
struct Slots(Arc<()>);

/// One run under way; dropping it frees the slot.
type Slot = Arc<()>;

impl Slots {
    fn free(&self, limit: u32) -> u32 {
        let taken = Arc::strong_count(&self.0).saturating_sub(1);
        limit.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX))
    }

    fn take(&self) -> Slot {
        self.0.clone()
    }
}

/// Marks the claim as started, runs it, records what came of it.
pub(super) async fn execute(
    parts: &Parts,
    recorder: &Recorder,
    keeper: &Keeper,
    runner: &Runner,
    claim: Claim,
) {
    let held = keeper.hold(lease_of(&claim));
    if recorder.started(claim.delivery, claim.token).await == Leased::Lost {
        tracing::debug!(delivery = %claim.delivery, "the lease was lost before the run began");
        return;
    }
    let started_at = parts.clock.now();
    let clock = std::time::Instant::now();
    let attempt = claim.attempts.saturating_add(1);
    let job = Job {
        delivery: claim.delivery,
        attempt,
        event: claim.event.clone(),
    };
    let run = tokio::select! {
        run = runner.plugin.run(job) => run,
        () = held.lost.cancelled() => {
            tracing::warn!(delivery = %claim.delivery, plugin = %claim.plugin, "the lease was lost while it ran; dropped");
            return;
        }
        () = parts.lifecycle.hard.cancelled() => {
            if runner.spec.on_unknown == OnUnknown::Hold {
                // Its lease ends, and the sweep records the unknown outcome and holds it.
                return;
            }
            let finish = interrupted(&claim, runner, started_at, clock.elapsed());
            recorder.finished(finish).await;
            return;
        }
    };
    let finish = finish_of(&claim, runner, started_at, run);
    let (outcome, error) = (finish.attempt.outcome, finish.attempt.error.clone());
    let duration_ms = finish.attempt.duration_ms;
    match recorder.finished(finish).await {
        Leased::Done => tracing::info!(
            delivery = %claim.delivery, event = %claim.event.id, plugin = %claim.plugin,
            attempt, ?outcome, duration_ms, error, "attempt"
        ),
        Leased::Lost => tracing::warn!(
            delivery = %claim.delivery, plugin = %claim.plugin, attempt, ?outcome,
            "the result came after the lease had ended; not recorded"
        ),
    }
}

fn finish_of(claim: &Claim, runner: &Runner, started_at: Timestamp, run: Run) -> Finish {
    let ended = started_at.plus(run.duration);
    let tried = Tried {
        attempt: claim.attempts.saturating_add(1),
        age: ended.since(claim.created_at),
    };
    let Judged {
        outcome,
        error,
        verdict,
    } = judge(&run.end, tried, &runner.spec.retry, rand::rng().random());
    let (summary, output) = match run.end {
        RunEnd::Succeeded { summary, output } => (Some(summary), output),
        _ => (None, None),
    };
    let attempt = FinishedAttempt {
        id: AttemptId::generate(),
        started_at,
        duration_ms: millis(run.duration),
        outcome,
        summary,
        output,
        error,
        logs: run.logs,
        calls: run.calls,
        generation: Some(runner.plugin.generation()),
        digest: Some(runner.plugin.digest().to_owned()),
    };
    Finish {
        delivery: claim.delivery,
        token: claim.token,
        verdict,
        attempt,
    }
}

/// The record of a run that the host's stop cut short: it is due again at once.
fn interrupted(claim: &Claim, runner: &Runner, started_at: Timestamp, duration: Duration) -> Finish {
    let attempt = FinishedAttempt {
        id: AttemptId::generate(),
        started_at,
        duration_ms: millis(duration),
        outcome: AttemptOutcome::Interrupted,
        summary: None,
        output: None,
        error: Some("hookyard was stopped while the plugin ran; it may have had an effect".to_owned()),
        logs: Vec::new(),
        calls: Vec::new(),
        generation: Some(runner.plugin.generation()),
        digest: Some(runner.plugin.digest().to_owned()),
    };
    Finish {
        delivery: claim.delivery,
        token: claim.token,
        verdict: Verdict::Retry { delay_ms: 0 },
        attempt,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
