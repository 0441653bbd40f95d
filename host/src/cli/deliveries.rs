//! `deliveries list|show|counts` and `dead-letters list|show`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::events::{show_attempt, show_waiting};
use super::output::{Output, cell, table};
use crate::control::{Caller, ReplayRequest, Request, Which};

/// Which deliveries; every given condition must hold.
#[derive(Args, Clone, Default)]
pub struct WhichArgs {
    /// Only deliveries to this plugin
    #[arg(long)]
    pub plugin: Option<String>,
    /// Only of events of exactly this source
    #[arg(long)]
    pub source: Option<String>,
    /// Only of events of exactly this type
    #[arg(long = "type", value_name = "TYPE")]
    pub event_type: Option<String>,
    /// Made at or after this moment, such as 2026-08-01T12:00:00Z, or so long ago, such as 1h
    #[arg(long, value_name = "MOMENT")]
    pub since: Option<String>,
    /// Made before this moment
    #[arg(long, value_name = "MOMENT")]
    pub until: Option<String>,
    /// With this text in the last error, without regard to case
    #[arg(long, value_name = "TEXT")]
    pub error: Option<String>,
}

impl WhichArgs {
    /// The options that were given.
    pub(super) fn given(&self) -> Vec<&'static str> {
        given([
            (self.plugin.is_some(), "--plugin"),
            (self.source.is_some(), "--source"),
            (self.event_type.is_some(), "--type"),
            (self.since.is_some(), "--since"),
            (self.until.is_some(), "--until"),
            (self.error.is_some(), "--error"),
        ])
    }

    /// The same with a state and whether a replay was made.
    pub fn with(self, state: Option<String>, replayed: Option<bool>) -> Which {
        Which {
            plugin: self.plugin,
            state,
            status: None,
            source: self.source,
            event_type: self.event_type,
            since: self.since,
            until: self.until,
            error: self.error,
            replayed,
        }
    }
}

/// The names of those options that were given.
pub(super) fn given<const N: usize>(options: [(bool, &'static str); N]) -> Vec<&'static str> {
    let options = options.into_iter();
    options
        .filter_map(|(given, name)| given.then_some(name))
        .collect()
}

#[derive(Args, Clone, Copy)]
pub struct PageArgs {
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    page: u32,
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
}

#[derive(Subcommand)]
pub enum DeliveriesCommand {
    /// List deliveries, newest first
    List {
        /// pending, claimed, running, succeeded, retrying, deferred, dead, cancelled or unknown
        #[arg(long)]
        state: Option<String>,
        /// Whether a replay stands for it: its own, or a later delivery of its event to the same plugin
        #[arg(long, value_name = "true|false")]
        replayed: Option<bool>,
        #[command(flatten)]
        which: WhichArgs,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show one with its attempts, what people did to it, and its replays
    Show { id: String },
    /// Show how many each plugin has in each state
    Counts,
}

#[derive(Subcommand)]
pub enum DeadLettersCommand {
    /// List dead letters that were not replayed, newest first
    List {
        /// Those that were replayed, too
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        which: WhichArgs,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show one with its attempts, what people did to it, and its replays
    Show { id: String },
}

pub async fn run(caller: &Caller, command: DeliveriesCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        DeliveriesCommand::List {
            state,
            replayed,
            which,
            page,
        } => {
            list(
                caller,
                which.with(state, replayed),
                page,
                "no deliveries match",
                output,
            )
            .await?;
        }
        DeliveriesCommand::Show { id } => show(caller, id, output).await?,
        DeliveriesCommand::Counts => {
            let columns = [("plugin", "PLUGIN"), ("state", "STATE"), ("count", "COUNT")];
            let answer = ask(caller, ReplayRequest::Counts).await?;
            output.print(&answer, |counts| {
                table(counts, &columns, "there are no deliveries");
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn dead_letters(
    caller: &Caller,
    command: DeadLettersCommand,
    output: Output,
) -> anyhow::Result<ExitCode> {
    match command {
        DeadLettersCommand::List { all, which, page } => {
            let which = which.with(Some("dead".to_owned()), (!all).then_some(false));
            list(caller, which, page, "no dead letters", output).await?;
        }
        DeadLettersCommand::Show { id } => show(caller, id, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Sends a command about deliveries.
pub(super) async fn ask(caller: &Caller, request: ReplayRequest) -> anyhow::Result<crate::control::Answer> {
    caller.call(Request::Replays(Box::new(request))).await
}

async fn list(
    caller: &Caller,
    which: Which,
    page: PageArgs,
    none: &str,
    output: Output,
) -> anyhow::Result<()> {
    let request = ReplayRequest::List {
        which,
        page: page.page,
        limit: page.limit,
    };
    let answer = ask(caller, request).await?;
    output.print(&answer, |page| {
        print_list(&page["results"], none);
        println!("{} in all", counted(page));
    });
    Ok(())
}

/// A count, and whether there are more.
pub(super) fn counted(page: &Value) -> String {
    let more = if page["count_exact"] == false {
        "more than "
    } else {
        ""
    };
    format!("{more}{}", cell(&page["count"]))
}

/// Deliveries as a table.
pub(super) fn print_list(deliveries: &Value, none: &str) {
    let columns = [
        ("id", "ID"),
        ("plugin", "PLUGIN"),
        ("state", "STATE"),
        ("source", "SOURCE"),
        ("type", "TYPE"),
        ("attempts_made", "TRIES"),
        ("created_at", "MADE"),
        ("last_error", "ERROR"),
    ];
    table(deliveries, &columns, none);
}

async fn show(caller: &Caller, id: String, output: Output) -> anyhow::Result<()> {
    let answer = ask(caller, ReplayRequest::Show { id }).await?;
    output.print(&answer, print_one);
    Ok(())
}

/// One delivery for people: the facts, its attempts, what was done about it.
pub(super) fn print_one(delivery: &Value) {
    for key in [
        "id",
        "event",
        "source",
        "type",
        "plugin",
        "state",
        "attempts_made",
        "created_at",
        "due_at",
        "finished_at",
        "last_error",
        "replay_of",
    ] {
        if !delivery[key].is_null() {
            println!("{key:<14} {}", cell(&delivery[key]));
        }
    }
    show_waiting(delivery);
    for attempt in delivery["attempts"].as_array().into_iter().flatten() {
        show_attempt(attempt);
    }
    for act in delivery["acts"].as_array().into_iter().flatten() {
        println!(
            "  {} by {} at {}: {}",
            cell(&act["kind"]),
            cell(&act["actor"]),
            cell(&act["at"]),
            cell(&act["note"])
        );
    }
    for replay in delivery["replays"].as_array().into_iter().flatten() {
        println!(
            "  replay {} to {}: {}",
            cell(&replay["id"]),
            cell(&replay["plugin"]),
            cell(&replay["state"])
        );
    }
}
