//! Acts on stored scripts.

use serde_json::json;

use super::super::doer::Doer;
use super::super::{ApiState, Problem};
use crate::domain::audit::Action;
use crate::domain::process::{Process, ProcessChange};
use crate::processes::Draft;

impl Doer {
    /// Stores a process.
    pub(crate) async fn create_process(self, state: &ApiState, draft: Draft) -> Result<Process, Problem> {
        let made = state.processes.create(draft, &self.user.username).await?;
        self.note(state, Action::ProcessCreate, &made.code, json!({}))
            .await?;
        Ok(made)
    }

    /// Changes the name, the script or both.
    pub(crate) async fn change_process(
        self,
        state: &ApiState,
        code: &str,
        change: ProcessChange,
    ) -> Result<Process, Problem> {
        let detail = json!({ "name": change.name.is_some(), "script": change.script.is_some() });
        let changed = state.processes.change(code, change, &self.user.username).await?;
        self.note(state, Action::ProcessChange, code, detail).await?;
        Ok(changed)
    }

    /// Removes a process; its versions stay.
    pub(crate) async fn remove_process(self, state: &ApiState, code: &str) -> Result<(), Problem> {
        state.processes.remove(code, &self.user.username).await?;
        self.note(state, Action::ProcessRemove, code, json!({})).await
    }
}
