//! `write`: a formatted table takes the place of what the sheet has.
//!
//! One read (sizes, bandings and merges of the sheets) and one `batchUpdate`, which Google applies
//! as a whole: the sheet is made or made large enough; cells that were merged are taken apart; one
//! `updateCells` over the whole grid writes the table and clears every other value and format; then
//! borders, column widths and bands. Bandings that are there are deleted in the same batch, because
//! Google refuses a second one over the same cells. A table that is larger than
//! [`crate::size::MAX_BODY`] goes in several batches, the formats with the last; until then readers
//! see a part of it, and a run that breaks off is made good by its retry, which writes it all again.

use hookyard_plugin_sdk::{Failure, Outcome};
use serde_json::{Value, json};

use crate::api::{self, Api};
use crate::cell::Cell;
use crate::config::Config;
use crate::open::{Look, Opened, Presence, Spot, Target, open};
use crate::requests::{self, Cells, Change, Line, Place, Styled, VALUE_AND_FORMAT, range};
use crate::size::{MAX_BODY, fitting};
use crate::table::Table;

/// Rows that a sheet has at least: Google refuses to freeze all of them.
const MIN_ROWS: usize = 2;

/// Writes the table.
pub(crate) fn write(api: &Api, config: &Config, target: &Target, table: &Table) -> Result<Outcome, Failure> {
    api::reserve()?;
    let mut opened = open(api, config, target, Look::Formats)?;
    let batches = batches(&opened.spot, table);
    let alone = opened.spot.presence != Presence::There || batches.len() > 1;
    if alone {
        opened.layout.begin("writing to the sheet")?;
    }
    let sent = send(api, &opened.book.id, &batches);
    if alone {
        opened.layout.end();
    }
    sent?;
    outcome(&opened, table)
}

fn send(api: &Api, id: &str, batches: &[Vec<Change>]) -> Result<(), Failure> {
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
    let mut count = fitting(&table.rows, MAX_BODY);
    let mut lines = vec![heading];
    lines.extend(table.rows[..count].iter().map(|row| line(row)));
    batch.push(update(whole, lines));
    let mut batches = Vec::new();
    while count < table.rows.len() {
        let more = fitting(&table.rows[count..], MAX_BODY);
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
