//! Developer metadata and data filters.
//!
//! Source: <https://developers.google.com/workspace/sheets/api/guides/metadata>.

use std::ops::Range;

use serde_json::{Value, json};

use super::a1::Area;
use super::book::{Spreadsheet, count_of};
use super::refusal::{Outcome, Refusal};
use super::span;

/// Characters of keys and values together at most, for a spreadsheet and for each sheet.
const CHARACTERS_MAX: usize = 30_000;

/// What a piece of metadata is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The spreadsheet.
    Spreadsheet,
    /// A sheet, by id.
    Sheet(i64),
    /// One row of a sheet.
    Row(i64, usize),
    /// One column of a sheet.
    Column(i64, usize),
}

/// A piece of metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Its id, unique in the spreadsheet.
    pub id: i64,
    /// Its key.
    pub key: String,
    /// Its value, if it has one.
    pub value: Option<String>,
    /// `DOCUMENT` or `PROJECT`.
    pub visibility: String,
    /// What it is attached to.
    pub place: Place,
}

impl Place {
    /// The sheet it is on.
    #[must_use]
    pub fn sheet(&self) -> Option<i64> {
        match self {
            Self::Spreadsheet => None,
            Self::Sheet(sheet) | Self::Row(sheet, _) | Self::Column(sheet, _) => Some(*sheet),
        }
    }

    /// Reads a `DeveloperMetadataLocation`.
    pub(super) fn read(book: &Spreadsheet, location: &Value) -> Outcome<Self> {
        if location["spreadsheet"] == true {
            return Ok(Self::Spreadsheet);
        }
        if let Some(sheet) = location["sheetId"].as_i64() {
            span::sheet_at(book, sheet)?;
            return Ok(Self::Sheet(sheet));
        }
        let Some(range) = location.get("dimensionRange") else {
            return Err(Refusal::invalid("developerMetadata.location must be specified."));
        };
        let (at, rows, range) = span::dimension(book, range)?;
        let sheet = book.sheets[at].id;
        match (range.len(), rows) {
            (1, true) => Ok(Self::Row(sheet, range.start)),
            (1, false) => Ok(Self::Column(sheet, range.start)),
            _ => Err(Refusal::invalid(
                "Developer metadata can only be associated with a single row or column; the dimensionRange must have a length of 1.",
            )),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Spreadsheet => "SPREADSHEET",
            Self::Sheet(_) => "SHEET",
            Self::Row(..) => "ROW",
            Self::Column(..) => "COLUMN",
        }
    }

    fn json(&self) -> Value {
        let one = |dimension: &str, sheet: i64, at: usize| {
            json!({"locationType": self.kind(), "dimensionRange":
                {"sheetId": sheet, "dimension": dimension, "startIndex": at, "endIndex": at + 1}})
        };
        match self {
            Self::Spreadsheet => json!({"locationType": "SPREADSHEET", "spreadsheet": true}),
            Self::Sheet(sheet) => json!({"locationType": "SHEET", "sheetId": sheet}),
            Self::Row(sheet, at) => one("ROWS", *sheet, *at),
            Self::Column(sheet, at) => one("COLUMNS", *sheet, *at),
        }
    }

    /// The sheet's place among the sheets, and the cells; none for the spreadsheet as a whole.
    pub(super) fn area(&self, book: &Spreadsheet) -> Option<(usize, Area)> {
        let at = book
            .sheets
            .iter()
            .position(|sheet| Some(sheet.id) == self.sheet())?;
        let whole = book.sheets[at].whole();
        let one = |at: usize| -> Range<usize> { at..at + 1 };
        Some((
            at,
            match self {
                Self::Row(_, row) => Area {
                    rows: one(*row),
                    ..whole
                },
                Self::Column(_, column) => Area {
                    columns: one(*column),
                    ..whole
                },
                _ => whole,
            },
        ))
    }
}

impl Metadata {
    /// As `DeveloperMetadata`.
    pub(super) fn json(&self) -> Value {
        let mut out = json!({
            "metadataId": self.id,
            "metadataKey": self.key,
            "location": self.place.json(),
            "visibility": self.visibility,
        });
        if let Some(value) = &self.value {
            out["metadataValue"] = json!(value);
        }
        out
    }
}

/// Refuses when keys and values are too long together.
pub fn check_size(book: &Spreadsheet) -> Outcome<()> {
    let size = |of: &dyn Fn(&Metadata) -> bool| -> usize {
        let kept = book.metadata.values().filter(|metadata| of(metadata));
        kept.map(|m| m.key.chars().count() + m.value.as_ref().map_or(0, |v| v.chars().count()))
            .sum()
    };
    let spreadsheet = size(&|metadata| metadata.place == Place::Spreadsheet);
    let sheets = book
        .sheets
        .iter()
        .map(|sheet| size(&|metadata| metadata.place.sheet() == Some(sheet.id)));
    let most = sheets.max().unwrap_or(0).max(spreadsheet);
    if most > CHARACTERS_MAX {
        return Err(Refusal::invalid(format!(
            "The developer metadata would have {most} characters, more than the limit of {CHARACTERS_MAX}."
        )));
    }
    Ok(())
}

/// Moves or drops the metadata of a sheet's rows (or columns) after lines went in or out.
pub fn shift(book: &mut Spreadsheet, sheet: i64, rows: bool, change: &span::Change) {
    book.metadata.retain(|_, metadata| {
        let at = match &mut metadata.place {
            Place::Row(on, at) if *on == sheet && rows => at,
            Place::Column(on, at) if *on == sheet && !rows => at,
            _ => return true,
        };
        match change.moved(*at) {
            Some(now) => {
                *at = now;
                true
            }
            None => false,
        }
    });
}

/// Whether a `DataFilter` with a lookup selects this piece of metadata.
pub fn selected(book: &Spreadsheet, filter: &Value, metadata: &Metadata) -> Outcome<bool> {
    if let Some(lookup) = filter.get("developerMetadataLookup") {
        return looked_up(book, lookup, metadata);
    }
    let (sheet, area) = area_of(book, filter)?;
    Ok(metadata
        .place
        .area(book)
        .is_some_and(|(on, covered)| on == sheet && covered.overlaps(&area)))
}

fn looked_up(book: &Spreadsheet, lookup: &Value, metadata: &Metadata) -> Outcome<bool> {
    let text = |name: &str, is: &str| {
        lookup[name]
            .as_str()
            .is_none_or(|wanted| wanted == is || wanted.ends_with("_UNSPECIFIED"))
    };
    let plain = lookup["metadataId"].as_i64().is_none_or(|id| id == metadata.id)
        && text("metadataKey", &metadata.key)
        && lookup["metadataValue"]
            .as_str()
            .is_none_or(|value| metadata.value.as_deref() == Some(value))
        && text("visibility", &metadata.visibility)
        && text("locationType", metadata.place.kind());
    let Some(location) = lookup.get("metadataLocation") else {
        return Ok(plain);
    };
    let wanted = Place::read(book, location)?;
    let intersecting = lookup["locationMatchingStrategy"] == "INTERSECTING_LOCATION";
    let placed = wanted == metadata.place
        || (intersecting
            && match (wanted.area(book), metadata.place.area(book)) {
                (Some((a, wanted)), Some((b, is))) => a == b && wanted.overlaps(&is),
                _ => wanted == Place::Spreadsheet,
            });
    Ok(plain && placed)
}

/// The cells that a filter with a range selects.
pub fn area_of(book: &Spreadsheet, filter: &Value) -> Outcome<(usize, Area)> {
    if let Some(range) = filter["a1Range"].as_str() {
        return span::written(book, range);
    }
    match filter.get("gridRange") {
        Some(range) => span::grid_range(book, range),
        None => Err(Refusal::invalid("Data filter must specify a filter.")),
    }
}

/// Every area that a filter selects.
pub fn areas(book: &Spreadsheet, filter: &Value) -> Outcome<Vec<(usize, Area)>> {
    if filter.get("developerMetadataLookup").is_none() {
        return Ok(vec![area_of(book, filter)?]);
    }
    let mut areas = Vec::new();
    for metadata in book.metadata.values() {
        if selected(book, filter, metadata)? {
            areas.extend(metadata.place.area(book));
        }
    }
    Ok(areas)
}

/// The id asked for, or a new one.
pub fn id_of(book: &Spreadsheet, asked: &Value) -> Outcome<i64> {
    if let Some(id) = count_of(asked).and_then(|id| i64::try_from(id).ok()) {
        if book.metadata.contains_key(&id) {
            return Err(Refusal::invalid(format!(
                "Developer metadata with id {id} already exists."
            )));
        }
        return Ok(id);
    }
    Ok(span::new_id(|id| book.metadata.contains_key(&id)))
}
