//! What commands print: tables and lines for people, JSON for programs.

use serde_json::Value;

use crate::control::Answer;

/// How to print.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    pub json: bool,
}

impl Output {
    /// Prints the answer as JSON, as it is, or what `human` makes of it.
    pub fn print(self, answer: &Answer, human: impl FnOnce(&Value)) {
        if self.json {
            println!("{}", answer.text());
        } else {
            human(&answer.value());
        }
    }
}

/// Prints rows under a heading, columns aligned; `none` when there are no rows.
pub fn table(rows: &Value, columns: &[(&str, &str)], none: &str) {
    let empty = Vec::new();
    let rows = rows.as_array().unwrap_or(&empty);
    if rows.is_empty() {
        println!("{none}");
        return;
    }
    let cells: Vec<Vec<String>> =
        std::iter::once(columns.iter().map(|(_, title)| (*title).to_owned()).collect())
            .chain(
                rows.iter()
                    .map(|row| columns.iter().map(|(key, _)| cell(&row[*key])).collect()),
            )
            .collect();
    let widths: Vec<usize> = (0..columns.len())
        .map(|column| {
            cells
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for row in &cells {
        let line: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        println!("{}", line.join("  ").trim_end());
    }
}

/// A value as one cell: no control characters, so that stored text cannot steer the terminal.
#[must_use]
pub fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    };
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
