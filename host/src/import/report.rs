//! What an import says it did.

use serde::Serialize;

use super::convert::Refusal;
use crate::store::django::Row;

/// Most refused rows that are told one by one; the rest are counted.
const MAX_REFUSALS: usize = 1_000;

/// What became of a row.
pub(super) enum Became {
    Imported,
    Updated,
    Known,
    Refused(Refusal),
}

/// What became of one table's rows.
#[derive(Debug, Default, Serialize)]
pub struct TableReport {
    /// Whether the table is there.
    pub found: bool,
    pub read: u64,
    pub imported: u64,
    /// Known here, and changed there since.
    pub updated: u64,
    pub already_there: u64,
    pub refused: u64,
    /// The first refused rows.
    pub refusals: Vec<RowRefusal>,
}

/// A row that was not taken over.
#[derive(Debug, Serialize)]
pub struct RowRefusal {
    /// The old id.
    pub id: String,
    pub why: String,
}

/// What became of everything.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub dry_run: bool,
    pub users: TableReport,
    /// Users whose password was kept in a form that cannot be checked: they need a new one.
    pub passwords_to_set: Vec<String>,
    pub events: TableReport,
    /// Events that the old service has not processed: delivered now, or kept as failed.
    pub not_processed: u64,
    /// Of those delivered, the ones that no plugin's route takes.
    pub not_wanted: u64,
    pub processes: TableReport,
}

impl TableReport {
    pub(super) fn add(&mut self, row: &Row, became: Became) {
        self.read += 1;
        match became {
            Became::Imported => self.imported += 1,
            Became::Updated => self.updated += 1,
            Became::Known => self.already_there += 1,
            Became::Refused(why) => {
                self.refused += 1;
                if self.refusals.len() < MAX_REFUSALS {
                    let id = row.text(0).to_owned();
                    self.refusals.push(RowRefusal { id, why });
                }
            }
        }
    }
}

impl Report {
    /// Rows that were not taken over, of all tables.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.users.refused + self.events.refused + self.processes.refused
    }
}
