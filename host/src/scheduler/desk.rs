//! Schedules for people: which there are, what became of their moments, and a run on request.

use std::sync::Arc;

use super::entry::{in_force, tick_event};
use crate::clock::SharedClock;
use crate::domain::id::{DeliveryId, EventId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::plugin::{PluginName, PluginSpec, SharedSpecs};
use crate::domain::schedule::{
    NewTick, ScheduleKey, SchedulePause, ScheduleRun, ScheduleSpec, TickAction, Ticked,
};
use crate::domain::time::Timestamp;
use crate::store::{SharedStore, StoreError};
use crate::wake::Wake;

/// How many moments are tried for a run on request: more than one only when two people ask within
/// the same millisecond.
const MAX_TRIES: usize = 10;

/// Answers people's questions about schedules. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    pub store: SharedStore,
    pub specs: SharedSpecs,
    pub clock: SharedClock,
    pub wake: Arc<Wake>,
}

/// Why it cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// No plugin has such a schedule.
    #[error("there is no schedule `{0}`; `hookyard schedules list` shows all")]
    NoSuch(String),
    /// Several plugins have one.
    #[error("plugins {} each have a schedule `{name}`; say which with --plugin", plugins.join(", "))]
    Several { name: String, plugins: Vec<String> },
    /// The plugin is paused or disabled.
    #[error("plugin {plugin} is {state}; its schedules cannot be run")]
    NotRunning { plugin: PluginName, state: &'static str },
    /// The same moment was taken again and again.
    #[error("too many runs of this schedule are asked for at once; try again")]
    Busy,
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A schedule and how it stands.
#[derive(Clone, Debug)]
pub struct ScheduleStatus {
    pub plugin: Arc<PluginSpec>,
    pub spec: ScheduleSpec,
    /// Its next moment; `None` when the plugin is disabled or the schedule paused.
    pub next: Option<Timestamp>,
    pub last: Option<ScheduleRun>,
    /// A person has paused it.
    pub paused: Option<SchedulePause>,
}

/// A run that a person asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartedRun {
    pub event: EventId,
    pub delivery: DeliveryId,
}

impl Desk {
    /// Every schedule of `plugins.toml`, in order of plugin and then of the file.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self) -> Result<Vec<ScheduleStatus>, ScheduleError> {
        let specs = self.specs.load_full();
        let all = specs.values().flat_map(|plugin| {
            let schedules = plugin.schedules.iter();
            schedules.map(move |spec| (Arc::clone(plugin), spec.clone()))
        });
        self.statuses(all.collect()).await
    }

    async fn statuses(
        &self,
        schedules: Vec<(Arc<PluginSpec>, ScheduleSpec)>,
    ) -> Result<Vec<ScheduleStatus>, ScheduleError> {
        let keys: Vec<_> = schedules.iter().map(|(plugin, spec)| key(plugin, spec)).collect();
        let last = self.store.last_schedule_runs(&keys).await?;
        let mut held = self.store.schedule_pauses().await?;
        let now = self.clock.now();
        let found = schedules.into_iter().zip(keys).zip(last);
        let status = found.map(|(((plugin, spec), key), last)| {
            let paused = held.remove(&key);
            let runs = plugin.enabled && paused.is_none();
            ScheduleStatus {
                next: runs.then(|| spec.next_after(now)).flatten(),
                plugin,
                spec,
                last,
                paused,
            }
        });
        Ok(status.collect())
    }

    /// Pauses a schedule in the name of `by`: it makes no ticks, after a restart neither and on no node, until it is
    /// resumed. One that is paused stays so.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn pause(
        &self,
        plugin: Arc<PluginSpec>,
        spec: ScheduleSpec,
        by: &str,
    ) -> Result<ScheduleStatus, ScheduleError> {
        let pause = SchedulePause {
            at: self.clock.now(),
            by: by.to_owned(),
        };
        self.store.pause_schedule(&key(&plugin, &spec), &pause).await?;
        self.status(plugin, spec).await
    }

    /// Lets a schedule go on. What became due meanwhile was missed, and dealt with by its `catch-up`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn resume(
        &self,
        plugin: Arc<PluginSpec>,
        spec: ScheduleSpec,
    ) -> Result<ScheduleStatus, ScheduleError> {
        self.store.resume_schedule(&key(&plugin, &spec)).await?;
        self.status(plugin, spec).await
    }

    async fn status(
        &self,
        plugin: Arc<PluginSpec>,
        spec: ScheduleSpec,
    ) -> Result<ScheduleStatus, ScheduleError> {
        let name = spec.name.to_string();
        let mut found = self.statuses(vec![(plugin, spec)]).await?;
        found.pop().ok_or(ScheduleError::NoSuch(name))
    }

    /// The schedule of this name, of this plugin or of the only one that has it.
    ///
    /// # Errors
    /// When there is none, or several plugins have one.
    pub fn find(
        &self,
        plugin: Option<&str>,
        name: &str,
    ) -> Result<(Arc<PluginSpec>, ScheduleSpec), ScheduleError> {
        let specs = self.specs.load_full();
        let mut found: Vec<_> = specs
            .values()
            .filter(|spec| plugin.is_none_or(|plugin| plugin == spec.name.as_str()))
            .filter_map(|plugin| {
                let schedule = plugin.schedules.iter().find(|spec| spec.name.as_str() == name);
                schedule.map(|schedule| (plugin.clone(), schedule.clone()))
            })
            .collect();
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(ScheduleError::NoSuch(name.to_owned())),
            _ => Err(ScheduleError::Several {
                name: name.to_owned(),
                plugins: found.iter().map(|(plugin, _)| plugin.name.to_string()).collect(),
            }),
        }
    }

    /// Makes a tick now, whatever the expression says, whether or not an earlier one still runs or the schedule is
    /// paused.
    ///
    /// # Errors
    /// When the plugin is paused or disabled, or the database does not answer.
    pub async fn run(&self, plugin: &PluginSpec, spec: &ScheduleSpec) -> Result<StartedRun, ScheduleError> {
        if !plugin.enabled || plugin.paused {
            return Err(ScheduleError::NotRunning {
                plugin: plugin.name.clone(),
                state: if plugin.enabled { "paused" } else { "disabled" },
            });
        }
        let key = key(plugin, spec);
        let now = self.clock.now();
        let mut millis = now.as_millis();
        for _ in 0..MAX_TRIES {
            // Whole seconds belong to the expression: this run must not take its row.
            millis += i64::from(millis.rem_euclid(1000) == 0);
            let planned_at = Timestamp::from_millis(millis);
            let event = tick_event(&key, spec, planned_at, now);
            let started = StartedRun {
                event: event.id,
                delivery: event.deliveries[0].id,
            };
            let tick = NewTick {
                schedule: in_force(&key, spec),
                planned_at,
                recorded_at: now,
                action: TickAction::MakeForPerson(Box::new(event)),
            };
            if let Ticked::Recorded(_) = self.store.record_tick(&tick).await? {
                self.wake.ring([&key.plugin]);
                return Ok(started);
            }
            millis += 1;
        }
        Err(ScheduleError::Busy)
    }

    /// What became of a schedule's moments, latest first. A schedule that is no longer in
    /// `plugins.toml` keeps its history.
    ///
    /// # Errors
    /// When there is and was no such schedule, or the database does not answer.
    pub async fn history(
        &self,
        key: &ScheduleKey,
        page: PageRequest,
    ) -> Result<Page<ScheduleRun>, ScheduleError> {
        let runs = self.store.schedule_runs(key, page).await?;
        if runs.total == 0 {
            self.find(Some(key.plugin.as_str()), key.schedule.as_str())?;
        }
        Ok(runs)
    }
}

fn key(plugin: &PluginSpec, spec: &ScheduleSpec) -> ScheduleKey {
    ScheduleKey {
        plugin: plugin.name.clone(),
        schedule: spec.name.clone(),
    }
}
