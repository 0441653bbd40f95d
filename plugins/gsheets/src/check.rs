//! `check`: opens the spreadsheet without writing.

use hookyard_plugin_sdk::{Failure, Outcome};
use serde_json::json;

use crate::api::Api;
use crate::book::{self, Book};
use crate::config::Config;
use crate::locate;
use crate::open::Target;

/// Says what is there, and what the first write would make.
pub(crate) fn check(api: &Api, config: &Config, target: &Target) -> Result<Outcome, Failure> {
    let Some(id) = locate::find(api, config, &target.name)? else {
        return Ok(Outcome::new(
            "there is no spreadsheet of that title that the account may see; the first write makes it",
        ));
    };
    let book: Book = api.get(&book::plain(api, &id))?;
    let (title, sheet) = (book.title(), &target.sheet);
    let summary = match book.sheet(sheet) {
        Some(found) => {
            let grid = found.properties.grid_properties;
            format!(
                "`{title}` has the sheet `{sheet}` with {} rows and {} columns",
                grid.row_count, grid.column_count
            )
        }
        None => format!("`{title}` has no sheet `{sheet}`; the first write makes it"),
    };
    Outcome::new(summary).with_output(&json!({
        "spreadsheet": book.id,
        "title": title,
        "sheet": sheet,
        "present": book.sheet(sheet).is_some(),
        "url": book.url,
    }))
}
