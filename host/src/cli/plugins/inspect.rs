//! `plugins inspect`: what a component says of itself, for people.

use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use super::super::output::{Output, cell};
use crate::control::Answer;
use crate::wasm::{Inspection, Manifest, Runtime};

pub(super) async fn run(component: &Path, output: Output) -> anyhow::Result<ExitCode> {
    let inspection = Runtime::new()?.inspect(component).await?;
    output.print(&Answer::of(&inspection)?, |_| {
        for (label, text) in lines(&inspection) {
            println!("{label:<12} {}", cell(&text.into()));
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// Labels and texts. The first of several lines of one kind has the label.
fn lines(inspection: &Inspection) -> Vec<(&'static str, String)> {
    let manifest = &inspection.manifest;
    let mut lines = vec![
        ("name", format!("{} {}", manifest.name, manifest.version)),
        ("summary", manifest.summary.clone()),
        ("digest", inspection.digest.clone()),
        ("size", bytesize::ByteSize(inspection.size).to_string()),
        (
            "batches",
            if manifest.batches { "welcome" } else { "no" }.to_owned(),
        ),
    ];
    group(&mut lines, "sends", manifest.http.iter().cloned());
    group(&mut lines, "secrets", secrets(manifest));
    group(&mut lines, "permissions", manifest.permissions.iter().cloned());
    let actions = manifest.actions.iter().flat_map(|action| {
        let told = format!("{}: {}", action.name, action.summary);
        std::iter::once(told).chain(schema(&action.input_schema))
    });
    group(&mut lines, "actions", actions);
    group(&mut lines, "config", schema(&manifest.config_schema));
    group(&mut lines, "imports", inspection.imports.iter().cloned());
    lines
}

fn group(
    lines: &mut Vec<(&'static str, String)>,
    label: &'static str,
    texts: impl IntoIterator<Item = String>,
) {
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    let before = lines.len();
    lines.extend(labels.zip(texts));
    if lines.len() == before {
        lines.push((label, "-".to_owned()));
    }
}

fn secrets(manifest: &Manifest) -> impl Iterator<Item = String> {
    manifest.secrets.iter().map(|ask| {
        let need = if ask.required { "" } else { ", optional" };
        let scopes = if ask.scopes.is_empty() {
            String::new()
        } else {
            format!(" (scopes {})", ask.scopes.join(" "))
        };
        format!("{} ({}{need}): {}{scopes}", ask.name, ask.kind, ask.description)
    })
}

/// A JSON Schema as indented JSON, a line each.
fn schema(text: &str) -> Vec<String> {
    let tree: Option<Value> = serde_json::from_str(text).ok();
    let pretty = tree.and_then(|tree| serde_json::to_string_pretty(&tree).ok());
    let pretty = pretty.unwrap_or_else(|| text.to_owned());
    pretty.lines().map(|line| format!("  {line}")).collect()
}
