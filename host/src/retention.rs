//! Keeps `[retention]`: purges finished events, takes values out of old ones, and ends old entries of logs.
//!
//! It works in small steps with pauses, so that intake hardly feels it: a step holds the database's writer for
//! milliseconds, and then leaves it alone for several times as long. Every node does it; what one has taken, the
//! others pass over. What it does not do: the redaction at intake ([`crate::intake`] does) and purges that a person
//! asks for.

mod redact;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::SharedClock;
use crate::domain::retention::{Retention, RetentionRule, Scope, SharedRetention};
use crate::domain::time::Timestamp;
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::store::{Place, Purge, SharedStore, StoreResult};

/// How often everything is looked through, beside whenever the rules change.
pub const PASS_INTERVAL: Duration = Duration::from_mins(1);
/// How soon a change of the rules is noticed.
const NOTICE_INTERVAL: Duration = Duration::from_millis(500);
/// Events that one step removes: with their deliveries and attempts some thousand rows, about 10 ms of writing.
pub const PURGE_STEP: u32 = 200;
/// Entries of a log that one step removes: they are small and have no rows of their own.
const LOG_STEP: u32 = 1_000;
/// How long an order to replay or discard many stays after its end: longer than anybody looks back at how far one came.
/// Who gave it and what for stays in the audit log, and what it did with the deliveries.
const ORDERS_KEPT: Duration = Duration::from_hours(24 * 90);
/// Least pause after a step.
const MIN_PAUSE: Duration = Duration::from_millis(20);
/// How many times as long as a step took the pause after it is: a purge takes at most a fifth of the writer.
const PAUSE_FACTOR: u32 = 4;
/// Pages of SQLite's file that are given back after each step: 1 MiB of the 4 KiB that a page has.
pub const RECLAIM_PAGES: u32 = 256;

/// What the keeper works with.
pub struct Keeper {
    pub store: SharedStore,
    pub clock: SharedClock,
    pub rules: SharedRetention,
    pub metrics: Arc<Metrics>,
    pub lifecycle: Lifecycle,
}

/// Why a pass ended before its end.
enum Stopped {
    Asked,
    Failed(crate::store::StoreError),
}

impl From<crate::store::StoreError> for Stopped {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Failed(error)
    }
}

type Pass<T> = Result<T, Stopped>;

impl Keeper {
    /// Keeps the rules until the soft stop.
    pub async fn run(self) {
        // Where each scope's redaction has come to; from the beginning after a start or a change of the rules.
        let mut redacted = HashMap::new();
        loop {
            let rules = self.rules.load_full();
            match self.pass(&rules, &mut redacted).await {
                Ok(()) => {}
                Err(Stopped::Asked) => return,
                Err(Stopped::Failed(error)) => {
                    tracing::warn!(%error, "cannot purge or redact old events; trying again in a minute");
                }
            }
            if self.rest(&rules).await.is_err() {
                return;
            }
            if !Arc::ptr_eq(&rules, &self.rules.load()) {
                redacted.clear();
            }
        }
    }

    /// Waits for the next pass, or until the rules are others.
    async fn rest(&self, rules: &Arc<Retention>) -> Pass<()> {
        let began = Instant::now();
        while began.elapsed() < PASS_INTERVAL && Arc::ptr_eq(rules, &self.rules.load()) {
            self.pause(NOTICE_INTERVAL).await?;
        }
        Ok(())
    }

    async fn pass(&self, rules: &Retention, redacted: &mut HashMap<Scope, Place>) -> Pass<()> {
        let now = self.clock.now();
        for (scope, rule) in rules.scopes() {
            let purge = purge_of(self, &scope, rule, now).await?;
            self.purge(&purge).await?;
            if let Some(after) = &rule.redact_after {
                let before = now.minus(after.age);
                let from = redacted.get(&scope).copied();
                let place = self.redact(&scope, &after.what, before, from).await?;
                redacted.insert(scope, place);
            }
        }
        if let Some(age) = rules.audit_max_age {
            let before = now.minus(age);
            self.steps(|| self.store.purge_audit(before, LOG_STEP), LOG_STEP)
                .await?;
        }
        if let Some(age) = rules.general.max_age {
            let before = now.minus(age);
            self.steps(|| self.store.purge_schedule_runs(before, LOG_STEP), LOG_STEP)
                .await?;
        }
        let before = now.minus(ORDERS_KEPT);
        self.steps(|| self.store.purge_replay_jobs(before, LOG_STEP), LOG_STEP)
            .await
    }

    /// Removes what may go, oldest first.
    async fn purge(&self, purge: &Purge) -> Pass<()> {
        let (mut after, mut purged) = (None, 0_u64);
        loop {
            let places = self.store.purgeable_events(purge, after, PURGE_STEP).await?;
            let Some(last) = places.last().copied() else { break };
            let ids: Vec<_> = places.iter().map(|place| place.id).collect();
            let began = Instant::now();
            let gone = self.store.purge_events(purge, &ids).await?;
            self.store.reclaim(RECLAIM_PAGES).await?;
            self.metrics.events_purged(gone);
            purged += gone;
            after = Some(last);
            self.pause_after(began).await?;
        }
        if purged > 0 {
            tracing::info!(events = purged, scope = ?purge.scope, "purged old events");
            self.give_back().await?;
        }
        Ok(())
    }

    /// Gives back what the steps have left free: large events free more pages than a step gives back.
    async fn give_back(&self) -> Pass<()> {
        loop {
            let began = Instant::now();
            if self.store.reclaim(RECLAIM_PAGES).await? == 0 {
                return Ok(());
            }
            self.pause_after(began).await?;
        }
    }

    /// Repeats a step until it does less than it could.
    async fn steps<F, S>(&self, step: F, most: u32) -> Pass<()>
    where
        F: Fn() -> S,
        S: Future<Output = StoreResult<u64>>,
    {
        loop {
            let began = Instant::now();
            if step().await? < u64::from(most) {
                return Ok(());
            }
            self.pause_after(began).await?;
        }
    }

    async fn pause_after(&self, began: Instant) -> Pass<()> {
        let pause = began.elapsed().saturating_mul(PAUSE_FACTOR).max(MIN_PAUSE);
        self.pause(pause).await
    }

    async fn pause(&self, span: Duration) -> Pass<()> {
        tokio::select! {
            () = self.lifecycle.soft.cancelled() => Err(Stopped::Asked),
            () = tokio::time::sleep(span) => Ok(()),
        }
    }
}

/// What may go by a rule.
async fn purge_of(keeper: &Keeper, scope: &Scope, rule: &RetentionRule, now: Timestamp) -> Pass<Purge> {
    let by_age = rule.max_age.map(|age| Place::before(now.minus(age)));
    let by_count = match rule.max_events {
        Some(most) => keeper.store.event_beyond(scope, most).await?,
        None => None,
    };
    let processed = by_age.max(by_count);
    let failed = rule.failed_max_age.map(|age| Place::before(now.minus(age)));
    Ok(Purge {
        scope: scope.clone(),
        processed,
        failed: if rule.purge_failed {
            processed.max(failed)
        } else {
            failed
        },
    })
}
