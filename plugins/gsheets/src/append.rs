//! `append`: one row at the end of the sheet for each delivery, and only one even when it is tried
//! again.
//!
//! Rows that wait together go in one `batchUpdate`, after one read of the first row. Each row has
//! its delivery's id in the hidden column `hookyard_delivery`, because an answer may be lost after
//! Google has added the row. Whether a row is there already is looked up only for deliveries beyond
//! their first attempt: the first cannot have left one, and nearly all end with the first, so that a
//! sheet of any length costs the same. The keys of a retried batch are read in pages from the end
//! of the sheet, until all are found or [`MAX_KEY_ROWS`] have been read; a retry follows within the
//! policy's `max-age`, so its row is near the end.
//!
//! Developer metadata would be the alternative. Google allows 30,000 characters of it on a sheet,
//! which is less than 1,000 keys, and it cannot be tied to a row that `appendCells` is about to
//! make (<https://developers.google.com/workspace/sheets/api/guides/metadata>).
//!
//! The whole batch is refused when Google refuses one row, such as a formula that does not parse.
//! Then each row is sent alone, so that only the one that is wrong ends as a dead letter.

use std::collections::HashSet;
use std::time::Duration;

use hookyard_plugin_sdk::{Failure, Outcome, info};
use serde_json::json;

use crate::api::{self, Api, ApiError};
use crate::book::{self, Book};
use crate::cell::Cell;
use crate::config::Config;
use crate::header::{Header, key_column};
use crate::open::{Look, Opened, Presence, Target, open};
use crate::pending::Pending;
use crate::requests::{self, Cells, Change, Line, Place, Styled, VALUE_AND_FORMAT, range};
use crate::size::{MAX_BODY, fitting};

/// Rows of keys read with one request: about 2 MB of answer.
const KEY_PAGE: usize = 25_000;
/// Rows of keys read for one batch: 16 MB of answers, half of the shipped `response-bytes`.
const MAX_KEY_ROWS: usize = 200_000;

/// How long rows wait that did not go into one request with the others.
const NEXT_BATCH: Duration = Duration::from_secs(1);

/// Adds the rows; one result each, in the same order.
pub(crate) fn append(
    api: &Api,
    config: &Config,
    target: &Target,
    rows: &[Pending],
) -> Vec<Result<Outcome, Failure>> {
    match prepare(api, config, target, rows) {
        Ok((opened, there)) => Appending { api, opened, there }.all(rows),
        Err(failure) => rows.iter().map(|_| Err(failure.clone())).collect(),
    }
}

/// Opens the sheet and finds out which rows it has already.
fn prepare(
    api: &Api,
    config: &Config,
    target: &Target,
    rows: &[Pending],
) -> Result<(Opened, HashSet<String>), Failure> {
    api::reserve()?;
    let opened = open(api, config, target, Look::Header)?;
    let retried: HashSet<&str> = rows
        .iter()
        .filter(|row| row.delivery.attempt > 1)
        .map(|row| &*row.delivery.id)
        .collect();
    let there = match key_column(&opened.spot.header) {
        Some(column) if !retried.is_empty() => present(api, &opened, column, &retried)?,
        _ => HashSet::new(),
    };
    Ok((opened, there))
}

/// Those of the keys that the sheet has.
fn present(
    api: &Api,
    opened: &Opened,
    column: usize,
    wanted: &HashSet<&str>,
) -> Result<HashSet<String>, Failure> {
    let mut there = HashSet::new();
    let last = opened.spot.rows;
    // Row 1 is the header.
    let first = last.saturating_sub(MAX_KEY_ROWS).max(1) + 1;
    let mut to = last;
    while to >= first && there.len() < wanted.len() {
        let from = to.saturating_sub(KEY_PAGE - 1).max(first);
        let request = book::column(api, &opened.book.id, &opened.spot.title, column, from, to);
        let page: Book = api.get(&request)?;
        let keys = page.sheets.iter().flat_map(book::Sheet::column);
        there.extend(keys.filter(|key| wanted.contains(key)).map(str::to_owned));
        to = from - 1;
    }
    Ok(there)
}

/// A sheet that rows are being added to.
struct Appending<'a> {
    api: &'a Api,
    opened: Opened,
    there: HashSet<String>,
}

impl Appending<'_> {
    fn all(mut self, rows: &[Pending]) -> Vec<Result<Outcome, Failure>> {
        let missing: Vec<&Pending> = rows
            .iter()
            .filter(|row| !self.there.contains(&row.delivery.id))
            .collect();
        let mut results = self.add(&missing).into_iter();
        let mut finished = Vec::with_capacity(rows.len());
        for row in rows {
            finished.push(if self.there.contains(&row.delivery.id) {
                self.done("the row was there already, in")
            } else {
                match results.next() {
                    Some(Ok(())) => self.done("added a row to"),
                    Some(Err(failure)) => Err(failure),
                    None => Err(Failure::retry("the row was not sent")),
                }
            });
        }
        finished
    }

    fn done(&self, what: &str) -> Result<Outcome, Failure> {
        let (sheet, title) = (&self.opened.spot.title, self.opened.book.title());
        Outcome::new(format!("{what} `{sheet}` in `{title}`")).with_output(&json!({
            "spreadsheet": self.opened.book.id,
            "sheet": sheet,
            "url": self.opened.url(),
        }))
    }

    /// Adds rows that are not there: together, or one by one when Google refuses them together.
    fn add(&mut self, rows: &[&Pending]) -> Vec<Result<(), Failure>> {
        let columns = self.opened.spot.header.len();
        let (now, later) = rows.split_at(fitting(rows, MAX_BODY, |row| row.size(columns)));
        let mut results = match self.send(now) {
            Err(error) if error.has_status(400) && now.len() > 1 => {
                info!("Google refused {} rows together; each is sent alone", now.len());
                now.iter().map(|row| self.alone(row)).collect()
            }
            Err(error) => vec![Err(Failure::from(error)); now.len()],
            Ok(()) => vec![Ok(()); now.len()],
        };
        let full = Failure::defer("the request was full; the row goes with the next", NEXT_BATCH);
        results.extend(later.iter().map(|_| Err(full.clone())));
        results
    }

    fn alone(&mut self, row: &Pending) -> Result<(), Failure> {
        // What has been sent for all is not this row's.
        self.api.begin();
        api::pay_write()?;
        Ok(self.send(&[row])?)
    }

    fn send(&mut self, rows: &[&Pending]) -> Result<(), ApiError> {
        if rows.is_empty() {
            return Ok(());
        }
        let titles = titles(rows);
        let header = Header::new(&self.opened.spot.header, &titles);
        let alone = header.grows() || self.opened.spot.presence != Presence::There;
        if alone {
            self.opened.layout.begin("changing the sheet's columns")?;
        }
        let changes = self.changes(&header, &titles, rows);
        let sent = self.api.batch_update(&self.opened.book.id, &changes);
        if alone {
            self.opened.layout.end();
        }
        sent?;
        let spot = &mut self.opened.spot;
        spot.presence = Presence::There;
        spot.columns = spot.columns.max(header.texts.len());
        spot.header = header.texts;
        Ok(())
    }

    fn changes<'r>(&self, header: &'r Header, titles: &[&str], rows: &[&'r Pending]) -> Vec<Change<'r>> {
        let spot = &self.opened.spot;
        let width = header.texts.len();
        let mut changes = Vec::new();
        match spot.presence {
            Presence::Missing => {
                changes.push(requests::add_sheet(
                    spot.id,
                    &spot.title,
                    spot.rows,
                    spot.columns.max(width),
                ));
            }
            Presence::Unnamed => changes.push(requests::rename_sheet(spot.id, &spot.title)),
            Presence::There => {}
        }
        if spot.presence != Presence::Missing && width > spot.columns {
            changes.push(requests::append_columns(spot.id, width - spot.columns));
        }
        if header.grows() {
            changes.push(headings(spot.id, header));
            // Google refuses to freeze all rows, and a missing sheet is made with the first frozen.
            if header.present == 0 && spot.presence != Presence::Missing && spot.rows > 1 {
                changes.push(requests::freeze(spot.id));
            }
        }
        if header.key_is_new() {
            changes.push(requests::hide_column(spot.id, header.key));
        }
        changes.push(lines(spot.id, header, titles, rows));
        changes.extend(wide(header, titles, rows).map(|column| requests::widen(spot.id, column)));
        changes
    }
}

/// The titles of all rows, each once, in order of appearance.
fn titles<'r>(rows: &[&'r Pending]) -> Vec<&'r str> {
    let mut seen = HashSet::new();
    let titles = rows.iter().flat_map(|row| &row.row).map(|(title, _)| &**title);
    titles.filter(|title| seen.insert(title.trim())).collect()
}

/// The new columns whose rows have a date with its time, which is wider than Google's columns.
fn wide<'r>(
    header: &'r Header,
    titles: &'r [&str],
    rows: &'r [&Pending],
) -> impl Iterator<Item = usize> + 'r {
    let new = titles
        .iter()
        .zip(&header.places)
        .filter(|(_, at)| **at >= header.present);
    let timed = |title: &str| {
        let mut cells = rows.iter().flat_map(|row| &row.row);
        cells.any(|(own, cell)| own.trim() == title.trim() && matches!(cell, Cell::DateTime(_)))
    };
    new.filter(move |(title, _)| timed(title)).map(|(_, at)| *at)
}

/// The headings that are added.
fn headings(sheet: u32, header: &Header) -> Change<'_> {
    let new = &header.texts[header.present..];
    Change::Update {
        update_cells: Cells {
            place: Place::Range(range(sheet, (0, 1), (header.present, header.texts.len()))),
            rows: vec![Line {
                values: new.iter().map(|text| Styled::Heading(text)).collect(),
            }],
            fields: VALUE_AND_FORMAT,
        },
    }
}

/// The rows, each cell in its column; other people's columns stay empty.
fn lines<'r>(sheet: u32, header: &Header, titles: &[&str], rows: &[&'r Pending]) -> Change<'r> {
    let width = header
        .places
        .iter()
        .max()
        .map_or(0, |last| last + 1)
        .max(header.key + 1);
    let formatted = rows
        .iter()
        .flat_map(|row| &row.row)
        .any(|(_, cell)| cell.is_formatted());
    let rows = rows.iter().map(|pending| {
        let mut values = vec![Styled::Cell(&Cell::Empty); width];
        for (title, cell) in &pending.row {
            if let Some(at) = titles.iter().position(|own| own.trim() == title.trim()) {
                values[header.places[at]] = Styled::Cell(cell);
            }
        }
        values[header.key] = Styled::Cell(&pending.key);
        Line { values }
    });
    Change::Append {
        append_cells: Cells {
            place: Place::SheetId(sheet),
            rows: rows.collect(),
            // The format only where a date needs one, so that people's own formats stay.
            fields: if formatted {
                "userEnteredValue,userEnteredFormat.numberFormat"
            } else {
                "userEnteredValue"
            },
        },
    }
}
