//! Edits of `plugins.toml` that keep the operator's comments and order.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use toml_edit::{DocumentMut, Item, value};

use crate::domain::plugin::PluginName;
use crate::manifest::{PluginsFile, PluginsFileError};

/// Why the file was not edited.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    #[error("{0}")]
    Wrong(#[from] PluginsFileError),
    #[error("{0} has no section [plugins.{1}]")]
    Unknown(String, PluginName),
    #[error("{0} has a section [plugins.{1}] already; choose another name")]
    Taken(String, PluginName),
    #[error("cannot write {0}: {1}")]
    Write(String, std::io::Error),
    /// Written, and then found wrong by somebody else's edit in between.
    #[error("{0}")]
    Rejected(String),
}

/// Sets `enabled` in the plugin's section. Writes nothing when it already says so.
pub(super) fn set_enabled(path: &Path, name: &PluginName, enabled: bool) -> Result<(), EditError> {
    let shown = path.display().to_string();
    let before = PluginsFile::read(path)?;
    let spec = before
        .plugin(name)
        .ok_or_else(|| EditError::Unknown(shown.clone(), name.clone()))?;
    if spec.enabled == enabled {
        return Ok(());
    }
    let write = |error| EditError::Write(shown.clone(), error);
    let text = fs::read_to_string(path).map_err(write)?;
    let mut document: DocumentMut = text
        .parse()
        .map_err(|e: toml_edit::TomlError| EditError::Rejected(e.to_string()))?;
    let section = document
        .get_mut("plugins")
        .and_then(|plugins| plugins.get_mut(name.as_str()))
        .and_then(Item::as_table_like_mut)
        .ok_or_else(|| EditError::Unknown(shown.clone(), name.clone()))?;
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
    let text = document.to_string();
    PluginsFile::parse(&text, path)?;
    replace(path, &text).map_err(write)
}

/// Replaces the file's content in one step: whoever reads sees the old or the new, whole. A
/// symbolic link stays one.
pub(super) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let target = fs::canonicalize(path)?;
    let mode = fs::metadata(&target)?.permissions().mode();
    let dir = target.parent().unwrap_or_else(|| Path::new("/"));
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let temporary = dir.join(format!(".{name}.{}.tmp", std::process::id()));
    let written = (|| {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::set_permissions(&temporary, fs::Permissions::from_mode(mode))?;
        fs::rename(&temporary, &target)?;
        fs::File::open(dir)?.sync_all()
    })();
    if written.is_err() {
        // The error that counts is the first; a left-over file is harmless and named as temporary.
        let _left = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_order_survive_an_edit() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("plugins.toml");
        let text = "# mine\n[plugins.b]\ncomponent = \"b.wasm\" # there\n\n[plugins.a]\nenabled = true # yes\ncomponent = \"a.wasm\"\n";
        fs::write(&path, text).expect("written");
        set_enabled(&path, &"a".parse().expect("a name"), false).expect("edited");
        assert_eq!(
            fs::read_to_string(&path).expect("read"),
            text.replace("enabled = true #", "enabled = false #")
        );
        set_enabled(&path, &"b".parse().expect("a name"), false).expect("edited");
        let edited = fs::read_to_string(&path).expect("read");
        assert!(
            edited.contains("component = \"b.wasm\" # there\nenabled = false\n"),
            "{edited}"
        );
        let error = set_enabled(&path, &"c".parse().expect("a name"), true).expect_err("unknown");
        assert!(
            error.to_string().ends_with("has no section [plugins.c]"),
            "{error}"
        );
    }
}
