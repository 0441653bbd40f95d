//! Acts on plugins.

use serde_json::{Value, json};

use super::super::doer::Doer;
use super::super::{ApiState, Problem};
use crate::actions::Submitted;
use crate::domain::audit::Action;
use crate::domain::plugin::{DigestPrefix, PluginName};
use crate::operator::{NewSection, Switch};
use crate::wasm::PluginStatus;

impl Doer {
    /// Switches a plugin on or off, in `plugins.toml` itself; how it stands then.
    pub(crate) async fn switch(
        self,
        state: &ApiState,
        name: &PluginName,
        switch: Switch,
    ) -> Result<PluginStatus, Problem> {
        let action = if switch.enabled {
            Action::PluginEnable
        } else {
            Action::PluginDisable
        };
        state.operator.switch(name, switch).await?;
        self.note(state, action, name.as_str(), json!({})).await?;
        let status = state.actions.registry.status(name);
        status.ok_or_else(|| super::super::plugins::missing(name.as_str()))
    }

    /// Adds a section to `plugins.toml`, when that is the file whose digest was seen; how its plugin stands then.
    pub(crate) async fn add_plugin(
        self,
        state: &ApiState,
        section: NewSection,
        seen: String,
    ) -> Result<PluginStatus, Problem> {
        let (name, component) = (section.name.clone(), section.component.clone());
        state.operator.add_to_seen(section, seen).await?;
        let detail = json!({ "component": component });
        self.note(state, Action::PluginAdd, name.as_str(), detail).await?;
        let status = state.actions.registry.status(&name);
        status.ok_or_else(|| super::super::plugins::missing(name.as_str()))
    }

    /// Goes back to the build that served before; with `from`, only from that one.
    pub(crate) async fn roll_back(
        self,
        state: &ApiState,
        name: &PluginName,
        from: Option<DigestPrefix>,
    ) -> Result<PluginStatus, Problem> {
        let registry = &state.actions.registry;
        let status = registry
            .roll_back(name, &self.user.username, from.as_ref())
            .await?;
        let detail = json!({ "from": from });
        self.note(state, Action::PluginRollback, name.as_str(), detail)
            .await?;
        Ok(status)
    }

    /// Takes a rollback back.
    pub(crate) async fn take_back(
        self,
        state: &ApiState,
        name: &PluginName,
    ) -> Result<PluginStatus, Problem> {
        let status = state.actions.registry.accept(name, &self.user.username).await?;
        self.note(state, Action::PluginTakeBack, name.as_str(), json!({}))
            .await?;
        Ok(status)
    }

    /// Asks a plugin to do one of its actions.
    pub(crate) async fn run_action(
        self,
        state: &ApiState,
        name: &str,
        action: &str,
        input: &Value,
    ) -> Result<Submitted, Problem> {
        let owner = Some(self.user.id);
        let submitted = state.actions.submit(name, action, input, owner).await?;
        let detail = json!({ "event": submitted.event.to_string() });
        self.note(state, Action::PluginAction, format!("{name}/{action}"), detail)
            .await?;
        Ok(submitted)
    }
}
