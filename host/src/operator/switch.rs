//! Switching a plugin on or off in the file itself, and what that would make of the file.

use std::path::Path;
use std::sync::Arc;

use toml_edit::{DocumentMut, Item, value};

use super::edit::{self, EditError, Edited, Missing};
use super::{Operator, digest};
use crate::domain::plugin::PluginName;
use crate::manifest::PluginsFile;

/// What a plugin is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    pub enabled: bool,
    /// SHA-256 in hex of the file whose change somebody has seen and agreed to; `None`: of any.
    pub seen: Option<String>,
}

/// What a switch would make of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub before: String,
    /// The same as `before` when it says already what it should.
    pub after: String,
    /// SHA-256 in hex of `before`.
    pub digest: String,
}

impl Operator {
    /// Switches a plugin on or off, whatever the file looks like by now.
    ///
    /// # Errors
    /// As those of [`Operator::switch`].
    pub async fn set_enabled(
        self: &Arc<Self>,
        name: &PluginName,
        enabled: bool,
    ) -> Result<Option<String>, EditError> {
        self.switch(name, Switch { enabled, seen: None }).await
    }

    /// Switches a plugin on or off in the file itself and puts it in force. What the operator should know
    /// of how the file was written comes back.
    ///
    /// # Errors
    /// When the file is wrong, has no such plugin, is not the one that was seen, or cannot be written; then it is
    /// unchanged.
    pub async fn switch(
        self: &Arc<Self>,
        name: &PluginName,
        switch: Switch,
    ) -> Result<Option<String>, EditError> {
        let name = name.clone();
        self.edit(move |path| set_enabled(path, &name, &switch)).await
    }

    /// What switching a plugin on or off would make of the file as it is now. Nothing is written.
    ///
    /// # Errors
    /// When the file is wrong or has no such plugin.
    pub async fn preview(&self, name: &PluginName, enabled: bool) -> Result<Preview, EditError> {
        let (name, path) = (name.clone(), self.path.clone());
        let read = tokio::task::spawn_blocking(move || {
            let before = PluginsFile::text(&path)?;
            let file = PluginsFile::parse(&before, &path)?;
            let after = switched(&before, &file, &path, &name, enabled)?;
            Ok::<_, EditError>(Preview {
                digest: digest(&before),
                after: after.unwrap_or_else(|| before.clone()),
                before,
            })
        });
        read.await.map_err(|error| EditError::Broken(error.to_string()))?
    }
}

/// Sets `enabled` in the plugin's section. Writes nothing when it already says so.
pub(super) fn set_enabled(path: &Path, name: &PluginName, switch: &Switch) -> Result<Edited, EditError> {
    edit::edit(path, Missing::Wrong, &|text, file| {
        if switch.seen.as_ref().is_some_and(|seen| *seen != digest(text)) {
            return Err(EditError::Overtaken(path.display().to_string()));
        }
        switched(text, file, path, name, switch.enabled)
    })
}

/// The file's new text; `None` when it says already what it should.
fn switched(
    text: &str,
    file: &PluginsFile,
    path: &Path,
    name: &PluginName,
    enabled: bool,
) -> Result<Option<String>, EditError> {
    let shown = || path.display().to_string();
    let unknown = || EditError::Unknown(shown(), name.clone());
    if file.plugin(name).ok_or_else(unknown)?.enabled == enabled {
        return Ok(None);
    }
    let document = text.parse::<DocumentMut>();
    let mut document = document.map_err(|error| EditError::Toml(shown(), error))?;
    let section = document
        .get_mut("plugins")
        .and_then(|plugins| plugins.get_mut(name.as_str()))
        .and_then(Item::as_table_like_mut)
        .ok_or_else(unknown)?;
    match section.get_mut("enabled").and_then(Item::as_value_mut) {
        Some(old) => {
            let decor = old.decor().clone();
            *old = enabled.into();
            *old.decor_mut() = decor;
        }
        None => {
            section.insert("enabled", value(enabled));
        }
    }
    Ok(Some(document.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_file_that_was_seen_is_switched() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("plugins.toml");
        let text = "[plugins.a]\ncomponent = \"a.wasm\"\n";
        std::fs::write(&path, text).expect("written");
        let name = "a".parse().expect("a name");
        let switch = |seen: &str| Switch {
            enabled: false,
            seen: Some(digest(seen)),
        };
        let other = set_enabled(&path, &name, &switch("# other\n"));
        assert!(matches!(other, Err(EditError::Overtaken(_))), "{other:?}");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), text);
        let edited = set_enabled(&path, &name, &switch(text)).expect("edited");
        assert_eq!(edited.text, format!("{text}enabled = false\n"));
    }
}
