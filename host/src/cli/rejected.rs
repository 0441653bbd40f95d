//! `rejected …`: requests to sources that were refused.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::Value;

use super::events::print_unreadable;
use super::output::{Output, cell, table};
use crate::control::{Caller, RejectedRequestCommand, Request};

#[derive(Subcommand)]
pub enum RejectedCommand {
    /// List refused requests, newest first: when, from where, which check failed and why
    List {
        /// Only those to this source
        #[arg(long)]
        source: Option<String>,
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// Show one, with its headers and body
    Show { id: String },
    /// Say what would become of it now, with the secrets of today; stores nothing
    Verify { id: String },
    /// Judge it anew and, when it proves itself, take it in as an event, once
    Accept { id: String },
}

pub async fn run(caller: &Caller, command: RejectedCommand, output: Output) -> anyhow::Result<ExitCode> {
    let (request, show): (_, fn(&Value)) = match command {
        RejectedCommand::List { source, limit } => {
            (RejectedRequestCommand::List { source, limit }, list as fn(&Value))
        }
        RejectedCommand::Show { id } => (RejectedRequestCommand::Show { id }, detail),
        RejectedCommand::Verify { id } => (RejectedRequestCommand::Verify { id }, verdict),
        RejectedCommand::Accept { id } => (RejectedRequestCommand::Accept { id }, accepted),
    };
    let answer = caller.call(Request::Rejected(request)).await?;
    output.print(&answer, show);
    let refused = answer.value()["acceptable"] == Value::Bool(false);
    Ok(if refused {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn list(requests: &Value) {
    let columns = [
        ("id", "ID"),
        ("received_at", "RECEIVED"),
        ("source", "SOURCE"),
        ("address", "FROM"),
        ("check", "CHECK"),
        ("why", "WHY"),
        ("accepted_as", "ACCEPTED AS"),
    ];
    table(requests, &columns, "no request was refused");
    print_unreadable(requests);
}

fn detail(request: &Value) {
    for (key, label) in [
        ("id", "id"),
        ("received_at", "received"),
        ("source", "source"),
        ("address", "from"),
        ("check", "check"),
        ("why", "why"),
        ("status", "answered"),
        ("accepted_as", "accepted as"),
        ("accepted_by", "accepted by"),
    ] {
        println!("{label:<12} {}", cell(&request[key]));
    }
    println!(
        "{:<12} {} {}",
        "request",
        cell(&request["method"]),
        cell(&request["target"])
    );
    for header in request["headers"].as_array().into_iter().flatten() {
        println!("{:<12} {}: {}", "", cell(&header["name"]), cell(&header["value"]));
    }
    // To the letter where it is a text: `body` may have it parsed.
    let text = request["text"].as_str().or_else(|| request["body"].as_str());
    match (text, &request["body"]) {
        (Some(text), _) => println!("body         {}", written(text)),
        (None, Value::Null) => println!("body         not kept: {} bytes", cell(&request["body_bytes"])),
        (None, body) => println!("body         {body}"),
    }
}

/// A text with its control characters written out: by one of them a signature is wrong, and none may steer the terminal.
fn written(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

fn verdict(verdict: &Value) {
    if verdict["acceptable"] == Value::Bool(false) {
        println!(
            "would be refused again ({}): {}",
            cell(&verdict["check"]),
            cell(&verdict["why"])
        );
        return;
    }
    for event in verdict["events"].as_array().into_iter().flatten() {
        match event["duplicate_of"].as_str() {
            None => println!("would become an event of type {}", cell(&event["type"])),
            Some(first) => println!("came already: it is event {first}"),
        }
    }
}

fn accepted(accepted: &Value) {
    for event in accepted["events"].as_array().into_iter().flatten() {
        let note = if event["duplicate"] == Value::Bool(true) {
            " (it came already; nothing new was stored)"
        } else {
            ""
        };
        println!("event {}{note}", cell(&event["id"]));
    }
}
