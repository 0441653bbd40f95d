//! Schedules for people: which there are, what became of their moments, and a run on request.

use std::sync::Arc;

use super::entry::{in_force, tick_event};
use crate::clock::SharedClock;
use crate::domain::id::{DeliveryId, EventId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::plugin::{PluginName, PluginSpec, SharedSpecs};
use crate::domain::schedule::{NewTick, ScheduleKey, ScheduleRun, ScheduleSpec, TickAction, Ticked};
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
    /// Its next moment; `None` when the plugin is disabled.
    pub next: Option<Timestamp>,
    pub last: Option<ScheduleRun>,
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
        let now = self.clock.now();
        let all: Vec<_> = specs
            .values()
            .flat_map(|plugin| plugin.schedules.iter().map(move |spec| (plugin, spec)))
            .collect();
        let keys: Vec<_> = all.iter().map(|(plugin, spec)| key(plugin, spec)).collect();
        let last = self.store.last_schedule_runs(&keys).await?;
        let status = |((plugin, spec), last): ((&Arc<PluginSpec>, &ScheduleSpec), _)| ScheduleStatus {
            plugin: plugin.clone(),
            spec: spec.clone(),
            next: plugin.enabled.then(|| spec.next_after(now)).flatten(),
            last,
        };
        Ok(all.into_iter().zip(last).map(status).collect())
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

    /// Makes a tick now, whatever the expression says and whether or not an earlier one still runs.
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
