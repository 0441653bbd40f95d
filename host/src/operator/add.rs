//! A new section at the end of `plugins.toml`, with what a component asks for.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, value};

use super::edit::{EditError, Edited, Missing, directory_of, edit};
use super::{Operator, Preview, digest};
use crate::domain::plugin::PluginName;
use crate::manifest::PluginsFile;

/// What a section is made of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewSection {
    pub name: PluginName,
    /// The whole path of the file, with links resolved.
    pub component: PathBuf,
    pub sha256: Option<String>,
    /// Globs of source and type.
    pub routes: Vec<(String, String)>,
    pub http: Vec<String>,
    pub permissions: Vec<String>,
    /// Sources by the secrets' names.
    pub secrets: Vec<(String, String)>,
    pub private_network: bool,
    pub config: Map<String, Value>,
}

impl NewSection {
    /// The section as TOML, for the file at `path`: a component below its directory is named relative to
    /// it.
    ///
    /// # Errors
    /// When the component's path is not UTF-8.
    pub fn text(&self, path: &Path) -> Result<String, EditError> {
        let write = |error| EditError::Write(path.display().to_string(), error);
        let dir = directory_of(path).map_err(write)?;
        let component = self.component.strip_prefix(dir).unwrap_or(&self.component);
        let component = component
            .to_str()
            .ok_or_else(|| write(std::io::Error::other("the component's path is not UTF-8")))?;
        let mut section = Table::new();
        section["component"] = value(component);
        if let Some(sha256) = &self.sha256 {
            section["sha256"] = value(sha256);
        }
        let route = |(source, event_type): &(String, String)| {
            let mut route = InlineTable::new();
            route.insert("source", source.as_str().into());
            route.insert("type", event_type.as_str().into());
            route
        };
        section["routes"] = value(self.routes.iter().map(route).collect::<Array>());
        let mut grants = Table::new();
        for (key, items) in [("http", &self.http), ("permissions", &self.permissions)] {
            if !items.is_empty() {
                grants[key] = value(items.iter().map(String::as_str).collect::<Array>());
            }
        }
        if !self.secrets.is_empty() {
            let mut secrets = Table::new();
            for (name, source) in &self.secrets {
                secrets[name] = value(source);
            }
            grants["secrets"] = Item::Table(secrets);
        }
        if self.private_network {
            grants["private-network"] = value(true);
        }
        if !grants.is_empty() {
            section["grants"] = Item::Table(grants);
        }
        if !self.config.is_empty() {
            section["config"] = config(&self.config);
        }
        let mut plugins = Table::new();
        plugins.set_implicit(true);
        plugins[self.name.as_str()] = Item::Table(section);
        let mut document = DocumentMut::new();
        document["plugins"] = Item::Table(plugins);
        Ok(document.to_string())
    }

    /// Writes the section at the end of the file, which is made when there is none. What is there
    /// stays byte for byte. With `seen`, the digest of a text, no other is added to.
    pub(super) fn add_to(&self, path: &Path, seen: Option<&str>) -> Result<Edited, EditError> {
        edit(path, Missing::Empty, &|before, file| {
            if seen.is_some_and(|seen| seen != digest(before)) {
                return Err(EditError::Overtaken(path.display().to_string()));
            }
            self.behind(before, file, path).map(Some)
        })
    }

    /// The text of the file with the section at its end.
    fn behind(&self, before: &str, file: &PluginsFile, path: &Path) -> Result<String, EditError> {
        if file.plugin(&self.name).is_some() {
            return Err(EditError::Taken(path.display().to_string(), self.name.clone()));
        }
        let section = self.text(path)?;
        let mut text = before.to_owned();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let gap = if text.is_empty() { "" } else { "\n" };
        // Writing to a String cannot fail.
        let _ = write!(text, "{gap}{section}");
        Ok(text)
    }
}

impl Operator {
    /// Where a path of the file leads, which is relative to the file's own directory.
    ///
    /// # Errors
    /// When there is no working directory.
    pub fn beside(&self, relative: &str) -> io::Result<PathBuf> {
        Ok(directory_of(&self.path)?.join(relative))
    }

    /// Adds a section to the file, if that is the one whose digest was seen, and puts it in force. What the operator
    /// should know of how the file was written comes back.
    ///
    /// # Errors
    /// As those of [`Operator::add`], and when the file is another by now.
    pub async fn add_to_seen(
        self: &Arc<Self>,
        section: NewSection,
        seen: String,
    ) -> Result<Option<String>, EditError> {
        self.edit(move |path| section.add_to(path, Some(&seen))).await
    }

    /// What a new section would make of the file as it is now. Nothing is written.
    ///
    /// # Errors
    /// When the file is wrong or has a section of this name.
    pub async fn preview_add(&self, section: NewSection) -> Result<Preview, EditError> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || {
            // One that is not there yet is made.
            let before = if path.exists() {
                PluginsFile::text(&path)?
            } else {
                String::new()
            };
            let file = PluginsFile::parse(&before, &path)?;
            Ok::<_, EditError>(Preview {
                digest: digest(&before),
                after: section.behind(&before, &file, &path)?,
                before,
            })
        });
        read.await.map_err(|error| EditError::Broken(error.to_string()))?
    }
}

/// JSON as a TOML table; `null`, which TOML has not, is left out.
fn config(members: &Map<String, Value>) -> Item {
    let members = members.iter().filter(|(_, value)| !value.is_null());
    let table: toml::Table = members
        .filter_map(|(key, value)| Some((key.clone(), toml::Value::try_from(value).ok()?)))
        .collect();
    let text = toml::to_string(&table).unwrap_or_default();
    let parsed = text.parse::<DocumentMut>();
    parsed.map_or_else(|_| Item::Table(Table::new()), DocumentMut::into_item)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::manifest::PluginsFile;

    fn section() -> NewSection {
        NewSection {
            name: "notes".parse().expect("a name"),
            component: PathBuf::from("/elsewhere/notes.wasm"),
            sha256: None,
            routes: vec![("github".to_owned(), "push".to_owned())],
            http: vec!["POST https://api.example.com/notes".to_owned()],
            permissions: Vec::new(),
            secrets: vec![("token".to_owned(), "env:NOTES_TOKEN".to_owned())],
            private_network: false,
            config: serde_json::from_str(r#"{"list": [1, 2], "deep": {"a": "b"}, "none": null}"#)
                .expect("JSON"),
        }
    }

    #[test]
    fn a_section_is_added_behind_what_is_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("plugins.toml");
        section().add_to(&path, None).expect("a new file");
        let before = "# mine\n[plugins.other]\ncomponent = \"o.wasm\" # there";
        fs::write(&path, before).expect("written");
        let other = section().add_to(&path, Some(&digest("# theirs\n")));
        assert!(matches!(other, Err(EditError::Overtaken(_))), "{other:?}");
        section().add_to(&path, Some(&digest(before))).expect("added");
        let text = fs::read_to_string(&path).expect("read");
        assert!(text.starts_with(before), "{text}");
        let file = PluginsFile::read(&path).expect("right");
        let spec = file.plugin(&section().name).expect("there");
        assert_eq!(
            spec.config,
            serde_json::json!({"list": [1, 2], "deep": {"a": "b"}})
        );
        assert_eq!((spec.grants.http.len(), spec.grants.secrets.len()), (1, 1));
        let error = section().add_to(&path, None).expect_err("taken").to_string();
        assert!(error.contains("has a section [plugins.notes]"), "{error}");
        let mut wrong = section();
        wrong.name = "wrong".parse().expect("a name");
        wrong.http = vec!["anything".to_owned()];
        assert!(wrong.add_to(&path, None).is_err());
        assert_eq!(fs::read_to_string(&path).expect("read"), text);
    }
}
