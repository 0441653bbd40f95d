//! The table as Markdown, and its place in a page.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::model::Shape;
use crate::search::Most;

/// What stands around the table in a page.
const BEGIN: &str = "<!-- sim: begin -->\n";
const END: &str = "<!-- sim: end -->";

/// The table.
pub fn table(told: &str, shape: Shape, rows: &[Most]) -> String {
    let mut text = format!(
        "Times measured on: {told}. Simulated: {} processors a node, `limits.concurrency = {}`, a vendor that takes {} ms, \
         one delivery an event.\n\n\
         | nodes | events/s | 99 % answered within | 99 % done within | database busy | processors busy |\n\
         |---|---|---|---|---|---|\n",
        shape.cores,
        shape.concurrency,
        shape.vendor.as_millis()
    );
    for row in rows {
        // A string takes everything.
        let _written = writeln!(
            text,
            "| {} | {:.0} | {} ms | {} ms | {:.0} % | {:.0} % |",
            row.nodes,
            row.rate,
            row.answers.as_millis(),
            row.results.as_millis(),
            row.database * 100.0,
            row.processors * 100.0
        );
    }
    text
}

/// Puts it into a page, in place of what stands between the marks.
///
/// # Errors
/// When the page has no marks, or cannot be written.
pub fn put(file: &Path, table: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let (before, rest) = text
        .split_once(BEGIN)
        .context("the page has no place for the table")?;
    let (_old, after) = rest
        .split_once(END)
        .context("the place for the table has no end")?;
    ensure!(!after.contains(BEGIN), "the page has two places for the table");
    std::fs::write(file, format!("{before}{BEGIN}{table}{END}{after}"))
        .with_context(|| format!("cannot write {}", file.display()))
}
