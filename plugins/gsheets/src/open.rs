//! Opening a spreadsheet and the place in it that is written to, with one read.

use hookyard_plugin_sdk::Failure;
use serde_json::Value;

use crate::api::{Api, ApiError};
use crate::book::{self, Book, Sheet};
use crate::config::Config;
use crate::locate::{self, Found, Name};
use crate::stored::Stored;

/// Rows and columns that Google gives a new sheet.
const NEW_GRID: (usize, usize) = (1000, 26);

/// What is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) name: Name,
    pub(crate) sheet: String,
}

impl Target {
    /// What the arguments name, or else the configuration.
    pub(crate) fn new(
        config: &Config,
        spreadsheet: Option<&str>,
        sheet: Option<&str>,
    ) -> Result<Self, Failure> {
        let named = spreadsheet.or(config.spreadsheet.as_deref()).ok_or_else(|| {
            Failure::reject(
                "no spreadsheet is named; set `spreadsheet` (its id, address or title) under this plugin's config in \
                 plugins.toml",
            )
        })?;
        Ok(Self {
            name: Name::parse(named),
            sheet: sheet.unwrap_or(&config.sheet).to_owned(),
        })
    }
}

/// What a read has to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Sizes, bandings and merges of every sheet.
    Formats,
    /// The first row of the sheet.
    Header,
}

/// An open spreadsheet.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) book: Book,
    pub(crate) spot: Spot,
    /// Marks that a run changes the layout: makes the sheet, adds columns. Read before the sheet
    /// was, so that a layout that changed since is noticed.
    pub(crate) layout: Stored<()>,
}

/// Whether the sheet is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    There,
    /// It has to be made.
    Missing,
    /// The only sheet of a new spreadsheet, which has to be given its title.
    Unnamed,
}

/// The sheet that is written to.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub(crate) id: u32,
    pub(crate) title: String,
    pub(crate) presence: Presence,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// The texts of the first row.
    pub(crate) header: Vec<String>,
    pub(crate) bandings: Vec<i64>,
    pub(crate) merges: Vec<Value>,
}

impl Opened {
    /// The spreadsheet's address with the sheet in view.
    pub(crate) fn url(&self) -> String {
        format!("{}#gid={}", self.book.url, self.spot.id)
    }
}

/// Finds or makes the spreadsheet and reads it. [`crate::api::reserve`] has paid.
pub(crate) fn open(api: &Api, config: &Config, target: &Target, look: Look) -> Result<Opened, Failure> {
    let opened = try_open(api, config, target, look);
    let Err((error, Some(id))) = opened else {
        return opened.map_err(|(error, _)| error.into());
    };
    // Where the title led to may be gone; then it is looked up afresh, once.
    if error.has_status(404) && locate::forget(config, &target.name, &id)? {
        return try_open(api, config, target, look).map_err(|(error, _)| error.into());
    }
    Err(error.into())
}

/// An error, and the id of the spreadsheet that it came from.
type Unopened = (ApiError, Option<String>);

fn try_open(api: &Api, config: &Config, target: &Target, look: Look) -> Result<Opened, Unopened> {
    let before = |failure: Failure| (failure.into(), None);
    let found = locate::locate(api, config, &target.name, &target.sheet).map_err(before)?;
    let (id, made) = match found {
        Found::Made(book) => {
            let layout = layout(&book.id, &target.sheet).map_err(before)?;
            return finish(book, target, layout, false).map_err(before);
        }
        Found::There(id) => (id, false),
        Found::MadeByDrive(id) => (id, true),
    };
    let layout = layout(&id, &target.sheet).map_err(before)?;
    let look = if made { Look::Formats } else { look };
    let book = read(api, &id, &target.sheet, look).map_err(|error| (error, Some(id)))?;
    finish(book, target, layout, made).map_err(before)
}

fn layout(id: &str, sheet: &str) -> Result<Stored<()>, Failure> {
    Stored::load("layout", &format!("{id}\0{}", sheet.to_lowercase()))
}

fn read(api: &Api, id: &str, sheet: &str, look: Look) -> Result<Book, ApiError> {
    if look == Look::Formats {
        return api.get_reserved(&book::plain(api, id));
    }
    match api.get_reserved::<Book>(&book::header(api, id, sheet)) {
        Err(error) if error.has_status(400) => {}
        done => return done,
    }
    // Google refuses a range in a sheet that is not there; another read tells whether that is why.
    let book: Book = api.get(&book::plain(api, id))?;
    if book.sheet(sheet).is_some() {
        // Another run has made it meanwhile; or there is another reason, which comes again.
        api.get(&book::header(api, id, sheet))
    } else {
        Ok(book)
    }
}

fn finish(book: Book, target: &Target, layout: Stored<()>, made: bool) -> Result<Opened, Failure> {
    let spot = match (book.sheet(&target.sheet), &*book.sheets) {
        (Some(sheet), _) if sheet.is_grid() => spot(sheet, &target.sheet, Presence::There),
        (Some(_), _) => {
            return Err(Failure::reject(format!(
                "the sheet `{}` holds a chart or a connected table and has no cells; name another in `sheet`",
                target.sheet
            )));
        }
        (None, [only]) if made => spot(only, &target.sheet, Presence::Unnamed),
        (None, _) => Spot {
            id: book.new_sheet_id(&target.sheet),
            title: target.sheet.clone(),
            presence: Presence::Missing,
            rows: NEW_GRID.0,
            columns: NEW_GRID.1,
            header: Vec::new(),
            bandings: Vec::new(),
            merges: Vec::new(),
        },
    };
    Ok(Opened { book, spot, layout })
}

fn spot(sheet: &Sheet, title: &str, presence: Presence) -> Spot {
    let grid = sheet.properties.grid_properties;
    Spot {
        id: sheet.properties.sheet_id,
        title: title.to_owned(),
        presence,
        rows: grid.row_count,
        columns: grid.column_count,
        header: sheet.first_row(),
        bandings: sheet
            .banded_ranges
            .iter()
            .map(|band| band.banded_range_id)
            .collect(),
        merges: sheet.merges.clone(),
    }
}
