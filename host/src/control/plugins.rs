//! Commands about plugins as wholes.

use anyhow::anyhow;
use serde_json::json;

use super::Answer;
use crate::app::App;
use crate::domain::plugin::{DigestPrefix, PluginName};
use crate::http::plugins::views_of;
use crate::manifest::PluginsFile;
use crate::operator::NewSection;

/// How all plugins stand.
pub(super) fn list(app: &App) -> anyhow::Result<Answer> {
    noted(app, None)
}

/// The same, with something to say of an edit.
fn noted(app: &App, note: Option<&str>) -> anyhow::Result<Answer> {
    Answer::of(&json!({
        "note": note,
        "file": app.operator.path(),
        "file_error": app.operator.rejected().as_deref(),
        "plugins": views_of(&app.waits()),
    }))
}

/// Switches a plugin on or off in the file.
pub(super) async fn set_enabled(app: &App, name: &str, enabled: bool) -> anyhow::Result<Answer> {
    let name: PluginName = name.parse()?;
    let note = app.operator.set_enabled(&name, enabled).await?;
    noted(app, note.as_deref())
}

/// Adds a section to the file and tells how the plugin stands then.
pub(super) async fn add(app: &App, section: NewSection) -> anyhow::Result<Answer> {
    let (name, path) = (section.name.clone(), app.operator.path());
    let text = section.text(path)?;
    let note = app.operator.add(section).await?;
    Answer::of(&json!({
        "file": path,
        "section": text,
        "plugin": app.registry.status(&name),
        "note": note,
    }))
}

/// The loads of a plugin: of one that no server runs, those that are written down.
pub(super) async fn reloads(app: &App, name: &str) -> anyhow::Result<Answer> {
    let name: PluginName = name.parse()?;
    if let Some(reloads) = app.registry.reloads(&name) {
        return Answer::of(&reloads);
    }
    let remembered = app.registry.remembered(&name).await;
    let is_known = || PluginsFile::read(app.operator.path()).map(|file| file.plugin(&name).is_some());
    if remembered.is_empty() && !is_known()? {
        return Err(anyhow!("plugins.toml has no section [plugins.{name}]"));
    }
    Answer::of(&remembered)
}

/// Back to the earlier build, or to the one in the file.
pub(super) async fn roll_back(
    app: &App,
    name: &str,
    undo: bool,
    by: &str,
    from: Option<&DigestPrefix>,
) -> anyhow::Result<Answer> {
    let name: PluginName = name.parse()?;
    if undo {
        app.registry.accept(&name, by).await?;
    } else {
        app.registry.roll_back(&name, by, from).await?;
    }
    list(app)
}
