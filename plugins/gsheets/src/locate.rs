//! Which spreadsheet is meant: by id, by address, or by title, in which case it is looked up once,
//! made when there is none, and remembered.

use hookyard_plugin_sdk::http::Request;
use hookyard_plugin_sdk::{Failure, info, warn};
use serde::Deserialize;
use serde_json::json;

use crate::api::{Api, ApiError};
use crate::book::{self, Book};
use crate::config::Config;
use crate::errors::Purpose;
use crate::share::{Known, share};
use crate::stored::Stored;

/// Google's ids have 44 characters of this alphabet; older ones are shorter. A title of that form
/// is improbable, and can be given as an address.
const SHORTEST_ID: usize = 25;

/// Google's name for a spreadsheet.
const SPREADSHEET: &str = "application/vnd.google-apps.spreadsheet";

/// How a spreadsheet is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Id(String),
    Title(String),
}

impl Name {
    /// Reads an id, an address or a title.
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim();
        let after = text.split_once("/spreadsheets/d/").map(|(_, rest)| rest);
        let id = after.map_or(text, |rest| rest.split(['/', '?', '#']).next().unwrap_or(rest));
        let is_id = !id.is_empty()
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if is_id && (after.is_some() || id.len() >= SHORTEST_ID) {
            Self::Id(id.to_owned())
        } else {
            Self::Title(text.to_owned())
        }
    }
}

/// Where a spreadsheet was found.
#[derive(Debug)]
pub(crate) enum Found {
    /// It is there.
    There(String),
    /// It was just made with the sheet in it, and this is what a read would say.
    Made(Book),
    /// It was just made by Drive, with one sheet that nobody has named.
    MadeByDrive(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Files {
    #[serde(default)]
    files: Vec<File>,
    /// Google did not look everywhere.
    #[serde(default)]
    incomplete_search: bool,
}

#[derive(Deserialize)]
struct File {
    id: String,
}

/// Finds the spreadsheet, or makes it.
pub(crate) fn locate(api: &Api, config: &Config, name: &Name, sheet: &str) -> Result<Found, Failure> {
    let title = match name {
        Name::Id(id) => return Ok(Found::There(id.clone())),
        Name::Title(title) => title,
    };
    let mut known = remembered(config, title)?;
    let unshared = config.share_with.iter().any(|address| known.value.lacks(address));
    if let Some(id) = known.value.id.clone().filter(|_| !unshared) {
        return Ok(Found::There(id));
    }
    known.begin("looking for the spreadsheet or making it")?;
    let found = find_or_make(api, config, title, sheet, &mut known);
    known.end();
    Ok(found?)
}

/// The id of a spreadsheet that is there, without making or sharing anything.
pub(crate) fn find(api: &Api, config: &Config, name: &Name) -> Result<Option<String>, Failure> {
    match name {
        Name::Id(id) => Ok(Some(id.clone())),
        Name::Title(title) => match remembered(config, title)?.value.id {
            Some(id) => Ok(Some(id)),
            None => Ok(look_up(api, config, title)?),
        },
    }
}

/// Forgets where a title led to, after Google said that it is gone. Whether there was anything to
/// forget.
pub(crate) fn forget(config: &Config, name: &Name, id: &str) -> Result<bool, Failure> {
    let Name::Title(title) = name else {
        return Ok(false);
    };
    let mut known = remembered(config, title)?;
    Ok(known.value.id.as_deref() == Some(id) && known.replace(Known::default())?)
}

fn remembered(config: &Config, title: &str) -> Result<Stored<Known>, Failure> {
    let folder = config.folder.as_deref().unwrap_or_default();
    let subject = config.subject.as_deref().unwrap_or_default();
    Stored::load(
        "spreadsheet",
        &format!("{}\0{subject}\0{folder}\0{title}", config.drive_base),
    )
}

fn find_or_make(
    api: &Api,
    config: &Config,
    title: &str,
    sheet: &str,
    known: &mut Stored<Known>,
) -> Result<Found, ApiError> {
    let remembered = known.value.id.clone();
    let found = match remembered {
        Some(id) => Found::There(id),
        None => match look_up(api, config, title)? {
            Some(id) => Found::There(id),
            None => make(api, config, title, sheet)?,
        },
    };
    let id = match &found {
        Found::There(id) | Found::MadeByDrive(id) => id.clone(),
        Found::Made(book) => book.id.clone(),
    };
    share(api, config, &id, known)?;
    Ok(found)
}

/// The oldest spreadsheet of that title, in the folder if one is named.
/// <https://developers.google.com/workspace/drive/api/reference/rest/v3/files/list>
fn look_up(api: &Api, config: &Config, title: &str) -> Result<Option<String>, ApiError> {
    let folder = config.folder.as_deref().map(escaped);
    let within = folder.map_or_else(String::new, |folder| format!(" and '{folder}' in parents"));
    let query = format!(
        "name = '{}' and mimeType = '{SPREADSHEET}' and trashed = false{within}",
        escaped(title)
    );
    let files: Files = api.drive(Purpose::Find, |base| {
        Ok(Request::get(format!("{base}/files"))
            .query("q", &query)
            .query(
                "corpora",
                if config.folder.is_some() {
                    "allDrives"
                } else {
                    "user"
                },
            )
            .query("includeItemsFromAllDrives", "true")
            .query("supportsAllDrives", "true")
            .query("orderBy", "createdTime")
            .query("pageSize", "2")
            .query("fields", "incompleteSearch,files(id)"))
    })?;
    first(files, title)
}

/// The first, unless Google may have missed one.
fn first(files: Files, title: &str) -> Result<Option<String>, ApiError> {
    if files.files.is_empty() && files.incomplete_search {
        let text = format!("Google did not search all of its drives for `{title}`; it will be tried again");
        return Err(Failure::retry(text).into());
    }
    if files.files.len() > 1 {
        warn!(
            "several spreadsheets are called `{title}`; the oldest is used. Name its id in `spreadsheet` to be sure"
        );
    }
    Ok(files.files.into_iter().next().map(|file| file.id))
}

fn make(api: &Api, config: &Config, title: &str, sheet: &str) -> Result<Found, ApiError> {
    let found = if let Some(folder) = &config.folder {
        make_in_folder(api, folder, title)?
    } else {
        let body = json!({"properties": {"title": title}, "sheets": [{"properties": {"title": sheet}}]});
        Found::Made(api.create(&body, book::FIELDS)?)
    };
    info!("made the spreadsheet `{title}`");
    Ok(found)
}

/// Sheets itself cannot make a file in a folder.
/// <https://developers.google.com/workspace/drive/api/reference/rest/v3/files/create>
fn make_in_folder(api: &Api, folder: &str, title: &str) -> Result<Found, ApiError> {
    let file: File = api.drive(Purpose::Create, |base| {
        Request::post(format!("{base}/files"))
            .query("supportsAllDrives", "true")
            .query("fields", "id")
            .json(&json!({"name": title, "mimeType": SPREADSHEET, "parents": [folder]}))
    })?;
    Ok(Found::MadeByDrive(file.id))
}

/// Text in a query of Drive's.
/// <https://developers.google.com/workspace/drive/api/guides/search-files>
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_addresses_and_titles() {
        let id = "1ieRgnZ296CcvWYi5GY21vAxIzU93-_9kHAdMdDNzkaQ";
        let by_id = Name::Id(id.to_owned());
        assert_eq!(Name::parse(id), by_id);
        assert_eq!(
            Name::parse(&format!(
                " https://docs.google.com/spreadsheets/d/{id}/edit#gid=0 "
            )),
            by_id
        );
        assert_eq!(
            Name::parse(&format!("https://docs.google.com/spreadsheets/d/{id}")),
            by_id
        );
        for title in [
            "Orders",
            "Bestellungen für das ganze Jahr 2026",
            "a-title_without-spaces",
            "https://x.test/",
        ] {
            assert_eq!(Name::parse(title), Name::Title(title.to_owned()));
        }
    }

    #[test]
    fn an_incomplete_search_makes_no_second_spreadsheet() {
        let _host = hookyard_plugin_sdk::testing::Host::new();
        let found = |text: &str| first(serde_json::from_str(text).unwrap(), "Orders");
        let missed = found(r#"{"incompleteSearch": true, "files": []}"#);
        assert!(
            matches!(missed, Err(ApiError::Failed(Failure::Retry(_)))),
            "{missed:?}"
        );
        assert_eq!(
            found(r#"{"incompleteSearch": true, "files": [{"id": "a"}]}"#),
            Ok(Some("a".to_owned()))
        );
        assert_eq!(found(r#"{"files": []}"#), Ok(None));
    }

    #[test]
    fn a_title_cannot_leave_its_quotes() {
        assert_eq!(escaped(r"It's \ ' or '1'='1"), r"It\'s \\ \' or \'1\'=\'1");
    }
}
