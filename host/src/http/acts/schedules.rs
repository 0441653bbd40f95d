//! Acts on schedules.

use serde_json::json;

use super::super::doer::Doer;
use super::super::{ApiState, Problem};
use crate::domain::audit::Action;
use crate::scheduler::StartedRun;

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
}
