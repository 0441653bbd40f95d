//! `replay`, `replays …`, `discard` and `resolve`.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use base64::Engine as _;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::deliveries::{WhichArgs, ask, counted, given, print_list, print_one};
use super::events::read;
use super::output::{Output, cell, table};
use crate::control::{Answer, Caller, ReplayRequest, Which};
use crate::domain::replay::{ALL, About};

/// How often the progress of an order is looked at.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Args)]
pub struct ReplayArgs {
    /// Deliveries to replay; or give --event, or a filter
    deliveries: Vec<String>,
    /// Replay this event: to the plugins that want it now, or with --to to these
    #[arg(long, value_name = "EVENT", conflicts_with = "deliveries")]
    event: Option<String>,
    /// With a filter: events rather than deliveries, also those that made none
    #[arg(long, conflicts_with_all = ["deliveries", "event"])]
    events: bool,
    /// With --event: a file with another JSON payload (- for standard input); makes a new event
    #[arg(long, value_name = "FILE", requires = "event")]
    payload: Option<PathBuf>,
    /// To this plugin rather than its own. With --event, --events or a filter also to several, with commas between,
    /// or to all: the plugins whose routes want the event now
    #[arg(long, value_name = "PLUGIN,…|all", value_delimiter = ',')]
    to: Vec<String>,
    /// With a filter: only deliveries in this state: dead, cancelled or succeeded [default: dead]
    #[arg(long)]
    state: Option<String>,
    /// With --events: only events in this status: pending, processing, processed or failed
    #[arg(long, requires = "events")]
    status: Option<String>,
    /// With a filter: those that were replayed before, rather than those that were not. With --events: those too that
    /// a plugin has had
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    order: OrderArgs,
    /// Why, for the history
    #[arg(long)]
    note: Option<String>,
}

impl ReplayArgs {
    /// Those options that were given and are about a filter.
    fn of_a_filter(&self) -> Vec<&'static str> {
        let own = given([(self.state.is_some(), "--state"), (self.again, "--again")]);
        [self.which.given(), own, self.order.given()].concat()
    }
}

/// How an order for many deliveries goes on.
#[derive(Args)]
pub struct OrderArgs {
    /// With a filter: at most so many, such as 10/s or 600/min [default: 100/s]
    #[arg(long)]
    rate: Option<String>,
    /// With a filter: only say how many there are
    #[arg(long)]
    dry_run: bool,
    /// With a filter: do not wait until it is done
    #[arg(long)]
    no_wait: bool,
}

impl OrderArgs {
    /// The options that were given.
    fn given(&self) -> Vec<&'static str> {
        given([
            (self.rate.is_some(), "--rate"),
            (self.dry_run, "--dry-run"),
            (self.no_wait, "--no-wait"),
        ])
    }
}

#[derive(Args)]
pub struct DiscardArgs {
    /// Deliveries to discard; or give a filter
    deliveries: Vec<String>,
    /// Why
    #[arg(long)]
    reason: String,
    /// With a filter: only deliveries in this state: pending, retrying, deferred, dead or unknown
    #[arg(long)]
    state: Option<String>,
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    order: OrderArgs,
}

impl DiscardArgs {
    /// Those options that were given and are about a filter.
    fn of_a_filter(&self) -> Vec<&'static str> {
        let own = given([(self.state.is_some(), "--state")]);
        [self.which.given(), own, self.order.given()].concat()
    }
}

#[derive(Args)]
pub struct ResolveArgs {
    delivery: String,
    /// succeeded (it had its effect), retry (try it again) or dead (it had none; give it up)
    #[arg(long = "as", value_name = "OUTCOME")]
    to: String,
    /// How it is known, for the history
    #[arg(long)]
    note: Option<String>,
}

#[derive(Subcommand)]
pub enum ReplaysCommand {
    /// List orders, newest first
    List {
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// Show an order and how far it has come
    Show { id: String },
    /// End an order; what it has made stays
    Cancel { id: String },
}

pub async fn replay(caller: &Caller, args: ReplayArgs, output: Output) -> anyhow::Result<ExitCode> {
    if args.event.is_some() {
        refuse("--event", &args.of_a_filter())?;
    } else if !args.deliveries.is_empty() {
        refuse(BY_IDS, &args.of_a_filter())?;
    }
    if let Some(id) = args.event {
        let payload = args.payload.as_ref().map(read).transpose()?;
        let by_routes = args.to.is_empty() || args.to == [ALL];
        let request = ReplayRequest::ReplayEvent {
            id,
            plugins: (!by_routes).then_some(args.to),
            payload: payload.map(|bytes| base64::engine::general_purpose::STANDARD.encode(bytes)),
            headers: None,
            note: args.note,
        };
        output.print(&ask(caller, request).await?, print_event);
        return Ok(ExitCode::SUCCESS);
    }
    if !args.deliveries.is_empty() {
        let mut to = args.to;
        if to.len() > 1 || to == [ALL] {
            bail!("several plugins are for --event, --events or a filter; deliveries by their ids go to one");
        }
        let to = to.pop();
        let request = ReplayRequest::Replay {
            ids: args.deliveries,
            to,
            note: args.note,
        };
        output.print(&ask(caller, request).await?, print_made);
        return Ok(ExitCode::SUCCESS);
    }
    let replayed = args.again.then_some(true);
    let (about, which) = if args.events {
        let of_deliveries = given([
            (args.which.plugin.is_some(), "--plugin"),
            (args.which.error.is_some(), "--error"),
            (args.state.is_some(), "--state"),
        ]);
        if !of_deliveries.is_empty() {
            bail!(
                "{} is about deliveries, not with --events; nothing was done",
                of_deliveries.join(", ")
            );
        }
        if args.status.is_none() && args.which.given().is_empty() {
            bail!("say which events: --source, --type, --status, --since or --until");
        }
        let which = Which {
            status: args.status,
            ..args.which.with(None, replayed)
        };
        (About::Events, which)
    } else {
        (About::Deliveries, filtered(args.which, args.state, replayed)?)
    };
    let request = ReplayRequest::Order {
        kind: "replay".to_owned(),
        about,
        which,
        to: (!args.to.is_empty()).then(|| args.to.join(",")),
        rate: args.order.rate.clone(),
        note: args.note,
        dry_run: args.order.dry_run,
    };
    order(caller, request, &args.order, output).await
}

pub async fn discard(caller: &Caller, args: DiscardArgs, output: Output) -> anyhow::Result<ExitCode> {
    if !args.deliveries.is_empty() {
        refuse(BY_IDS, &args.of_a_filter())?;
        let request = ReplayRequest::Discard {
            ids: args.deliveries,
            reason: args.reason,
        };
        output.print(&ask(caller, request).await?, |done| {
            for id in done["discarded"].as_array().into_iter().flatten() {
                println!("discarded {}", cell(id));
            }
        });
        return Ok(ExitCode::SUCCESS);
    }
    let request = ReplayRequest::Order {
        kind: "discard".to_owned(),
        about: About::Deliveries,
        which: filtered(args.which, args.state, None)?,
        to: None,
        rate: args.order.rate.clone(),
        note: Some(args.reason),
        dry_run: args.order.dry_run,
    };
    order(caller, request, &args.order, output).await
}

pub async fn resolve(caller: &Caller, args: ResolveArgs, output: Output) -> anyhow::Result<ExitCode> {
    let request = ReplayRequest::Resolve {
        id: args.delivery,
        to: args.to,
        note: args.note,
    };
    output.print(&ask(caller, request).await?, print_one);
    Ok(ExitCode::SUCCESS)
}

pub async fn orders(caller: &Caller, command: ReplaysCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        ReplaysCommand::List { limit } => {
            let columns = [
                ("id", "ID"),
                ("kind", "KIND"),
                ("about", "OF"),
                ("state", "STATE"),
                ("total", "TOTAL"),
                ("made", "MADE"),
                ("skipped", "SKIPPED"),
                ("rate", "RATE"),
                ("created_at", "GIVEN"),
                ("created_by", "BY"),
            ];
            let answer = ask(caller, ReplayRequest::Orders { limit }).await?;
            output.print(&answer, |page| {
                table(&page["results"], &columns, "no orders");
                println!("{} in all", cell(&page["count"]));
            });
        }
        ReplaysCommand::Show { id } => {
            let answer = ask(caller, ReplayRequest::OrderShow { id }).await?;
            output.print(&answer, print_order);
        }
        ReplaysCommand::Cancel { id } => {
            let answer = ask(caller, ReplayRequest::OrderCancel { id }).await?;
            output.print(&answer, print_order);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Deliveries that are named one by one.
const BY_IDS: &str = "deliveries by their ids";

/// Refuses options of a filter where they would be silently ignored.
fn refuse(named: &str, options: &[&str]) -> anyhow::Result<()> {
    let (list, goes) = match options {
        [] => return Ok(()),
        [one] => ((*one).to_owned(), "goes"),
        many => (many.join(", "), "go"),
    };
    bail!("{list} {goes} with a filter (such as --plugin or --state), not with {named}; nothing was done")
}

/// A filter that narrows something: everything at once must be meant.
fn filtered(which: WhichArgs, state: Option<String>, replayed: Option<bool>) -> anyhow::Result<Which> {
    if state.is_some() || !which.given().is_empty() {
        Ok(which.with(state, replayed))
    } else {
        bail!("say which: deliveries by their ids, or a filter (--state dead for every dead letter)")
    }
}

/// Gives an order and follows it.
async fn order(
    caller: &Caller,
    request: ReplayRequest,
    args: &OrderArgs,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let given = ask(caller, request).await?;
    if args.dry_run {
        output.print(&given, |dry| {
            let of_events = dry["first_events"]
                .as_array()
                .is_some_and(|list| !list.is_empty());
            if of_events {
                print_events(&dry["first_events"]);
            } else {
                print_list(&dry["first"], "nothing matches");
            }
            println!("{} in all; nothing was done", counted(dry));
        });
        return Ok(ExitCode::SUCCESS);
    }
    let done = if args.no_wait {
        given
    } else {
        follow(caller, given, output).await?
    };
    output.print(&done, print_order);
    Ok(ExitCode::SUCCESS)
}

/// Waits until an order is over, showing how far it is where somebody looks on.
async fn follow(caller: &Caller, mut job: Answer, output: Output) -> anyhow::Result<Answer> {
    let shown = !output.json && std::io::stderr().is_terminal();
    loop {
        let now = job.value();
        if now["state"] != "running" {
            return Ok(job);
        }
        if shown {
            eprintln!("{} of {}", done(&now), cell(&now["total"]));
        }
        tokio::time::sleep(LOOK).await;
        let id = now["id"].as_str().unwrap_or_default().to_owned();
        job = ask(caller, ReplayRequest::OrderShow { id }).await?;
    }
}

fn done(job: &Value) -> u64 {
    ["made", "skipped"]
        .iter()
        .filter_map(|key| job[*key].as_u64())
        .sum()
}

fn print_order(job: &Value) {
    let what = if job["kind"] == "discard" {
        "discarded"
    } else {
        "replayed"
    };
    println!(
        "{}: {}, {} {what}, {} left alone, of {}",
        cell(&job["id"]),
        cell(&job["state"]),
        cell(&job["made"]),
        cell(&job["skipped"]),
        cell(&job["total"])
    );
}

fn print_events(events: &Value) {
    let columns = [
        ("id", "ID"),
        ("source", "SOURCE"),
        ("type", "TYPE"),
        ("status", "STATUS"),
        ("received_at", "RECEIVED"),
    ];
    table(events, &columns, "nothing matches");
}

fn print_made(made: &Value) {
    for replay in made.as_array().into_iter().flatten() {
        println!(
            "made {} for {}{}",
            cell(&replay["id"]),
            cell(&replay["plugin"]),
            match replay["replay_of"].as_str() {
                Some(of) => format!(" in place of {of}"),
                None => String::new(),
            }
        );
    }
}

fn print_event(done: &Value) {
    if !done["edited_from"].is_null() {
        println!(
            "made event {} from {}",
            cell(&done["event"]),
            cell(&done["edited_from"])
        );
    }
    print_made(&done["deliveries"]);
    for plugin in done["still_open"].as_array().into_iter().flatten() {
        println!(
            "nothing for {}: the event is still on its way to it",
            cell(plugin)
        );
    }
}
