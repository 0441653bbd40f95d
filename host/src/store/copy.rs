//! Copies one database into another, of the same kind or not: `hookyard db copy`.
//!
//! Both are this process's alone meanwhile. Rows go over in the order of their keys, batch by batch; each batch and the
//! note of how far it has come are one transaction of the target, so that a copy that was cut off goes on where it was.
//! At the end every row of both is read again, and counts and checksums are compared.

mod ends;
mod side;
mod tables;
mod tally;
mod value;

use std::collections::BTreeSet;

use self::side::{Mark, Side};
pub use self::tables::{NOT_COPIED, copied_columns};
use self::tables::{TABLES, Table};
pub use self::tally::Copied;
use self::value::{Value, Values};
use super::StoreError;
use super::open::Address;

/// Rows of one batch. Times the columns of the widest table it stays far below what one statement may bind.
const BATCH_ROWS: u32 = 500;

/// Most rows that each refer to the next: replays of replays, edits of edits, by hand.
const MAX_CHAIN: usize = 1_000;

/// Why a copy did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("the database to copy from: {0}")]
    From(StoreError),
    #[error("the database to copy to: {0}")]
    To(StoreError),
    #[error("nothing was copied: {0}")]
    Refused(String),
    #[error(
        "{table} is not the same after the copy ({from} rows there, {to} here): something else has written to one of \
         the two; make the target anew and copy again"
    )]
    Differs { table: &'static str, from: u64, to: u64 },
}

/// How far a copy is.
#[derive(Clone, Copy, Debug)]
pub enum CopyProgress {
    /// So many rows of a table are over.
    Copying { table: &'static str, rows: u64 },
    /// A table is read again on both sides.
    Verifying { table: &'static str },
}

/// Copies all of `from` into `to`, which must be empty or hold an unfinished copy of the same database, and compares
/// the two. Tells how far it is after each batch.
///
/// # Errors
/// When one of the two is in use or cannot be used, or when they differ at the end.
pub async fn copy(
    from: &str,
    to: &str,
    tell: &mut (dyn FnMut(CopyProgress) + Send),
) -> Result<Vec<Copied>, CopyError> {
    let (from, to) = (
        Address::parse(from).map_err(CopyError::From)?,
        Address::parse(to).map_err(CopyError::To)?,
    );
    let identity = ends::identity(&from);
    if identity == ends::identity(&to) {
        return Err(CopyError::Refused("both are the same database".to_owned()));
    }
    let from = ends::source(from).await?;
    let to = ends::target(to).await?;
    let marks = resumable(&*to, &identity).await?;
    for table in TABLES.iter() {
        let begun = marks.iter().find(|mark| mark.table == table.name).cloned();
        let mark = begun.unwrap_or_else(|| Mark {
            table: table.name.to_owned(),
            source: identity.clone(),
            last_key: None,
            rows: 0,
            done: false,
        });
        if !mark.done {
            copy_table(&*from, &*to, table, mark, tell).await?;
        }
    }
    to.analyse().await.map_err(CopyError::To)?;
    let mut copied = Vec::new();
    for table in TABLES.iter() {
        tell(CopyProgress::Verifying { table: table.name });
        let there = tally::of(&*from, table);
        let here = tally::of(&*to, table);
        let (there, here) = tokio::join!(there, here);
        let (there, here) = (there.map_err(CopyError::From)?, here.map_err(CopyError::To)?);
        if there != here {
            return Err(CopyError::Differs {
                table: table.name,
                from: there.rows,
                to: here.rows,
            });
        }
        copied.push(here);
    }
    to.clear_marks().await.map_err(CopyError::To)?;
    from.close().await;
    to.close().await;
    Ok(copied)
}

/// How far an earlier copy has come; refuses a target that holds anything else.
async fn resumable(to: &dyn Side, identity: &str) -> Result<Vec<Mark>, CopyError> {
    let marks = to.marks().await.map_err(CopyError::To)?;
    if marks.iter().any(|mark| mark.source != identity) {
        let why = "a copy of another database into it is not finished; name an empty database";
        return Err(CopyError::Refused(why.to_owned()));
    }
    if marks.is_empty() {
        for table in TABLES.iter() {
            if !to.is_empty(table).await.map_err(CopyError::To)? {
                return Err(CopyError::Refused(format!(
                    "the database to copy to has rows in {}; name an empty database",
                    table.name
                )));
            }
        }
    }
    Ok(marks)
}

async fn copy_table(
    from: &dyn Side,
    to: &dyn Side,
    table: &'static Table,
    mut mark: Mark,
    tell: &mut (dyn FnMut(CopyProgress) + Send),
) -> Result<(), CopyError> {
    while !mark.done {
        let rows = from
            .rows_after(table, mark.last_key.as_deref(), BATCH_ROWS)
            .await
            .map_err(CopyError::From)?;
        match rows.last() {
            Some(last) => mark.last_key = Some(last[..table.key].to_vec()),
            None => mark.done = true,
        }
        mark.rows += rows.len() as u64;
        let levels = with_ancestors(from, to, table, rows).await?;
        to.put(table, &levels, &mark).await.map_err(CopyError::To)?;
        let (table, rows) = (table.name, mark.rows);
        tell(CopyProgress::Copying { table, rows });
    }
    Ok(())
}

/// The rows, and after them, level by level, those of the same table that they refer to and that are not there yet:
/// ids mostly follow time, and ids that were taken over from elsewhere do not.
async fn with_ancestors(
    from: &dyn Side,
    to: &dyn Side,
    table: &Table,
    rows: Vec<Values>,
) -> Result<Vec<Vec<Values>>, CopyError> {
    let mut levels = vec![rows];
    let Some(at) = table.own_reference_at() else {
        return Ok(levels);
    };
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for _ in 0..MAX_CHAIN {
        let rows = levels.last().map_or(&[][..], Vec::as_slice);
        taken.extend(rows.iter().filter_map(|row| text_of(&row[0])));
        let wanted: BTreeSet<String> = rows
            .iter()
            .filter_map(|row| text_of(&row[at]))
            .filter(|id| !taken.contains(id))
            .collect();
        let wanted: Vec<String> = wanted.into_iter().collect();
        if wanted.is_empty() {
            return Ok(levels);
        }
        let known = to.known(table, &wanted).await.map_err(CopyError::To)?;
        let missing: Vec<String> = wanted.into_iter().filter(|id| !known.contains(id)).collect();
        if missing.is_empty() {
            return Ok(levels);
        }
        levels.push(from.rows_named(table, &missing).await.map_err(CopyError::From)?);
    }
    Err(CopyError::Refused(format!(
        "more than {MAX_CHAIN} rows of {} refer to each other in a row",
        table.name
    )))
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}
