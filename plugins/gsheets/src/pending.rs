//! A row that waits to be added, with its delivery.

use hookyard_plugin_sdk::Delivery;

use crate::cell::Cell;
use crate::column::Row;
use crate::requests::{Line, Styled};
use crate::size::json_size;

/// One row to be added.
#[derive(Debug)]
pub(crate) struct Pending {
    /// Whose row it is.
    pub(crate) delivery: Delivery,
    pub(crate) row: Row,
    /// The delivery's id as a cell.
    pub(crate) key: Cell,
}

impl Pending {
    pub(crate) fn new(delivery: Delivery, row: Row) -> Self {
        Self {
            key: Cell::Text(delivery.id.clone()),
            delivery,
            row,
        }
    }
}

impl Pending {
    /// Bytes of its line in a request at most, in a sheet that has so many columns.
    pub(crate) fn size(&self, columns: usize) -> usize {
        let cells: usize = self
            .row
            .iter()
            .map(|(_, cell)| json_size(&Styled::Cell(cell)) + 1)
            .sum();
        let empty = json_size(&Styled::Cell(&Cell::Empty)) + 1;
        let around = json_size(&Line { values: Vec::new() }) + json_size(&Styled::Cell(&self.key));
        cells + around + empty * (columns + self.row.len())
    }
}
