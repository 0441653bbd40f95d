//! Commands about plugins as wholes.

use anyhow::anyhow;
use serde_json::json;

use super::Answer;
use crate::app::App;
use crate::domain::plugin::PluginName;

/// How all plugins stand.
pub(super) fn list(app: &App) -> anyhow::Result<Answer> {
    Answer::of(&json!({
        "file": app.operator.path(),
        "file_error": app.operator.rejected().as_deref(),
        "plugins": app.registry.statuses(),
    }))
}

/// Switches a plugin on or off in the file.
pub(super) async fn set_enabled(app: &App, name: &str, enabled: bool) -> anyhow::Result<Answer> {
    let name: PluginName = name.parse()?;
    app.operator.set_enabled(&name, enabled).await?;
    list(app)
}

/// The loads of a plugin.
pub(super) fn reloads(app: &App, name: &str) -> anyhow::Result<Answer> {
    let reloads = app.registry.reloads(&name.parse()?);
    let reloads = reloads.ok_or_else(|| anyhow!("plugins.toml has no section [plugins.{name}]"))?;
    Answer::of(&reloads)
}

/// Back to the earlier build, or to the one in the file.
pub(super) async fn roll_back(app: &App, name: &str, undo: bool, by: &str) -> anyhow::Result<Answer> {
    let name: PluginName = name.parse()?;
    if undo {
        app.registry.accept(&name).await?;
    } else {
        app.registry.roll_back(&name, by).await?;
    }
    list(app)
}
