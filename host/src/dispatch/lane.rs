//! One plugin's lane: claims as much as the plugin has free slots for and its gate allows, and runs it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use super::call::{Caller, Held, execute};
use super::gate::{Call, Gate};
use super::group::group;
use super::keeper::Keeper;
use super::{LEASE, POLL_INTERVAL, Parts, Recorder};
use crate::domain::breaker::Permit;
use crate::domain::delivery::{AGAIN_IN, Take};
use crate::domain::plugin::{MAX_BATCH, PluginName};
use crate::fault::{self, Point};
use crate::store::StoreResult;
use crate::wasm::Plugin;

/// Most deliveries claimed in one statement: bounds the bodies held in memory at once.
const CLAIM_LIMIT: u32 = MAX_BATCH;

/// Pause after the database failed to answer a claim.
const ERROR_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Lane {
    name: PluginName,
    parts: Parts,
    recorder: Recorder,
    keeper: Keeper,
    bell: Arc<Notify>,
    runs: TaskTracker,
    gate: Arc<Gate>,
    /// Deliveries claimed so far: whose share the next slot is.
    claimed: u32,
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
            gate: Gate::new(name.clone(), parts.clone()),
            name,
            parts,
            recorder,
            keeper,
            bell,
            runs: TaskTracker::new(),
            claimed: 0,
        }
    }

    /// Runs until the soft stop, then waits for the runs under way.
    pub(super) async fn run(mut self) {
        let slots = Slots::default();
        let mut calls = Queue::default();
        while !self.parts.lifecycle.soft.is_cancelled() {
            match self.turn(&slots, &mut calls).await {
                Turn::Again => {}
                Turn::Wait(wait) => tokio::select! {
                    () = self.parts.lifecycle.soft.cancelled() => {}
                    () = self.bell.notified() => {}
                    () = tokio::time::sleep(wait) => {}
                },
            }
        }
        self.give_back(&mut calls).await;
        self.runs.close();
        self.runs.wait().await;
    }

    async fn turn(&mut self, slots: &Slots, calls: &mut Queue) -> Turn {
        let plugin = self.parts.registry.plugin(&self.name);
        let Some(plugin) = plugin.filter(|plugin| plugin.spec().enabled && !plugin.spec().paused) else {
            self.give_back(calls).await;
            if self.parts.spec(&self.name).is_none_or(|spec| !spec.enabled) {
                self.gate.forget();
            }
            return Turn::Wait(POLL_INTERVAL);
        };
        let (spec, now) = (plugin.spec(), Instant::now());
        let (slots_open, together) = match self.gate.permit(&spec, plugin.generation(), now) {
            Permit::All => (spec.limits.concurrency, together(&plugin)),
            // One delivery: enough to see how the destination does.
            Permit::Trial => (1, 1),
            Permit::Nothing(wait) => {
                self.give_back(calls).await;
                // A trial that ends rings the bell.
                return Turn::Wait(wait.unwrap_or(POLL_INTERVAL));
            }
        };
        let free = slots.free(slots_open);
        self.gate.set_full(free == 0, now);
        if free == 0 {
            // A run that ends rings the bell.
            return Turn::Wait(POLL_INTERVAL);
        }
        if calls.is_empty() {
            let most = match self.gate.tokens(now) {
                Ok(tokens) => tokens.min(free.saturating_mul(together)),
                Err(wait) => return Turn::Wait(wait),
            };
            match self.claim(most).await {
                Ok(claimed) if claimed.is_empty() => return Turn::Wait(self.until_due().await),
                Ok(claimed) => {
                    fault::pass(Point::AfterClaim);
                    self.gate.take(claimed.len(), now);
                    calls.fill(claimed, together);
                }
                Err(error) => {
                    tracing::warn!(plugin = %self.name, %error, "cannot claim deliveries; trying again");
                    return Turn::Wait(ERROR_PAUSE);
                }
            }
        }
        calls.regroup(together);
        for _ in 0..free {
            let Some(call) = calls.pop() else { break };
            let Some(begun) = self.gate.begin(Instant::now()) else {
                calls.put_back(call);
                break;
            };
            self.spawn(call, plugin.clone(), (begun, slots.take()));
        }
        Turn::Again
    }

    /// Claims what is due, at most so many.
    async fn claim(&mut self, most: u32) -> StoreResult<Vec<Held>> {
        let (store, node) = (&self.parts.store, self.parts.node);
        let take = Take::shared(most.min(CLAIM_LIMIT), self.claimed);
        let claims = store.claim_deliveries(&self.name, take, node, LEASE).await?;
        let claimed = u32::try_from(claims.len()).unwrap_or(u32::MAX);
        self.claimed = self.claimed.wrapping_add(claimed) % AGAIN_IN;
        let hold = |claim| Held::new(claim, &self.keeper);
        Ok(claims.into_iter().map(hold).collect())
    }

    /// Lets others have what waits here.
    async fn give_back(&self, calls: &mut Queue) {
        let held = calls.take();
        if held.is_empty() {
            return;
        }
        let leases: Vec<_> = held.iter().map(|held| held.claim.lease()).collect();
        if let Err(error) = self.parts.store.release_deliveries(&leases).await {
            tracing::warn!(plugin = %self.name, %error, "cannot give deliveries back; their leases will end");
        }
    }

    async fn until_due(&self) -> Duration {
        match self.parts.store.next_due(&self.name).await {
            Ok(Some(due)) => due.clamp(Duration::from_millis(1), POLL_INTERVAL),
            Ok(None) => POLL_INTERVAL,
            Err(_) => ERROR_PAUSE,
        }
    }

    fn spawn(&self, call: Vec<Held>, plugin: Arc<Plugin>, (begun, slot): (Call, Slot)) {
        let caller = Caller {
            parts: self.parts.clone(),
            recorder: self.recorder.clone(),
            spec: plugin.spec(),
            plugin,
        };
        let bell = self.bell.clone();
        self.runs.spawn(async move {
            execute(&caller, call, |ended| begun.end(ended)).await;
            drop(slot);
            bell.notify_one();
        });
    }
}

/// How many deliveries a plugin takes in one call, by its build and its section.
fn together(plugin: &Plugin) -> u32 {
    if plugin.manifest().batches {
        plugin.spec().limits.batch
    } else {
        1
    }
}

/// Claims that wait for a free slot, put into calls, their leases kept. More calls than slots come when some
/// deliveries must run alone.
#[derive(Default)]
struct Queue {
    calls: VecDeque<Vec<Held>>,
    /// How many share a call at most.
    together: u32,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    fn fill(&mut self, held: Vec<Held>, together: u32) {
        self.together = together;
        self.calls = group(held, together, |held: &Held| &held.claim).into();
    }

    /// The plugin may have been replaced since the calls were made, by one that takes fewer at once or more.
    fn regroup(&mut self, together: u32) {
        if self.together != together {
            let held = self.take();
            self.fill(held, together);
        }
    }

    fn put_back(&mut self, call: Vec<Held>) {
        self.calls.push_front(call);
    }

    fn pop(&mut self) -> Option<Vec<Held>> {
        self.calls.pop_front()
    }

    fn take(&mut self) -> Vec<Held> {
        self.calls.drain(..).flatten().collect()
    }
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
