//! Makes the ticks of schedules: each due moment becomes one event with one delivery.
//!
//! A tick is made when it is committed, together with a row that no other node can write too, so
//! that a crash, a second node or a clock that jumps neither doubles nor halves one. What happens to
//! the event afterwards is the dispatcher's business.

mod desk;
mod entry;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::SharedClock;
use crate::domain::plugin::{PluginName, PluginSpec, SharedSpecs};
use crate::domain::time::Timestamp;
use crate::lifecycle::Lifecycle;
use crate::store::{SharedStore, StoreResult};
use crate::wake::Wake;
use entry::Entry;

pub use desk::{Desk, ScheduleError, ScheduleStatus, StartedRun};

/// How long the scheduler sleeps at most: how late it sees a change of `plugins.toml` or of the
/// machine's clock. Looking costs no database access.
const MAX_SLEEP: Duration = Duration::from_secs(1);

/// How long it sleeps at least, so that a clock that is a little behind the timer causes no spin.
const MIN_SLEEP: Duration = Duration::from_millis(1);

/// What the scheduler works with.
#[derive(Clone)]
pub struct Parts {
    pub store: SharedStore,
    pub specs: SharedSpecs,
    pub clock: SharedClock,
    pub wake: Arc<Wake>,
    pub lifecycle: Lifecycle,
}

/// Puts the schedules of the specs in force, and makes their ticks until the soft stop.
///
/// # Errors
/// When the database does not answer.
pub async fn start(parts: Parts) -> StoreResult<()> {
    let life = parts.lifecycle.clone();
    let mut scheduler = Scheduler {
        parts,
        specs: None,
        entries: Vec::new(),
    };
    scheduler.follow_specs().await?;
    life.spawn("scheduler", run(scheduler, life.clone()));
    Ok(())
}

async fn run(mut scheduler: Scheduler, life: Lifecycle) {
    let mut failing = false;
    loop {
        let passed = scheduler.pass().await;
        if let Err(error) = &passed
            && !failing
        {
            tracing::warn!(%error, "ticks cannot be recorded; they are made when the database answers");
        }
        if passed.is_ok() && failing {
            tracing::info!("ticks are recorded again");
        }
        failing = passed.is_err();
        tokio::select! {
            () = life.soft.cancelled() => return,
            () = tokio::time::sleep(passed.unwrap_or(MAX_SLEEP)) => {}
        }
    }
}

type Specs = BTreeMap<PluginName, Arc<PluginSpec>>;

struct Scheduler {
    parts: Parts,
    /// What `entries` were made of.
    specs: Option<Arc<Specs>>,
    entries: Vec<Entry>,
}

impl Scheduler {
    /// Makes what is due; how long nothing will be.
    async fn pass(&mut self) -> StoreResult<Duration> {
        self.follow_specs().await?;
        let now = self.parts.clock.now();
        self.hold_paused(now).await?;
        for entry in self.entries.iter_mut().filter(|entry| !entry.is_held()) {
            entry.make_due(&self.parts, now).await?;
        }
        let entries = self.entries.iter_mut().filter(|entry| !entry.is_held());
        let next = entries.filter_map(Entry::next).min();
        Ok(next.map_or(MAX_SLEEP, |next| {
            next.since(self.parts.clock.now()).clamp(MIN_SLEEP, MAX_SLEEP)
        }))
    }

    /// Holds what is due of schedules that are paused. Its moments stay undealt with: once somebody lets it go on, they
    /// are missed moments. The database is asked only when something is due.
    async fn hold_paused(&mut self, now: Timestamp) -> StoreResult<()> {
        let due: Vec<bool> = self.entries.iter_mut().map(|entry| entry.is_due(now)).collect();
        let paused = if due.contains(&true) {
            self.parts.store.schedule_pauses().await?
        } else {
            BTreeMap::new()
        };
        for (entry, due) in self.entries.iter_mut().zip(due) {
            let is_paused = paused.contains_key(entry.key());
            entry.hold(due, is_paused);
        }
        Ok(())
    }

    /// Sees whether `plugins.toml` has changed.
    async fn follow_specs(&mut self) -> StoreResult<()> {
        let specs = self.parts.specs.load_full();
        if self
            .specs
            .as_ref()
            .is_none_or(|known| !Arc::ptr_eq(known, &specs))
        {
            self.adopt(&specs, self.parts.clock.now()).await?;
            self.specs = Some(specs);
        }
        Ok(())
    }

    /// Puts the schedules of the enabled plugins in force.
    async fn adopt(&mut self, specs: &Specs, now: Timestamp) -> StoreResult<()> {
        let mut entries: Vec<Entry> = specs
            .values()
            .filter(|plugin| plugin.enabled)
            .flat_map(|plugin| {
                plugin
                    .schedules
                    .iter()
                    .map(|schedule| Entry::new(&plugin.name, schedule.clone(), now))
            })
            .collect();
        let in_force: Vec<_> = entries.iter().map(Entry::in_force).collect();
        let since = self.parts.store.keep_schedules(&in_force, now).await?;
        for (entry, since) in entries.iter_mut().zip(since) {
            entry.begin(since);
        }
        self.entries = entries;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
