//! The plugin's settings.

use std::collections::BTreeSet;

use hookyard_plugin_sdk::Failure;
use serde::Deserialize;

use crate::column::Column;

/// Where the Sheets API is.
pub(crate) const DEFAULT_API_BASE: &str = "https://sheets.googleapis.com/v4";
/// Where the Drive API is.
pub(crate) const DEFAULT_DRIVE_BASE: &str = "https://www.googleapis.com/drive/v3";
/// The sheet (tab) that is written to unless another is named.
pub(crate) const DEFAULT_SHEET: &str = "Hookyard";

/// `[plugins.NAME.config]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The Sheets API's address; a stand-in's in tests.
    #[serde(default = "default_api_base")]
    pub api_base: String,
    /// The Drive API's address.
    #[serde(default = "default_drive_base")]
    pub drive_base: String,
    /// The token endpoint, read by the host; without it the key file's `token_uri`.
    pub token_url: Option<String>,
    /// Id, address or title of the spreadsheet.
    pub spreadsheet: Option<String>,
    /// The sheet (tab) in it.
    #[serde(default = "default_sheet")]
    pub sheet: String,
    /// Id of the shared drive, or of a folder in one, where a new spreadsheet is made.
    pub folder: Option<String>,
    /// The user to act for by domain-wide delegation, read by the host.
    pub subject: Option<String>,
    /// Addresses that may write to a spreadsheet named by its title.
    #[serde(default)]
    pub share_with: Vec<String>,
    /// What an event or a tick does.
    #[serde(default)]
    pub mode: Mode,
    /// The columns, in the order in which a new sheet has them.
    #[serde(default)]
    pub columns: Vec<Column>,
}

/// What an event or a tick does.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// One row each.
    #[default]
    Append,
    /// Its payload is a table that takes the place of the sheet's.
    Write,
}

impl Config {
    /// Finds what a JSON Schema cannot say: two columns of one title.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let mut titles = BTreeSet::new();
        for column in &self.columns {
            if !titles.insert(column.title.trim()) {
                return Err(Failure::reject(format!(
                    "two of the `columns` in plugins.toml are called `{}`; give each its own title",
                    column.title
                )));
            }
        }
        Ok(())
    }
}

fn default_api_base() -> String {
    DEFAULT_API_BASE.to_owned()
}

fn default_drive_base() -> String {
    DEFAULT_DRIVE_BASE.to_owned()
}

fn default_sheet() -> String {
    DEFAULT_SHEET.to_owned()
}
