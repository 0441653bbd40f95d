//! `events purge|export|reseal` and `db vacuum`: long work in rounds, with progress on standard error.

use std::io::{BufWriter, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::moment::moment;
use super::output::{Output, cell};
use crate::clock::{Clock as _, SystemClock};
use crate::control::{AgeingCommand, Answer, Caller, Request, Resume};
use crate::domain::time::Timestamp;
use crate::store::Place;

#[derive(Args)]
pub struct PurgeArgs {
    /// Events that came longer ago than this, such as 90d
    #[arg(long, value_name = "TIME")]
    older_than: humantime::Duration,
    /// Only of this source
    #[arg(long)]
    source: Option<String>,
    /// Failed and held events too
    #[arg(long)]
    failed: bool,
    /// Only count them
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
pub struct ExportArgs {
    /// Received at or after this moment, such as 2026-08-01T12:00:00Z, or so long ago, such as 2d
    #[arg(long, value_name = "MOMENT")]
    since: Option<String>,
    /// Received before this moment
    #[arg(long, value_name = "MOMENT")]
    until: Option<String>,
    /// Only of this source
    #[arg(long)]
    source: Option<String>,
}

#[derive(Subcommand)]
pub enum DbCommand {
    /// Write the database anew without what is free; nothing is taken in meanwhile
    Vacuum,
}

#[derive(Deserialize)]
struct Purged {
    events: u64,
    more: bool,
}

#[derive(Deserialize)]
struct Sealed {
    rows: u64,
    more: bool,
    after: Resume,
    left: u64,
}

pub async fn purge(caller: &Caller, args: PurgeArgs, output: Output) -> anyhow::Result<ExitCode> {
    let before = ago(*args.older_than);
    let mut events = 0;
    loop {
        let round: Purged = ask(
            caller,
            AgeingCommand::Purge {
                before,
                source: args.source.clone(),
                failed: args.failed,
                dry_run: args.dry_run,
            },
        )
        .await?;
        events += round.events;
        if !round.more {
            break;
        }
        eprintln!("{events} events purged");
    }
    let would = if args.dry_run { "would go" } else { "purged" };
    let answer = Answer::of(&json!({ "events": events, "dry_run": args.dry_run, "before": before }))?;
    output.print(&answer, |answer| {
        println!(
            "{} events from before {} {would}",
            cell(&answer["events"]),
            cell(&answer["before"])
        );
    });
    Ok(ExitCode::SUCCESS)
}

pub async fn reseal(caller: &Caller, output: Output) -> anyhow::Result<ExitCode> {
    let (mut after, mut rows) = (Resume::Events(None), 0);
    loop {
        let round: Sealed = ask(caller, AgeingCommand::Reseal { after }).await?;
        rows += round.rows;
        after = round.after;
        if !round.more {
            break;
        }
        eprintln!("{rows} rows sealed anew, {} left", round.left);
    }
    let answer = Answer::of(&json!({ "resealed": rows }))?;
    output.print(&answer, |answer| {
        println!(
            "sealed {} events, attempts and refused requests anew",
            cell(&answer["resealed"])
        );
    });
    Ok(ExitCode::SUCCESS)
}

/// Writes one event a line to standard output. What cannot be read is passed over, told, and a failure: who removes what
/// is exported must know that this is not all.
pub async fn export(caller: &Caller, args: ExportArgs) -> anyhow::Result<ExitCode> {
    #[derive(Deserialize)]
    struct Part {
        after: Option<Place>,
        events: Vec<Box<RawValue>>,
        /// Why some cannot be read.
        unreadable: Vec<String>,
    }
    let (since, until) = (moment("--since", args.since)?, moment("--until", args.until)?);
    let (mut after, mut written, mut unreadable) = (None, 0_usize, 0_usize);
    let mut out = BufWriter::new(std::io::stdout().lock());
    loop {
        let part: Part = ask(
            caller,
            AgeingCommand::Export {
                source: args.source.clone(),
                since,
                until,
                after,
            },
        )
        .await?;
        for event in &part.events {
            writeln!(out, "{}", event.get()).context("cannot write to standard output")?;
        }
        if let (0, Some(why)) = (unreadable, part.unreadable.first()) {
            eprintln!("passing over what cannot be read; the first: {why}");
        }
        unreadable += part.unreadable.len();
        let before = written / TELL_EVERY;
        written += part.events.len();
        if written / TELL_EVERY > before {
            eprintln!("{written} events written");
        }
        match part.after {
            Some(place) => after = Some(place),
            None => break,
        }
    }
    out.flush().context("cannot write to standard output")?;
    eprintln!("{written} events written");
    if unreadable > 0 {
        eprintln!("{unreadable} events passed over: they cannot be read");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Events after which an export tells how far it is.
const TELL_EVERY: usize = 10_000;

pub async fn db(caller: &Caller, command: DbCommand, output: Output) -> anyhow::Result<ExitCode> {
    let DbCommand::Vacuum = command;
    let answer = caller.call(Request::Ageing(AgeingCommand::Vacuum)).await?;
    output.print(&answer, |_| println!("the database is written anew"));
    Ok(ExitCode::SUCCESS)
}

async fn ask<T: for<'a> Deserialize<'a>>(caller: &Caller, command: AgeingCommand) -> anyhow::Result<T> {
    let answer = caller.call(Request::Ageing(command)).await?;
    serde_json::from_str(answer.text())
        .context("the server's answer cannot be read; is it of another version?")
}

fn ago(span: Duration) -> Timestamp {
    SystemClock.now().minus(span)
}
