//! Reading a sheet, for assertions and for the methods alike.

use serde_json::{Map, Value};

use super::book::{COLUMN_PIXELS, Sheet};
use super::look;

impl Sheet {
    /// What a cell shows.
    #[must_use]
    pub fn text(&self, row: usize, column: usize) -> String {
        self.cell(row, column).shown()
    }

    /// What the cells of a row show, up to the last that has a value.
    #[must_use]
    pub fn row_texts(&self, row: usize) -> Vec<String> {
        let width = self.row_width(row);
        (0..width).map(|column| self.text(row, column)).collect()
    }

    /// Every row's texts, up to the last row that has a value.
    #[must_use]
    pub fn texts(&self) -> Vec<Vec<String>> {
        (0..self.used_rows()).map(|row| self.row_texts(row)).collect()
    }

    /// How many rows there are up to the last that has a value.
    #[must_use]
    pub fn used_rows(&self) -> usize {
        self.cells
            .iter()
            .rposition(|cells| cells.iter().any(|cell| cell.entered.is_some()))
            .map_or(0, |last| last + 1)
    }

    /// How many cells a row has up to the last that has a value.
    #[must_use]
    pub fn row_width(&self, row: usize) -> usize {
        let cells = self.cells.get(row).map(Vec::as_slice).unwrap_or_default();
        cells
            .iter()
            .rposition(|cell| cell.entered.is_some())
            .map_or(0, |last| last + 1)
    }

    /// How many rows and columns hold anything, formats included.
    #[must_use]
    pub fn touched(&self) -> (usize, usize) {
        let columns = self.cells.iter().map(Vec::len).max().unwrap_or(0);
        (self.cells.len(), columns)
    }

    /// The format in effect: the default, a band's colour, then what was entered.
    #[must_use]
    pub fn effective_format(&self, row: usize, column: usize) -> Map<String, Value> {
        look::effective(self, row, column)
    }

    /// The background in effect as `#rrggbb`.
    #[must_use]
    pub fn background(&self, row: usize, column: usize) -> String {
        look::hex(&self.effective_format(row, column)["backgroundColor"])
    }

    /// The text colour in effect as `#rrggbb`.
    #[must_use]
    pub fn foreground(&self, row: usize, column: usize) -> String {
        look::hex(&self.effective_format(row, column)["textFormat"]["foregroundColor"])
    }

    /// Whether the text is bold.
    #[must_use]
    pub fn bold(&self, row: usize, column: usize) -> bool {
        self.effective_format(row, column)["textFormat"]["bold"] == true
    }

    /// The width of a column in pixels.
    #[must_use]
    pub fn column_pixels(&self, column: usize) -> u32 {
        self.columns
            .get(&column)
            .and_then(|dimension| dimension.pixels)
            .unwrap_or(COLUMN_PIXELS)
    }

    /// Whether a column is hidden.
    #[must_use]
    pub fn column_hidden(&self, column: usize) -> bool {
        self.columns
            .get(&column)
            .is_some_and(|dimension| dimension.hidden)
    }
}
