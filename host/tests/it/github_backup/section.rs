//! The plugin's section of the shipped `plugins.toml`: what is tested is what operators get, toward the stand-in.

use standins::github::GitHub;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use crate::support::plugins::shipped;

/// The file in the root of the repository.
pub const SHIPPED: &str = include_str!("../../../../plugins.toml");

/// The section, and what a test changes in it.
pub struct Section(Table);

impl Section {
    /// As shipped, but for the addresses, with these lines more in the configuration.
    pub fn of(github: &GitHub, config: &str) -> Self {
        let file: DocumentMut = SHIPPED.parse().expect("TOML");
        let section = file["plugins"]["github-backup"].as_table();
        let mut section = section.expect("a section").clone();
        let base = github.base_url();
        section["enabled"] = value(true);
        section["component"] = value(shipped("github_backup").display().to_string());
        // A tick between would count as a request.
        section.remove("schedules");
        let grants = section["grants"]["http"].as_array().expect("grants");
        let moved: Array = grants
            .iter()
            .map(|grant| {
                let grant = grant.as_str().expect("text");
                assert!(grant.contains(" https://api.github.com/"), "{grant}");
                grant.replace("https://api.github.com", base)
            })
            .collect();
        section["grants"]["http"] = value(moved);
        section["grants"]["private-network"] = value(true);
        let mut section = Self(section);
        section.config("owner = \"ada\"\nrepo = \"backup\"");
        section.config(&format!("api-base = \"{base}\""));
        section.config(config);
        section.put("retry", "schedule = [\"1s\", \"1s\", \"1s\"]");
        section
    }

    /// Sets keys of the configuration.
    pub fn config(&mut self, lines: &str) {
        let more: DocumentMut = lines.parse().expect("TOML");
        for (key, item) in more.iter() {
            self.0["config"][key] = item.clone();
        }
    }

    /// Puts a table in the place of one.
    pub fn put(&mut self, name: &str, lines: &str) {
        let table: DocumentMut = lines.parse().expect("TOML");
        self.0[name] = Item::Table(table.as_table().clone());
    }

    /// Whether deliveries wait.
    pub fn pause(&mut self, paused: bool) {
        self.0["paused"] = value(paused);
    }

    /// The only schedule, by its lines.
    pub fn schedule(&mut self, lines: &str) {
        let schedule: DocumentMut = lines.parse().expect("TOML");
        let mut schedules = ArrayOfTables::new();
        schedules.push(schedule.as_table().clone());
        self.0["schedules"] = Item::ArrayOfTables(schedules);
    }

    /// The only secret, in TOML: `token = "env:…"`.
    pub fn secret(&mut self, line: &str) {
        let secret: DocumentMut = line.parse().expect("TOML");
        self.0["grants"]["secrets"] = Item::Table(secret.as_table().clone());
    }

    /// A whole `plugins.toml`.
    pub fn text(&self) -> String {
        let mut plugins = Table::new();
        plugins["github-backup"] = Item::Table(self.0.clone());
        let mut file = DocumentMut::new();
        file["plugins"] = Item::Table(plugins);
        file.to_string()
    }
}
