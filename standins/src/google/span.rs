//! Ranges against a spreadsheet: `GridRange`, `DimensionRange`, A1; and what inserting or deleting does to them.

use std::ops::Range;

use serde_json::Value;

use super::a1::{self, Area};
use super::book::{Spreadsheet, count_of};
use super::refusal::{Outcome, Refusal};

/// The place of a sheet among the sheets.
pub fn sheet_at(book: &Spreadsheet, id: i64) -> Outcome<usize> {
    book.sheets
        .iter()
        .position(|sheet| sheet.id == id)
        .ok_or_else(|| Refusal::invalid(format!("No grid with id: {id}")))
}

/// The sheet that `sheetId` names; left out it is 0, as in protocol buffers.
pub fn named(book: &Spreadsheet, holder: &Value) -> Outcome<usize> {
    sheet_at(book, holder["sheetId"].as_i64().unwrap_or(0))
}

/// A new random id that is not taken.
pub fn new_id(taken: impl Fn(i64) -> bool) -> i64 {
    loop {
        let id = i64::from(rand::random::<u32>() >> 1);
        if id != 0 && !taken(id) {
            return id;
        }
    }
}

/// A `GridRange`; open ends reach the end of the grid.
pub fn grid_range(book: &Spreadsheet, range: &Value) -> Outcome<(usize, Area)> {
    let at = named(book, range)?;
    let sheet = &book.sheets[at];
    let side = |start: &str, end: &str, count: usize| -> Outcome<Range<usize>> {
        for name in [start, end] {
            if range[name].as_i64().is_some_and(|index| index < 0) {
                return Err(Refusal::invalid(format!("range.{name} must not be negative.")));
            }
        }
        let start_index = count_of(&range[start]).unwrap_or(0);
        let end_index = count_of(&range[end]).unwrap_or(count);
        if start_index >= end_index {
            return Err(Refusal::invalid(format!(
                "{end}[{end_index}] must be greater than {start}[{start_index}]."
            )));
        }
        Ok(start_index..end_index)
    };
    let area = Area {
        rows: side("startRowIndex", "endRowIndex", sheet.row_count)?,
        columns: side("startColumnIndex", "endColumnIndex", sheet.column_count)?,
    };
    inside(book, at, &area)?;
    Ok((at, area))
}

/// Refuses an area that is not inside its grid.
pub fn inside(book: &Spreadsheet, at: usize, area: &Area) -> Outcome<()> {
    let sheet = &book.sheets[at];
    if area.rows.end <= sheet.row_count && area.columns.end <= sheet.column_count {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "Range ({}) exceeds grid limits. Max rows: {}, max columns: {}",
        a1::name(&sheet.title, area),
        sheet.row_count,
        sheet.column_count
    )))
}

/// A `DimensionRange`: the sheet, whether rows are meant, and which.
pub fn dimension(book: &Spreadsheet, range: &Value) -> Outcome<(usize, bool, Range<usize>)> {
    let at = named(book, range)?;
    let rows = match range["dimension"].as_str() {
        Some("ROWS") => true,
        Some("COLUMNS") => false,
        _ => return Err(Refusal::invalid("No dimension specified.")),
    };
    let sheet = &book.sheets[at];
    let count = if rows { sheet.row_count } else { sheet.column_count };
    let start = range["startIndex"].as_i64().unwrap_or(0);
    let end = range["endIndex"]
        .as_i64()
        .unwrap_or(i64::try_from(count).unwrap_or(i64::MAX));
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) if start < end => Ok((at, rows, start..end)),
        _ => Err(Refusal::invalid(format!(
            "range.endIndex[{end}] must be greater than range.startIndex[{start}], and neither negative."
        ))),
    }
}

/// An A1 range; open ends reach the end of the grid, and so does an end past it. A start outside is refused.
pub fn written(book: &Spreadsheet, text: &str) -> Outcome<(usize, Area)> {
    let unparsed = || Refusal::invalid(format!("Unable to parse range: {text}"));
    let (title, _, cells) = a1::split(text).ok_or_else(unparsed)?;
    let by_title = |title: &str| {
        let lower = title.to_lowercase();
        book.sheets
            .iter()
            .position(|sheet| sheet.title.to_lowercase() == lower)
    };
    let (at, cells) = match (&title, cells) {
        (Some(title), cells) => (by_title(title).ok_or_else(unparsed)?, cells),
        (None, Some(text)) => match by_title(text) {
            Some(at) => (at, None),
            None => (0, Some(text)),
        },
        (None, None) => return Err(unparsed()),
    };
    let sheet = book.sheets.get(at).ok_or_else(unparsed)?;
    let Some(cells) = cells else {
        return Ok((at, sheet.whole()));
    };
    let asked = a1::cells(cells).ok_or_else(unparsed)?;
    let rows = asked.start_row.unwrap_or(0)..asked.end_row.unwrap_or(sheet.row_count);
    let columns = asked.start_column.unwrap_or(0)..asked.end_column.unwrap_or(sheet.column_count);
    if rows.start >= sheet.row_count || columns.start >= sheet.column_count {
        let shown = Area {
            rows: rows.start..rows.end.max(rows.start + 1),
            columns: columns.start..columns.end.max(columns.start + 1),
        };
        inside(book, at, &shown)?;
    }
    Ok((
        at,
        Area {
            rows: rows.start..rows.end.min(sheet.row_count),
            columns: columns.start..columns.end.min(sheet.column_count),
        },
    ))
}

/// Lines that go in or out.
#[derive(Clone, Debug)]
pub enum Change {
    /// New lines take these places.
    Insert(Range<usize>),
    /// The lines of these places go.
    Delete(Range<usize>),
}

impl Change {
    /// Where a line is afterwards; none when it went.
    pub fn moved(&self, at: usize) -> Option<usize> {
        match self {
            Self::Insert(range) => Some(if at >= range.start { at + range.len() } else { at }),
            Self::Delete(range) if range.contains(&at) => None,
            Self::Delete(range) => Some(if at >= range.end { at - range.len() } else { at }),
        }
    }

    /// What a range is afterwards; none when nothing is left of it.
    pub fn resized(&self, range: &Range<usize>) -> Option<Range<usize>> {
        match self {
            Self::Insert(new) => Some(if new.start <= range.start {
                range.start + new.len()..range.end + new.len()
            } else if new.start < range.end {
                range.start..range.end + new.len()
            } else {
                range.clone()
            }),
            Self::Delete(gone) => {
                let before =
                    |at: usize| at.min(gone.start) + at.saturating_sub(gone.end.max(gone.start)).min(at);
                let left = before(range.start)..before(range.end);
                (left.start < left.end).then_some(left)
            }
        }
    }
}
