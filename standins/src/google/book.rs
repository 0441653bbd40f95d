//! A spreadsheet as it is kept: sheets, cells, formats, bands, merges, metadata.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::a1::Area;
use super::cell;
use super::metadata::Metadata;

pub use cell::{Cell, Entered};

/// Rows of a new sheet, as Google makes it.
pub const ROWS_NEW: usize = 1_000;

/// Columns of a new sheet, as Google makes it.
pub const COLUMNS_NEW: usize = 26;

/// Width of a column nobody resized, in pixels.
pub const COLUMN_PIXELS: u32 = 100;

/// Height of a row nobody resized, in pixels.
pub const ROW_PIXELS: u32 = 21;

/// A spreadsheet.
#[derive(Clone, Debug)]
pub struct Spreadsheet {
    /// Its id, which is also the file's.
    pub id: String,
    /// Its title, which is also the file's name.
    pub title: String,
    /// Its locale, such as `en_US`.
    pub locale: String,
    /// Its time zone, such as `Etc/GMT`.
    pub time_zone: String,
    /// Its sheets in order.
    pub sheets: Vec<Sheet>,
    /// Its developer metadata by id.
    pub metadata: BTreeMap<i64, Metadata>,
}

/// A sheet.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Its id: 0 for the first of a new spreadsheet, random for others.
    pub id: i64,
    /// Its title.
    pub title: String,
    /// Whether it is hidden.
    pub hidden: bool,
    /// How many rows the grid has.
    pub row_count: usize,
    /// How many columns the grid has.
    pub column_count: usize,
    /// How many rows stay on screen.
    pub frozen_rows: usize,
    /// How many columns stay on screen.
    pub frozen_columns: usize,
    /// Banded ranges.
    pub bands: Vec<Band>,
    /// Merged ranges.
    pub merges: Vec<Area>,
    /// The basic filter as sent, if one is set.
    pub filter: Option<Value>,
    /// What was set of rows, by index.
    pub rows: BTreeMap<usize, Dimension>,
    /// What was set of columns, by index.
    pub columns: BTreeMap<usize, Dimension>,
    /// Other properties as sent, such as `tabColorStyle`.
    pub other: Map<String, Value>,
    pub(super) cells: Vec<Vec<Cell>>,
}

/// A banded range.
#[derive(Clone, Debug)]
pub struct Band {
    /// Its id.
    pub id: i64,
    /// What it covers.
    pub area: Area,
    /// `BandingProperties` of rows, if any.
    pub rows: Option<Map<String, Value>>,
    /// `BandingProperties` of columns, if any.
    pub columns: Option<Map<String, Value>>,
}

/// What was set of a row or column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dimension {
    /// Its size in pixels; none: the standard one.
    pub pixels: Option<u32>,
    /// Whether a user hid it.
    pub hidden: bool,
}

static EMPTY: Cell = Cell::EMPTY;

impl Spreadsheet {
    /// A new spreadsheet with one empty sheet.
    pub(super) fn new(id: String, title: &str) -> Self {
        Self {
            id,
            title: title.to_owned(),
            locale: "en_US".to_owned(),
            time_zone: "Etc/GMT".to_owned(),
            sheets: vec![Sheet::new(0, "Sheet1")],
            metadata: BTreeMap::new(),
        }
    }

    /// The sheet of that title.
    #[must_use]
    pub fn sheet(&self, title: &str) -> Option<&Sheet> {
        self.sheets.iter().find(|sheet| sheet.title == title)
    }

    /// The sheet of that id.
    #[must_use]
    pub fn sheet_by_id(&self, id: i64) -> Option<&Sheet> {
        self.sheets.iter().find(|sheet| sheet.id == id)
    }

    /// How many cells all grids have together.
    #[must_use]
    pub fn cell_count(&self) -> usize {
        self.sheets
            .iter()
            .map(|sheet| sheet.row_count.saturating_mul(sheet.column_count))
            .sum()
    }
}

impl Sheet {
    /// An empty sheet of the standard size.
    pub(super) fn new(id: i64, title: &str) -> Self {
        Self {
            id,
            title: title.to_owned(),
            hidden: false,
            row_count: ROWS_NEW,
            column_count: COLUMNS_NEW,
            frozen_rows: 0,
            frozen_columns: 0,
            bands: Vec::new(),
            merges: Vec::new(),
            filter: None,
            rows: BTreeMap::new(),
            columns: BTreeMap::new(),
            other: Map::new(),
            cells: Vec::new(),
        }
    }

    /// A cell, counted from 0; one never written, or outside the grid, is empty.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> &Cell {
        self.cells
            .get(row)
            .and_then(|cells| cells.get(column))
            .unwrap_or(&EMPTY)
    }

    /// A cell to change; it must be inside the grid.
    pub(super) fn cell_mut(&mut self, row: usize, column: usize) -> &mut Cell {
        if self.cells.len() <= row {
            self.cells.resize_with(row + 1, Vec::new);
        }
        let cells = &mut self.cells[row];
        if cells.len() <= column {
            cells.resize_with(column + 1, Cell::default);
        }
        &mut cells[column]
    }

    /// The whole grid.
    #[must_use]
    pub fn whole(&self) -> Area {
        Area {
            rows: 0..self.row_count,
            columns: 0..self.column_count,
        }
    }

    /// The rows of cells, for structural changes.
    pub(super) fn cells_mut(&mut self) -> &mut Vec<Vec<Cell>> {
        &mut self.cells
    }

    /// Its `SheetProperties`.
    pub(super) fn properties(&self, index: usize) -> Map<String, Value> {
        let mut grid = json!({"rowCount": self.row_count, "columnCount": self.column_count});
        if self.frozen_rows > 0 {
            grid["frozenRowCount"] = json!(self.frozen_rows);
        }
        if self.frozen_columns > 0 {
            grid["frozenColumnCount"] = json!(self.frozen_columns);
        }
        let mut properties = self.other.clone();
        if let Some(Value::Object(more)) = properties.remove("gridProperties")
            && let Some(grid) = grid.as_object_mut()
        {
            grid.extend(more);
        }
        properties.insert("sheetId".to_owned(), json!(self.id));
        properties.insert("title".to_owned(), json!(self.title));
        properties.insert("index".to_owned(), json!(index));
        properties.insert("sheetType".to_owned(), json!("GRID"));
        properties.insert("gridProperties".to_owned(), grid);
        if self.hidden {
            properties.insert("hidden".to_owned(), json!(true));
        }
        properties
    }

    /// Takes over `SheetProperties` already checked; the id and the place among sheets are not touched.
    pub(super) fn set_properties(&mut self, mut properties: Map<String, Value>) {
        let mut grid = match properties.remove("gridProperties") {
            Some(Value::Object(grid)) => grid,
            _ => Map::new(),
        };
        let mut count = |name: &str| count_of(&grid.remove(name).unwrap_or_default());
        self.row_count = count("rowCount").unwrap_or(ROWS_NEW);
        self.column_count = count("columnCount").unwrap_or(COLUMNS_NEW);
        self.frozen_rows = count("frozenRowCount").unwrap_or(0);
        self.frozen_columns = count("frozenColumnCount").unwrap_or(0);
        self.hidden = properties.remove("hidden") == Some(Value::Bool(true));
        if let Some(Value::String(title)) = properties.remove("title") {
            self.title = title;
        }
        for name in ["sheetId", "index", "sheetType"] {
            properties.remove(name);
        }
        grid.retain(|_, value| *value != false);
        if !grid.is_empty() {
            properties.insert("gridProperties".to_owned(), Value::Object(grid));
        }
        self.other = properties;
        self.cells.truncate(self.row_count);
        for cells in &mut self.cells {
            cells.truncate(self.column_count);
        }
    }
}

/// A count that is not negative.
pub fn count_of(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|count| usize::try_from(count).ok())
}

/// A format shared by the cells that have it.
pub type Format = Arc<Map<String, Value>>;
