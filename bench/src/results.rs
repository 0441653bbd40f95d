//! What a run found: rows, series over time, and the machine; as JSON, and as a table in the documentation.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use hookyard::clock::{Clock as _, SystemClock};
use serde_json::{Map, Value, json};

use crate::aims::{self, Of};
use crate::meter;
use crate::options::{Options, Pages};
use crate::row::{Row, shown};

/// Between these lines the page is ours.
const BEGIN: &str = "<!-- measured: cargo xtask bench --write-docs -->";
const END: &str = "<!-- /measured -->";

/// What a run found.
pub struct Results {
    about: Value,
    pub rows: Vec<Row>,
    /// By name: pairs of seconds since the beginning and a value.
    pub series: BTreeMap<String, Vec<(f64, f64)>>,
    took: Map<String, Value>,
}

impl Results {
    /// Nothing yet, on this machine.
    pub fn begin(options: &Options) -> Self {
        Self {
            about: json!({
                "began": SystemClock.now(),
                "quick": options.asked.quick,
                "machine": meter::machine(),
                "hookyard": env!("CARGO_PKG_VERSION"),
            }),
            rows: Vec::new(),
            series: BTreeMap::new(),
            took: Map::new(),
        }
    }

    /// Adds a row and shows it.
    pub fn push(&mut self, row: Row) {
        println!("{}", row.line());
        self.rows.push(row);
    }

    /// Adds rows and shows them.
    pub fn extend(&mut self, rows: impl IntoIterator<Item = Row>) {
        for row in rows {
            self.push(row);
        }
    }

    /// Notes how long a group took.
    pub fn took(&mut self, group: &str, time: Duration) {
        self.took.insert(group.to_owned(), time.as_secs().into());
    }

    /// Writes them. Rows and series of an earlier run that this one did not measure stay, so that groups may be
    /// measured one by one; each says when it was.
    ///
    /// # Errors
    /// When the file cannot be written, or is not ours.
    pub fn write(&self, file: &Path) -> anyhow::Result<()> {
        let mut whole = earlier(file)?;
        let (about, quick) = (&self.about["began"], &self.about["quick"]);
        for row in &self.rows {
            let mut value = row.json();
            value["measured"] = about.clone();
            value["quick"] = quick.clone();
            whole["rows"][&row.name] = value;
        }
        for (name, points) in &self.series {
            whole["series"][name] = json!({"measured": about, "quick": quick, "points": points});
        }
        whole["last_run"] = self.about.clone();
        whole["last_run"]["seconds"] = Value::Object(self.took.clone());
        let text = serde_json::to_string_pretty(&whole)? + "\n";
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// How many targets were met, in words.
    pub fn verdict(&self) -> String {
        let met = self.rows.iter().filter(|row| row.met() == Some(true)).count();
        let missed: Vec<_> = self.rows.iter().filter(|row| row.met() == Some(false)).collect();
        let names: Vec<_> = missed.iter().map(|row| row.name.as_str()).collect();
        let missed = match names.len() {
            0 => "none missed".to_owned(),
            count => format!("{count} missed ({})", names.join(", ")),
        };
        format!("targets: {met} met, {missed}")
    }
}

/// The results that are there.
fn earlier(file: &Path) -> anyhow::Result<Value> {
    let none = json!({"rows": {}, "series": {}});
    let Ok(text) = std::fs::read_to_string(file) else {
        return Ok(none);
    };
    let whole: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?;
    if !whole["rows"].is_object() || !whole["series"].is_object() {
        bail!("{} was not written by the benchmarks", file.display());
    }
    Ok(whole)
}

/// Writes the table of the performance page anew.
///
/// # Errors
/// When there are no results, or the page has no place for them.
pub fn write_docs(pages: &Pages) -> anyhow::Result<()> {
    let (file, page) = (pages.results(), pages.page());
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("{} is missing: run `cargo xtask bench` first", file.display()))?;
    let whole: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?;
    let before = std::fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
    let after = with_table(&before, &table(&whole)).with_context(|| format!("{}", page.display()))?;
    std::fs::write(&page, after).with_context(|| format!("cannot write {}", page.display()))?;
    println!("wrote the table of {}", page.display());
    Ok(())
}

/// The page with this table in the place of its own.
fn with_table(page: &str, table: &str) -> anyhow::Result<String> {
    let (head, rest) = page
        .split_once(BEGIN)
        .with_context(|| format!("has no line `{BEGIN}`"))?;
    let (_, tail) = rest
        .split_once(END)
        .with_context(|| format!("has no line `{END}`"))?;
    Ok(format!("{head}{BEGIN}\n{table}{END}{tail}"))
}

/// Every target, and what these results say of it.
fn table(whole: &Value) -> String {
    let mut text = String::from(
        "| row | what | compared with | target | measured | when |\n|---|---|---|---|---|---|\n",
    );
    for aim in aims::ALL {
        let row = &whole["rows"][aim.name];
        let measured = measured(aim.of, row);
        let when = row["measured"]
            .as_str()
            .and_then(|at| at.get(..10))
            .unwrap_or_default();
        let quick = if row["quick"] == true { ", quick" } else { "" };
        let _written = writeln!(
            text,
            "| `{}` | {} | {} | {} | {measured} | {when}{quick} |",
            aim.name,
            aim.what,
            aim.baseline,
            aim.words()
        );
    }
    text
}

/// The figure in words: what the target is about, and beside it what it came from.
fn measured(of: Of, row: &Value) -> String {
    let Some(value) = row["value"].as_f64() else {
        // Nothing, or why there is nothing.
        return row["how"].as_str().unwrap_or_default().to_owned();
    };
    let unit = row["unit"].as_str().unwrap_or_default();
    let value = shown(value, unit);
    let figure = match (of, row["ratio"].as_f64(), row["baseline_value"].as_f64()) {
        (Of::Ratio, Some(ratio), Some(base)) => format!("{ratio:.3}× ({value} to {})", shown(base, unit)),
        _ => value,
    };
    match row["met"].as_bool() {
        Some(false) => format!("**{figure}**, missed"),
        _ => figure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_target_and_a_place_for_the_table() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md");
        let page = std::fs::read_to_string(page).expect("the page");
        let (_, rest) = page.split_once(BEGIN).expect("the beginning");
        let (table, _) = rest.split_once(END).expect("the end");
        for aim in aims::ALL {
            let row = format!(
                "| `{}` | {} | {} | {} |",
                aim.name,
                aim.what,
                aim.baseline,
                aim.words()
            );
            assert!(
                table.contains(&row),
                "run `cargo xtask bench --write-docs`; not there: {row}"
            );
        }
    }

    #[test]
    fn a_table_takes_the_place_of_the_one_before() {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let whole = json!({"rows": {"intake-1k-64": {
            "value": 30_000.0, "unit": "/s", "baseline_value": 35_000.0, "ratio": 0.857, "met": true,
            "measured": "2026-11-28T09:00:00.000Z", "quick": false,
        }}});
        let after = with_table(&page, &table(&whole)).expect("a page");
        assert!(after.starts_with("before\n") && after.ends_with("\nafter\n") && !after.contains("old"));
        assert!(
            after.contains("| 0.857× (30000 /s to 35000 /s) | 2026-11-28 |"),
            "{after}"
        );
        assert!(with_table("nothing", "").is_err());
    }
}
