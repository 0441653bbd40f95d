//! `state …`: what plugins keep.

use std::process::ExitCode;

use clap::Subcommand;

use super::output::{Output, cell, table};
use crate::control::{Caller, Request, StateRequest};

#[derive(Subcommand)]
pub enum StateCommand {
    /// List a plugin's keys in order, with the size and version of each
    List {
        plugin: String,
        /// Only keys that begin so
        #[arg(long, default_value = "")]
        prefix: String,
        /// Only keys after this one
        #[arg(long)]
        after: Option<String>,
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
    /// Show a value
    Get { plugin: String, key: String },
    /// Remove a key
    Delete { plugin: String, key: String },
    /// Remove all of a plugin's keys
    Clear {
        plugin: String,
        /// Only keys that begin so
        #[arg(long, default_value = "")]
        prefix: String,
        /// Do it; there is no way back
        #[arg(long)]
        yes: bool,
    },
}

pub async fn run(caller: &Caller, command: StateCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        StateCommand::List {
            plugin,
            prefix,
            after,
            limit,
        } => {
            let none = format!("{plugin} keeps nothing");
            let request = StateRequest::List {
                plugin,
                prefix,
                after,
                limit,
            };
            let answer = caller.call(Request::State(request)).await?;
            let columns = [("key", "KEY"), ("bytes", "BYTES"), ("version", "VERSION")];
            output.print(&answer, |entries| table(entries, &columns, &none));
        }
        StateCommand::Get { plugin, key } => {
            let answer = caller
                .call(Request::State(StateRequest::Get { plugin, key }))
                .await?;
            output.print(&answer, |entry| match entry["text"].as_str() {
                Some(_) => println!("{}", cell(&entry["text"])),
                None => println!("(no text; in Base64) {}", cell(&entry["base64"])),
            });
        }
        StateCommand::Delete { plugin, key } => {
            let request = StateRequest::Delete { plugin, key };
            let answer = caller.call(Request::State(request)).await?;
            output.print(&answer, |_| println!("removed"));
        }
        StateCommand::Clear { plugin, prefix, yes } => {
            anyhow::ensure!(
                yes,
                "this removes every key of {plugin} that begins with `{prefix}`; add --yes to do it"
            );
            let request = StateRequest::Clear { plugin, prefix };
            let answer = caller.call(Request::State(request)).await?;
            output.print(&answer, |answer| {
                println!("removed {} keys", cell(&answer["removed"]));
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}
