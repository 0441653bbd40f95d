//! `write`: a formatted table takes the place of what the sheet has.
//!
//! One read (sizes, bandings and merges of the sheets) and one `batchUpdate`, which Google applies
//! as a whole: the sheet is made or made large enough; cells that were merged are taken apart; one
//! `updateCells` over the whole grid writes the table and clears every other value and format; then
//! borders, column widths and bands. Bandings that are there are deleted in the same batch, because
//! Google refuses a second one over the same cells. A table that is larger than
//! [`crate::size::MAX_BODY`] goes in several batches, the formats with the last; until then readers
//! see a part of it, and a run that breaks off is made good by its retry, which writes it all again.

use hookyard_plugin_sdk::{Failure, Outcome, info};
use serde_json::{Value, json};

use crate::api::{self, Api, ApiError};
use crate::cell::Cell;
use crate::config::Config;
use crate::open::{Look, Opened, Presence, Spot, Target, open};
use crate::requests::{self, Cells, Change, Line, Place, Styled, VALUE_AND_FORMAT, range};
use crate::size::{MAX_BODY, MAX_TABLE, fitting, json_size};
use crate::table::Table;

/// Rows that a sheet has at least: Google refuses to freeze all of them.
const MIN_ROWS: usize = 2;

/// Writes the table. When Google refuses it the sheet is read again and the table sent once more: somebody may have
/// changed bands, merges or the sheet itself since the first look.
pub(crate) fn write(api: &Api, config: &Config, target: &Target, table: &Table) -> Result<Outcome, Failure> {
    fits(table)?;
    let (opened, written) = attempt(api, config, target, table)?;
    let refused = match written {
        Ok(()) => return outcome(&opened, table),
        Err(error) => error,
    };
    if !refused.has_status(400) || opened.spot.presence != Presence::There {
        return Err(refused.into());
    }
    info!("Google refused the table; the sheet is read again");
    let (opened, written) = attempt(api, config, target, table)?;
    written?;
    outcome(&opened, table)
}

/// Reads and writes once. No other run writes a table to the sheet meanwhile, whose bands would not be those that were
/// read.
fn attempt(
    api: &Api,
    config: &Config,
    target: &Target,
    table: &Table,
) -> Result<(Opened, Result<(), ApiError>), Failure> {
    api::reserve()?;
    let mut opened = open(api, config, target, Look::Formats)?;
    opened.layout.begin("writing to the sheet")?;
    let written = send(api, &opened.book.id, &batches(&opened.spot, table));
    opened.layout.end();
    Ok((opened, written))
}

/// Refuses what would be written in part only.
fn fits(table: &Table) -> Result<(), Failure> {
    let size: usize = table.rows.iter().map(|row| json_size(&line(row)) + 1).sum();
    if size <= MAX_TABLE {
        return Ok(());
    }
    Err(Failure::reject(format!(
        "the table takes {size} bytes in requests, and {MAX_TABLE} are the most; write it in parts, to several sheets"
    )))
}

fn send(api: &Api, id: &str, batches: &[Vec<Change>]) -> Result<(), ApiError> {
    for (at, batch) in batches.iter().enumerate() {
        if at > 0 {
            api::pay_write()?;
        }
        api.batch_update(id, batch)?;
    }
    Ok(())
}

fn outcome(opened: &Opened, table: &Table) -> Result<Outcome, Failure> {
    let (rows, columns) = (table.rows.len(), table.titles.len());
    let summary = format!(
        "wrote {rows} rows of {columns} columns to `{}` in `{}`",
        opened.spot.title,
        opened.book.title()
    );
    Outcome::new(summary).with_output(&json!({
        "spreadsheet": opened.book.id,
        "sheet": opened.spot.title,
        "url": opened.url(),
        "rows": rows,
        "columns": columns,
    }))
}

/// The requests, batch by batch.
fn batches<'a>(spot: &Spot, table: &'a Table) -> Vec<Vec<Change<'a>>> {
    let height = table.rows.len() + 1;
    let grid = (
        spot.rows.max(height).max(MIN_ROWS),
        spot.columns.max(table.titles.len()).max(1),
    );
    let mut batch = prepare(spot, grid);
    let whole = range(spot.id, (0, grid.0), (0, grid.1));
    let heading = Line {
        values: table.titles.iter().map(|title| Styled::Heading(title)).collect(),
    };
    let mut count = fitting(&table.rows, MAX_BODY, line_size);
    let mut lines = vec![heading];
    lines.extend(table.rows[..count].iter().map(|row| line(row)));
    batch.push(update(whole, lines));
    let mut batches = Vec::new();
    while count < table.rows.len() {
        let more = fitting(&table.rows[count..], MAX_BODY, line_size);
        let part = &table.rows[count..count + more];
        let place = range(spot.id, (count + 1, count + 1 + more), (0, table.titles.len()));
        batches.push(std::mem::replace(
            &mut batch,
            vec![update(place, part.iter().map(|row| line(row)).collect())],
        ));
        count += more;
    }
    batch.extend(dress(spot, height, table.titles.len()));
    batches.push(batch);
    batches
}

/// What has to be there before cells can be written.
fn prepare<'a>(spot: &Spot, grid: (usize, usize)) -> Vec<Change<'a>> {
    let mut changes = Vec::new();
    if spot.presence == Presence::Missing {
        changes.push(requests::add_sheet(spot.id, &spot.title, grid.0, grid.1));
        return changes;
    }
    if spot.presence == Presence::Unnamed {
        changes.push(requests::rename_sheet(spot.id, &spot.title));
    }
    changes.push(requests::resize(spot.id, grid.0, grid.1));
    // The column of keys is hidden in a sheet that rows were added to.
    changes.push(requests::show_columns(spot.id, grid.1));
    changes.extend(spot.bandings.iter().map(|id| requests::delete_banding(*id)));
    if !spot.merges.is_empty() {
        changes.push(requests::unmerge(&range(spot.id, (0, grid.0), (0, grid.1))));
    }
    changes
}

/// Borders, widths and bands; the last only where there are rows.
fn dress<'a>(spot: &Spot, height: usize, width: usize) -> Vec<Change<'a>> {
    if width == 0 {
        return Vec::new();
    }
    let mut changes = vec![
        requests::borders(&range(spot.id, (0, height), (0, width))),
        requests::auto_resize(spot.id, width),
    ];
    if height > 1 {
        changes.push(requests::add_banding(&range(spot.id, (1, height), (0, width))));
    }
    changes
}

#[expect(clippy::ptr_arg, reason = "the items of a slice of rows")]
fn line_size(row: &Vec<Cell>) -> usize {
    json_size(&line(row))
}

fn line(row: &[Cell]) -> Line<'_> {
    Line {
        values: row.iter().map(Styled::Cell).collect(),
    }
}

fn update(range: Value, rows: Vec<Line>) -> Change {
    Change::Update {
        update_cells: Cells {
            place: Place::Range(range),
            rows,
            fields: VALUE_AND_FORMAT,
        },
    }
}
