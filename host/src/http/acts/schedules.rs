//! Acts on schedules.

use serde_json::json;

use super::super::doer::Doer;
use super::super::{ApiState, Problem};
use crate::domain::audit::Action;
use crate::scheduler::{ScheduleStatus, StartedRun};

impl Doer {
    /// Runs a schedule now.
    pub(crate) async fn run_schedule(
        self,
        state: &ApiState,
        plugin: &str,
        name: &str,
    ) -> Result<StartedRun, Problem> {
        let (plugin, schedule) = state.schedules.find(Some(plugin), name)?;
        let started = state.schedules.run(&plugin, &schedule).await?;
        let target = format!("{}/{}", plugin.name, schedule.name);
        let detail = json!({ "event": started.event.to_string() });
        self.note(state, Action::ScheduleRun, target, detail).await?;
        Ok(started)
    }

    /// Pauses a schedule, or lets it go on.
    pub(crate) async fn pause_schedule(
        self,
        state: &ApiState,
        plugin: &str,
        name: &str,
        paused: bool,
    ) -> Result<ScheduleStatus, Problem> {
        let (plugin, schedule) = state.schedules.find(Some(plugin), name)?;
        let target = format!("{}/{}", plugin.name, schedule.name);
        let (status, action) = if paused {
            let by = &self.user.username;
            let status = state.schedules.pause(plugin, schedule, by).await?;
            (status, Action::SchedulePause)
        } else {
            let status = state.schedules.resume(plugin, schedule).await?;
            (status, Action::ScheduleResume)
        };
        self.note(state, action, target, json!({})).await?;
        Ok(status)
    }
}
