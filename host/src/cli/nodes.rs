//! `nodes`: the processes that share the database.

use std::collections::BTreeSet;
use std::process::ExitCode;

use serde_json::Value;

use super::output::{Output, cell, table};
use crate::control::{Caller, Request};

pub async fn run(caller: &Caller, output: Output) -> anyhow::Result<ExitCode> {
    output.print(&caller.call(Request::NodeList).await?, print);
    Ok(ExitCode::SUCCESS)
}

fn print(nodes: &Value) {
    let mut rows = nodes.clone();
    for row in rows.as_array_mut().into_iter().flatten() {
        row["plugins_digest"] = short(&row["plugins_digest"]).into();
    }
    let columns = [
        ("id", "NODE"),
        ("host", "HOST"),
        ("this", "THIS"),
        ("live", "LIVE"),
        ("version", "VERSION"),
        ("role", "ROLE"),
        ("seen_at", "SEEN"),
        ("plugins_digest", "PLUGINS.TOML"),
    ];
    table(&rows, &columns, "no server has reported lately");
    let live = || {
        let nodes = nodes.as_array().into_iter().flatten();
        nodes.filter(|node| node["live"] == true)
    };
    let files: BTreeSet<_> = live().map(|node| node["plugins_digest"].to_string()).collect();
    if files.len() > 1 {
        println!("\nthe nodes have different plugins.toml: edits are refused until they are the same");
    }
    let plugins: BTreeSet<&String> = live()
        .filter_map(|node| Some(node["builds"].as_object()?.keys()))
        .flatten()
        .collect();
    for plugin in plugins {
        let builds: BTreeSet<_> = live().map(|node| short(&node["builds"][plugin])).collect();
        if builds.len() > 1 {
            println!("\nthe nodes run different builds of {plugin}:");
            for node in live() {
                println!(
                    "  {}  {}  {}",
                    cell(&node["id"]),
                    cell(&node["host"]),
                    short(&node["builds"][plugin])
                );
            }
        }
    }
}

/// As `plugins list` shows digests.
fn short(digest: &Value) -> String {
    digest.as_str().unwrap_or("-").chars().take(12).collect()
}
