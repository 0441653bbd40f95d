//! One call of a plugin: one delivery, or several that share it. Each is marked as started, and each is
//! recorded with an outcome of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use rand::RngExt as _;

use super::gate::ended;
use super::keeper::{Keeper, Kept};
use super::verdict::{Judged, judge, judge_shared};
use super::{Parts, Recorder};
use crate::domain::attempt::{AttemptOutcome, Batch, FinishedAttempt};
use crate::domain::breaker::Ended;
use crate::domain::delivery::{Claim, Finish, Leased, OnUnknown, Tried, Verdict};
use crate::domain::event::{Event, EventKind};
use crate::domain::id::{AttemptId, BatchId};
use crate::domain::plugin::PluginSpec;
use crate::domain::time::Timestamp;
use crate::fault::{self, Point};
use crate::wasm::{Ends, Job, Plugin, Run, RunEnd};

/// What a call needs: the generation that runs it and the operator's word on it, both as it begins.
pub(super) struct Caller {
    pub parts: Parts,
    pub recorder: Recorder,
    pub plugin: Arc<Plugin>,
    pub spec: Arc<PluginSpec>,
}

/// A claim whose lease is kept until this is dropped.
pub(super) struct Held {
    pub claim: Claim,
    kept: Kept,
    /// The event in `claim` has the payload that the plugin's `map` made; the stored one has not.
    mapped: bool,
}

impl Held {
    pub(super) fn new(claim: Claim, keeper: &Keeper) -> Self {
        let kept = keeper.hold(claim.lease());
        Self {
            claim,
            kept,
            mapped: false,
        }
    }

    fn job(&self) -> Job {
        Job {
            delivery: self.claim.delivery,
            attempt: self.claim.attempts.saturating_add(1),
            event: self.claim.event.clone(),
        }
    }
}

/// Marks the deliveries as started, runs them in one call, records what came of each.
///
/// A delivery whose lease is lost has no part in it: before the call it is left out, afterwards its
/// result is refused. The others' results stand. What the call says of the destination is told as soon as
/// it has ended, before anything is written.
pub(super) async fn execute(caller: &Caller, held: Vec<Held>, tell: impl FnOnce(Ended) + Send) {
    let held = started(&caller.recorder, held).await;
    let held = mapped(caller, held).await;
    if held.is_empty() {
        return;
    }
    fault::pass(Point::AfterMark);
    let begun = Begun::now(caller, held.len());
    let jobs: Vec<_> = held.iter().map(Held::job).collect();
    let finishes = tokio::select! {
        run = caller.plugin.run(&jobs) => {
            tell(ended(&run));
            caller.parts.lanes.note_run(&caller.spec.name, caller.plugin.generation(), &run);
            finishes_of(caller, &held, &begun, run)
        }
        () = all_lost(&held) => {
            tracing::warn!(plugin = %caller.spec.name, deliveries = held.len(), "the leases were lost while it ran; dropped");
            return;
        }
        () = caller.parts.lifecycle.hard.cancelled() => {
            if caller.spec.on_unknown == OnUnknown::Hold {
                // The leases end, and the sweep records the unknown outcomes and holds them.
                return;
            }
            held.iter().map(|held| interrupted(caller, held, &begun)).collect()
        }
    };
    fault::pass(Point::BeforeRecord);
    let recorded = held.iter().zip(finishes).map(|(held, finish)| async move {
        let tells = tells_of_the_build(&finish).then_some((finish.delivery, finish.attempt.outcome));
        let leased = record(caller, &held.claim, finish).await;
        tells.filter(|_| leased == Leased::Done)
    });
    let recorded = join_all(recorded).await;
    fault::pass(Point::AfterRecord);
    // After all are recorded, and one after the other: the first may roll the build back.
    for (delivery, outcome) in recorded.into_iter().flatten() {
        caller
            .parts
            .registry
            .judge(&caller.plugin, delivery, outcome)
            .await;
    }
}

/// Whether this end says something of the build that ran. One that was shared does not: nobody knows whose
/// failure it was, and each delivery now runs alone.
const fn tells_of_the_build(finish: &Finish) -> bool {
    !matches!(finish.verdict, Verdict::Alone)
}

/// When a call began, and what its attempts have in common.
struct Begun {
    at: Timestamp,
    clock: Instant,
    batch: Option<Batch>,
}

impl Begun {
    fn now(caller: &Caller, deliveries: usize) -> Self {
        Self {
            at: caller.parts.clock.now(),
            clock: Instant::now(),
            batch: (deliveries > 1).then(|| Batch {
                id: BatchId::generate(),
                size: u32::try_from(deliveries).unwrap_or(u32::MAX),
            }),
        }
    }
}

/// Gives webhooks the payload that the plugin's `map` makes of them. One that it makes nothing of is a
/// dead letter at once: the same text fails again, and an edit of `map` is no reason to try by itself.
async fn mapped(caller: &Caller, held: Vec<Held>) -> Vec<Held> {
    if caller.spec.map.is_none() {
        return held;
    }
    let mut ready = Vec::with_capacity(held.len());
    for mut one in held {
        if one.claim.event.kind != EventKind::Webhook {
            ready.push(one);
            continue;
        }
        match payload_of(caller, &one.claim.event).await {
            Ok(payload) => {
                let event = &mut one.claim.event;
                (event.body, event.payload) = (payload, None);
                "application/json".clone_into(&mut event.content_type);
                one.mapped = true;
                ready.push(one);
            }
            Err(error) => {
                let judged = Judged {
                    outcome: AttemptOutcome::Rejected,
                    error: Some(error),
                    verdict: Verdict::Dead,
                };
                let begun = Begun::now(caller, 1);
                let finish = blank(caller, &one, &begun, Duration::ZERO, judged);
                record(caller, &one.claim, finish).await;
            }
        }
    }
    ready
}

/// What `map` makes of an event, worked out where nobody waits for the thread.
async fn payload_of(caller: &Caller, event: &Event) -> Result<Bytes, String> {
    let (spec, event, bytes) = (caller.spec.clone(), event.clone(), event.body.len());
    let making = move || match &spec.map {
        Some(map) => map.apply(&event),
        None => Ok(event.payload()),
    };
    let made = caller.parts.looks.look(bytes, making).await;
    made.unwrap_or_else(|| Err("`map` could not be worked out".to_owned()))
}

/// Those whose started marks are committed; only they may run.
async fn started(recorder: &Recorder, held: Vec<Held>) -> Vec<Held> {
    let marks = held
        .iter()
        .map(|held| recorder.started(held.claim.delivery, held.claim.token));
    let answers = join_all(marks).await;
    let mut ours = Vec::with_capacity(held.len());
    for (held, answer) in held.into_iter().zip(answers) {
        match answer {
            Leased::Done => ours.push(held),
            Leased::Lost => {
                tracing::debug!(delivery = %held.claim.delivery, "the lease was lost before the run began");
            }
        }
    }
    ours
}

async fn all_lost(held: &[Held]) {
    join_all(held.iter().map(|held| held.kept.lost.cancelled())).await;
}

async fn record(caller: &Caller, claim: &Claim, finish: Finish) -> Leased {
    let attempt = claim.attempts.saturating_add(1);
    let (outcome, error) = (finish.attempt.outcome, finish.attempt.error.clone());
    let (duration_ms, batch) = (
        finish.attempt.duration_ms,
        finish.attempt.batch.map(|batch| batch.size),
    );
    let leased = caller.recorder.finished(finish).await;
    match leased {
        Leased::Done => tracing::info!(
            delivery = %claim.delivery, event = %claim.event.id, plugin = %claim.plugin,
            attempt, ?outcome, duration_ms, batch, error, "attempt"
        ),
        Leased::Lost => tracing::warn!(
            delivery = %claim.delivery, plugin = %claim.plugin, attempt, ?outcome,
            "the result came after the lease had ended; not recorded"
        ),
    }
    leased
}

/// One record per delivery. Each has the whole call's logs and requests: not more than it might have had in a
/// call of its own, and all that a person who looks into it needs.
fn finishes_of(caller: &Caller, held: &[Held], begun: &Begun, run: Run) -> Vec<Finish> {
    let Run {
        ends,
        duration,
        logs,
        calls,
        ..
    } = run;
    let (ends, shared) = match ends {
        Ends::Each(ends) => (ends, false),
        Ends::Whole(end) => (vec![end; held.len()], held.len() > 1),
    };
    let ended = begun.at.plus(duration);
    let finish = |(held, end): (&Held, RunEnd)| {
        let claim = &held.claim;
        let tried = Tried {
            attempt: claim.attempts.saturating_add(1),
            age: ended.since(claim.created_at),
        };
        let judged = if shared {
            judge_shared(&end, held_count(begun), tried, &caller.spec.retry)
        } else {
            judge(&end, tried, &caller.spec.retry, rand::rng().random())
        };
        let mut finish = blank(caller, held, begun, duration, judged);
        if let RunEnd::Succeeded { summary, output } = end {
            finish.attempt.summary = Some(summary);
            finish.attempt.output = output;
        }
        finish.attempt.logs.clone_from(&logs);
        finish.attempt.calls.clone_from(&calls);
        finish
    };
    held.iter().zip(ends).map(finish).collect()
}

const fn held_count(begun: &Begun) -> u32 {
    match begun.batch {
        Some(batch) => batch.size,
        None => 1,
    }
}

/// The record of a run that the host's stop cut short: it is due again at once.
fn interrupted(caller: &Caller, held: &Held, begun: &Begun) -> Finish {
    let judged = Judged {
        outcome: AttemptOutcome::Interrupted,
        error: Some("hookyard was stopped while the plugin ran; it may have had an effect".to_owned()),
        verdict: Verdict::Retry { delay_ms: 0 },
    };
    blank(caller, held, begun, begun.clock.elapsed(), judged)
}

/// A record without what only the plugin could have said.
fn blank(caller: &Caller, held: &Held, begun: &Begun, duration: Duration, judged: Judged) -> Finish {
    Finish {
        delivery: held.claim.delivery,
        token: held.claim.token,
        verdict: judged.verdict,
        attempt: FinishedAttempt {
            id: AttemptId::generate(),
            started_at: begun.at,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            outcome: judged.outcome,
            summary: None,
            output: None,
            error: judged.error,
            logs: Vec::new(),
            calls: Vec::new(),
            generation: Some(caller.plugin.generation()),
            digest: Some(caller.plugin.digest().to_owned()),
            batch: begun.batch,
            mapped: held.mapped,
        },
    }
}
