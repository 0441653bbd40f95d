//! `events list|show|send`.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use clap::Subcommand;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::ageing::{self, ExportArgs, PurgeArgs};
use super::deliveries::counted;
use super::moment::moment;
use super::output::{Output, cell, table};
use crate::control::{Caller, Request};

#[derive(Subcommand)]
pub enum EventsCommand {
    /// List events, newest first
    List {
        #[arg(long)]
        source: Option<String>,
        #[arg(long = "type", value_name = "TYPE")]
        event_type: Option<String>,
        /// pending, processing, processed or failed
        #[arg(long)]
        status: Option<String>,
        /// Only events with a delivery to this plugin
        #[arg(long)]
        plugin: Option<String>,
        /// Received at or after this moment, such as 2026-08-01T12:00:00Z, or so long ago, such as 1h
        #[arg(long, value_name = "MOMENT")]
        since: Option<String>,
        /// Received before this moment
        #[arg(long, value_name = "MOMENT")]
        until: Option<String>,
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// Show one event with its deliveries and attempts
    Show { id: String },
    /// Take an event in as if it had arrived over HTTP
    Send {
        #[arg(long, default_value = "cli")]
        source: String,
        #[arg(long = "type", value_name = "TYPE", default_value = "unknown")]
        event_type: String,
        /// File with the JSON body; - for standard input
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// Remove finished events that are older, with their deliveries and attempts
    Purge(PurgeArgs),
    /// Write events to standard output, one JSON object a line, oldest first
    Export(ExportArgs),
    #[command(
        about = "Bring stored events into the form that HOOKYARD_ENCRYPT_EVENTS asks for: sealed under \
                       the first master key, or in clear"
    )]
    Reseal,
}

pub async fn run(caller: &Caller, command: EventsCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        EventsCommand::Purge(args) => return ageing::purge(caller, args, output).await,
        EventsCommand::Export(args) => return ageing::export(caller, args).await,
        EventsCommand::Reseal => return ageing::reseal(caller, output).await,
        EventsCommand::List {
            source,
            event_type,
            status,
            plugin,
            since,
            until,
            limit,
        } => {
            let page = caller
                .call(Request::EventList {
                    source,
                    event_type,
                    status,
                    plugin,
                    since: moment("--since", since)?,
                    until: moment("--until", until)?,
                    limit,
                })
                .await?;
            let columns = [
                ("id", "ID"),
                ("source", "SOURCE"),
                ("type", "TYPE"),
                ("status", "STATUS"),
                ("received_at", "RECEIVED"),
                ("error_message", "ERROR"),
            ];
            output.print(&page, |page| {
                table(&page["results"], &columns, "no events match");
                print_unreadable(&page["results"]);
                println!("{} in all", counted(page));
            });
        }
        EventsCommand::Show { id } => {
            let event = caller.call(Request::EventShow { id }).await?;
            let payload = serde_json::from_str::<Payload<'_>>(event.text())?.payload;
            output.print(&event, |event| show(event, payload.get()));
        }
        EventsCommand::Send {
            source,
            event_type,
            file,
        } => {
            let body = base64::engine::general_purpose::STANDARD.encode(read(&file)?);
            let accepted = caller
                .call(Request::EventSend {
                    source,
                    event_type,
                    body,
                })
                .await?;
            output.print(&accepted, |accepted| {
                println!(
                    "accepted {} ({})",
                    cell(&accepted["id"]),
                    cell(&accepted["status"])
                );
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Largest body that is read before the server's own limit applies, in bytes.
const MAX_BODY: u64 = 64 << 20;

pub(super) fn read(file: &PathBuf) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin()
            .lock()
            .take(MAX_BODY + 1)
            .read_to_end(&mut body)
            .context("cannot read standard input")?;
    } else {
        let opened = std::fs::File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
        opened
            .take(MAX_BODY + 1)
            .read_to_end(&mut body)
            .with_context(|| format!("cannot read {}", file.display()))?;
    }
    if body.len() as u64 > MAX_BODY {
        bail!("{} is larger than {} MiB", file.display(), MAX_BODY >> 20);
    }
    Ok(body)
}

/// Tells of those rows that are kept and cannot be read why.
pub(super) fn print_unreadable(rows: &Value) {
    for row in rows.as_array().into_iter().flatten() {
        if !row["unreadable"].is_null() {
            println!(
                "{} cannot be read: {}",
                cell(&row["id"]),
                cell(&row["unreadable"])
            );
        }
    }
}

/// The payload as it was sent, every digit of it.
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// An event for people: the facts, the payload, then each delivery with its attempts.
fn show(event: &Value, payload: &str) {
    for key in [
        "id",
        "source",
        "type",
        "status",
        "received_at",
        "processed_at",
        "error_message",
    ] {
        println!("{key:<14} {}", cell(&event[key]));
    }
    println!("payload        {}", cell(&Value::from(payload)));
    for delivery in event["deliveries"].as_array().into_iter().flatten() {
        println!(
            "\ndelivery {} to {}: {}",
            cell(&delivery["id"]),
            cell(&delivery["plugin"]),
            cell(&delivery["state"])
        );
        show_waiting(delivery);
        for attempt in delivery["attempts"].as_array().into_iter().flatten() {
            show_attempt(attempt);
        }
    }
}

/// What a delivery waits for, indented below it.
pub(super) fn show_waiting(delivery: &Value) {
    let waiting = &delivery["waiting_for"];
    if let Some(text) = waiting["text"].as_str() {
        let until = waiting["until"].as_str();
        let until = until.map_or_else(String::new, |until| format!(", until {until}"));
        println!("  waits: {text}{until}");
    }
}

/// One attempt, indented below its delivery.
pub(super) fn show_attempt(attempt: &Value) {
    let batch = match attempt["batch"]["size"].as_u64() {
        Some(size) => format!(", in a batch of {size} ({})", cell(&attempt["batch"]["id"])),
        None => String::new(),
    };
    let mapped = if attempt["mapped"] == true {
        ", payload mapped"
    } else {
        ""
    };
    println!(
        "  attempt {} at {}: {} in {} ms{batch}{mapped}",
        attempt["number"],
        cell(&attempt["started_at"]),
        cell(&attempt["outcome"]),
        attempt["duration_ms"]
    );
    for key in ["summary", "error"] {
        for line in attempt[key].as_str().into_iter().flat_map(str::lines) {
            println!("    {}", cell(&Value::from(line)));
        }
    }
    for call in attempt["calls"].as_array().into_iter().flatten() {
        let end = if call["status"].is_null() {
            &call["error"]
        } else {
            &call["status"]
        };
        println!(
            "    {} {} -> {} in {} ms",
            cell(&call["method"]),
            cell(&call["url"]),
            cell(end),
            call["duration_ms"]
        );
    }
    for line in attempt["logs"].as_array().into_iter().flatten() {
        println!("    [{}] {}", cell(&line["level"]), cell(&line["message"]));
    }
}
