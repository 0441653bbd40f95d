//! A plugin's loads as a table.

use serde_json::{Value, json};

use super::super::output::{cell, table};

/// Prints the loads, newest first, and why each that has a reason.
pub(super) fn print(reloads: &Value) {
    let empty = Vec::new();
    let reloads = reloads.as_array().unwrap_or(&empty);
    let rows: Vec<Value> = reloads.iter().map(row).collect();
    let columns = [
        ("at", "AT"),
        ("cause", "CAUSE"),
        ("result", "RESULT"),
        ("old", "OLD"),
        ("new", "NEW"),
        ("took", "TOOK"),
        ("phases", "PHASES (ms)"),
    ];
    table(&rows.into(), &columns, "it was never loaded");
    for reload in reloads {
        for line in reload["why"].as_str().into_iter().flat_map(str::lines) {
            println!("{}: {}", cell(&reload["at"]), cell(&line.into()));
        }
    }
}

fn row(reload: &Value) -> Value {
    let short = |digest: &Value| {
        let digest = digest.as_str().unwrap_or("-");
        digest.chars().take(12).collect::<String>()
    };
    let phases = reload["phases"].as_object().into_iter().flatten();
    let phases: Vec<String> = phases
        .filter(|(_, ms)| ms.is_number())
        .map(|(name, ms)| format!("{} {ms}", name.trim_end_matches("_ms").replace('_', " ")))
        .collect();
    json!({
        "at": reload["at"],
        "cause": reload["cause"],
        "result": reload["result"],
        "old": short(&reload["old_digest"]),
        "new": short(&reload["new_digest"]),
        "took": format!("{} ms", reload["duration_ms"]),
        "phases": phases.join(", "),
    })
}
