//! `routes explain`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::Value;

use super::output::{Output, cell};
use crate::control::{Caller, Request, RoutesRequest};
use crate::domain::id::EventId;

#[derive(Subcommand)]
pub enum RoutesCommand {
    /// Show which plugins an event goes to, and why not to the others
    Explain {
        /// An event's id, or a JSON file: {"source", "type", "payload", "headers"}
        event: String,
    },
}

pub async fn run(caller: &Caller, command: RoutesCommand, output: Output) -> anyhow::Result<ExitCode> {
    let RoutesCommand::Explain { event } = command;
    let request = if EventId::written(&event).is_some() && !Path::new(&event).exists() {
        RoutesRequest::Event { id: event }
    } else {
        let file = std::fs::read_to_string(&event)
            .with_context(|| format!("`{event}` is no event's id, and as a file it cannot be read"))?;
        RoutesRequest::Imagined { file }
    };
    let answer = caller.call(Request::Routes(request)).await?;
    output.print(&answer, show);
    Ok(ExitCode::SUCCESS)
}

/// A line for each plugin, and below it one for each of its routes.
fn show(plugins: &Value) {
    let plugins = plugins.as_array().map_or(&[][..], Vec::as_slice);
    if plugins.is_empty() {
        println!("plugins.toml names no plugins");
    }
    for plugin in plugins {
        let goes = if plugin["wants"] == true { "yes" } else { "no" };
        println!("{}: {goes}: {}", cell(&plugin["plugin"]), cell(&plugin["why"]));
        for route in plugin["routes"].as_array().into_iter().flatten() {
            println!("  {}", route_line(route));
        }
    }
}

fn route_line(route: &Value) -> String {
    let part = |name: &str, glob: &Value, fits: &Value| {
        let mark = if *fits == true { "+" } else { "-" };
        format!("{mark}{name}={}", cell(glob))
    };
    let mut line = format!(
        "{} {}",
        part("source", &route["source"], &route["source_matches"]),
        part("type", &route["type"], &route["type_matches"])
    );
    if route["when"].is_string() {
        line.push(' ');
        line.push_str(&part("when", &route["when"], &route["when_holds"]));
    }
    if route["when_error"].is_string() {
        line.push_str(" (");
        line.push_str(&cell(&route["when_error"]));
        line.push(')');
    }
    line
}
