//! The demo's `plugins.toml`: the shipped one, with every plugin switched on and pointed at its stand-in.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use toml_edit::{DocumentMut, InlineTable, Table, value};

use crate::standins::Standins;
use crate::workspace::Workspace;

/// The repository that the demo backs up to.
pub const REPOSITORY: &str = "backup";

/// The spreadsheet that the demo writes to; made at the first write.
pub const SPREADSHEET: &str = "Hookyard";

/// What a row of the demo's sheet tells of an event: heading, value, type.
const COLUMNS: [(&str, &str, &str); 5] = [
    ("Received", "{{ event.received_at }}", "datetime"),
    ("Event", "{{ event.type }}", "text"),
    ("Action", "/action", "text"),
    ("Repository", "/repository/full_name", "text"),
    ("By", "/sender/login", "text"),
];

/// Where the stand-ins are, and what the plugins are to use of them.
struct Vendors<'a> {
    slack: &'a str,
    slack_api: &'a str,
    github: &'a str,
    google: &'a str,
    google_api: &'a str,
    google_drive: &'a str,
    google_folder: &'a str,
    google_key: &'a Path,
}

/// Writes the file into the data directory, and tells where it is.
///
/// # Errors
/// When the shipped file cannot be read or is not as the demo knows it, or the new one cannot be written.
pub fn write(workspace: &Workspace, data_dir: &Path, standins: &Standins) -> anyhow::Result<PathBuf> {
    let shipped = workspace.path("plugins.toml");
    let text = fs::read_to_string(&shipped).with_context(|| format!("cannot read {}", shipped.display()))?;
    let vendors = Vendors {
        slack: standins.page("slack"),
        slack_api: standins.told("slack", "api_base"),
        github: standins.page("github"),
        google: standins.page("google"),
        google_api: standins.told("google", "api_base"),
        google_drive: standins.told("google", "drive_base"),
        google_folder: standins.told("google", "shared_drive"),
        google_key: &standins.google_key,
    };
    let text = demo_plugins(&text, &workspace.path(""), &vendors)
        .with_context(|| format!("cannot use {}", shipped.display()))?;
    let file = data_dir.join("demo-plugins.toml");
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

fn demo_plugins(shipped: &str, root: &Path, vendors: &Vendors) -> anyhow::Result<String> {
    let mut file: DocumentMut = shipped.parse().context("it is not TOML")?;
    // The demo's sender is a person with a token, and a source with a verifier takes none.
    file.remove("sources");
    let plugins = file["plugins"].as_table_mut().context("it has no [plugins.…]")?;
    for (name, plugin) in plugins.iter_mut() {
        let name = name.get().to_owned();
        let plugin = plugin
            .as_table_mut()
            .with_context(|| format!("[plugins.{name}] is not a table"))?;
        // Paths are relative to the file that names them, and this one lies elsewhere.
        if let Some(component) = plugin.get("component").and_then(|component| component.as_str()) {
            plugin["component"] = value(root.join(component).display().to_string());
        }
        plugin["enabled"] = value(true);
        grant_stand_ins(&name, plugin, vendors)?;
        configure(&name, plugin, vendors);
    }
    Ok(format!(
        "# Made by `cargo xtask run` at every start from the repository's plugins.toml.\n\n{file}"
    ))
}

/// Turns every granted address into that of the vendor's stand-in, which is on this machine.
fn grant_stand_ins(name: &str, plugin: &mut Table, vendors: &Vendors) -> anyhow::Result<()> {
    let grants = &mut plugin["grants"];
    for grant in grants["http"]
        .as_array_mut()
        .into_iter()
        .flat_map(toml_edit::Array::iter_mut)
    {
        let changed = grant.as_str().and_then(|grant| moved_grant(grant, vendors));
        let Some(changed) = changed else {
            bail!("a grant of {name} is not `METHOD URL` of a vendor with a stand-in: {grant}");
        };
        *grant = changed.into();
    }
    grants["private-network"] = value(true);
    Ok(())
}

/// `POST https://slack.com/api/*` with the stand-in's origin.
fn moved_grant(grant: &str, vendors: &Vendors) -> Option<String> {
    let (method, url) = grant.split_once(' ')?;
    let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
    let base = match host {
        "slack.com" | "hooks.slack.com" => format!("{}/", vendors.slack),
        "api.github.com" => format!("{}/", vendors.github),
        "sheets.googleapis.com" | "www.googleapis.com" => format!("{}/", vendors.google),
        _ => return None,
    };
    Some(format!("{method} {base}{path}"))
}

/// Says where the vendors are, and what the demo shows.
fn configure(name: &str, plugin: &mut Table, vendors: &Vendors) {
    match name {
        "slack-sdk" => plugin["config"]["api-base"] = value(vendors.slack_api),
        "github-backup" => plugin["config"]["api-base"] = value(vendors.github),
        "gsheets" => {
            let mut route = Table::new();
            route["source"] = value("github");
            let mut routes = toml_edit::ArrayOfTables::new();
            routes.push(route);
            plugin["routes"] = routes.into();
            let mut secret = InlineTable::new();
            secret.insert(
                "service-account",
                format!("file:{}", vendors.google_key.display()).into(),
            );
            plugin["grants"]["secrets"] = value(secret);
            let config = &mut plugin["config"];
            config["api-base"] = value(vendors.google_api);
            config["drive-base"] = value(vendors.google_drive);
            config["spreadsheet"] = value(SPREADSHEET);
            config["folder"] = value(vendors.google_folder);
            config["columns"] = value(COLUMNS.into_iter().map(column).collect::<toml_edit::Array>());
        }
        _ => {}
    }
}

fn column((title, from, kind): (&str, &str, &str)) -> toml_edit::Value {
    let mut column = InlineTable::new();
    for (key, text) in [("title", title), ("value", from), ("type", kind)] {
        column.insert(key, text.into());
    }
    column.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_speaks_to_the_stand_ins_only() {
        let shipped = include_str!("../../../plugins.toml");
        let vendors = Vendors {
            slack: "http://127.0.0.1:9",
            slack_api: "http://127.0.0.1:9/api",
            github: "http://127.0.0.1:9",
            google: "http://127.0.0.1:9",
            google_api: "http://127.0.0.1:9/v4",
            google_drive: "http://127.0.0.1:9/drive/v3",
            google_folder: "drive",
            google_key: Path::new("/data/key.json"),
        };
        let demo = demo_plugins(shipped, Path::new("/repo"), &vendors).expect("the shipped file");
        let file: DocumentMut = demo.parse().expect("TOML");
        let plugins = file["plugins"].as_table().expect("plugins");
        for (name, plugin) in plugins {
            for grant in plugin["grants"]["http"].as_array().expect("grants") {
                let grant = grant.as_str().expect("text");
                assert!(grant.contains(" http://127.0.0.1:9/"), "{name}: {grant}");
            }
            assert!(
                plugin["component"]
                    .as_str()
                    .expect("a path")
                    .starts_with("/repo/plugins/dist/")
            );
            assert_eq!(plugin["enabled"].as_bool(), Some(true), "{name}");
        }
        let names: Vec<_> = plugins.iter().map(|(name, _)| name).collect();
        for shown in ["gsheets", "slack-sdk", "slack-webhook", "github-backup"] {
            assert!(names.contains(&shown), "{shown} is not shipped");
        }
    }
}
