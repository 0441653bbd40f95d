//! `schedules list|run|history|pause|resume`.

use std::process::ExitCode;

use clap::Subcommand;

use super::outcome::print_outcome;
use super::output::{Output, cell, table};
use crate::control::{Caller, Request};

#[derive(Subcommand)]
pub enum SchedulesCommand {
    /// List schedules: when each comes next, and what became of its last moment
    List,
    /// Run a schedule now and show the attempt; exits with 75 when it will be retried
    Run {
        /// The schedule's name (its cron expression when it was given none)
        name: String,
        /// The plugin, when several have a schedule of this name
        #[arg(long)]
        plugin: Option<String>,
    },
    /// Show what became of a schedule's moments, latest first
    History {
        name: String,
        /// The plugin, when several have a schedule of this name, or none has it any longer
        #[arg(long)]
        plugin: Option<String>,
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// Pause a schedule: it makes no ticks until it is resumed
    Pause {
        name: String,
        /// The plugin, when several have a schedule of this name
        #[arg(long)]
        plugin: Option<String>,
    },
    /// Let a paused schedule go on; what it missed is dealt with by its `catch-up`
    Resume {
        name: String,
        /// The plugin, when several have a schedule of this name
        #[arg(long)]
        plugin: Option<String>,
    },
}

pub async fn run(caller: &Caller, command: SchedulesCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        SchedulesCommand::List => {
            let columns = [
                ("plugin", "PLUGIN"),
                ("name", "NAME"),
                ("cron", "CRON"),
                ("timezone", "TIMEZONE"),
                ("next", "NEXT"),
                ("last_at", "LAST"),
                ("last_outcome", "OUTCOME"),
                ("last_status", "STATUS"),
                ("paused_by", "PAUSED BY"),
            ];
            let answer = caller.call(Request::ScheduleList).await?;
            output.print(&answer, |schedules| {
                let mut rows = schedules.clone();
                for row in rows.as_array_mut().into_iter().flatten() {
                    row["last_at"] = row["last"]["planned_at"].clone();
                    row["last_outcome"] = row["last"]["outcome"].clone();
                    row["last_status"] = row["last"]["status"].clone();
                    row["paused_by"] = row["paused"]["by"].clone();
                }
                table(&rows, &columns, "plugins.toml has no schedules");
            });
        }
        SchedulesCommand::Run { name, plugin } => {
            let answer = caller.call(Request::ScheduleRun { name, plugin }).await?;
            return Ok(print_outcome(&answer, output));
        }
        SchedulesCommand::History { name, plugin, limit } => {
            let request = Request::ScheduleHistory { name, plugin, limit };
            let page = caller.call(request).await?;
            let columns = [
                ("planned_at", "PLANNED"),
                ("recorded_at", "RECORDED"),
                ("outcome", "OUTCOME"),
                ("status", "STATUS"),
                ("event", "EVENT"),
                ("error_message", "ERROR"),
            ];
            output.print(&page, |page| {
                table(&page["results"], &columns, "no moment has come yet");
                println!("{} in all", cell(&page["count"]));
            });
        }
        SchedulesCommand::Pause { name, plugin } => {
            set_paused(caller, name, plugin, true, output).await?;
        }
        SchedulesCommand::Resume { name, plugin } => {
            set_paused(caller, name, plugin, false, output).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn set_paused(
    caller: &Caller,
    name: String,
    plugin: Option<String>,
    paused: bool,
    output: Output,
) -> anyhow::Result<()> {
    let request = Request::SchedulePause { name, plugin, paused };
    let answer = caller.call(request).await?;
    output.print(&answer, |schedule| {
        let (name, plugin) = (cell(&schedule["name"]), cell(&schedule["plugin"]));
        match schedule["next"].as_str() {
            Some(next) => println!("{name} of {plugin} goes on; next at {next}"),
            None if paused => println!("{name} of {plugin} is paused"),
            None => println!("{name} of {plugin} goes on once its plugin is switched on"),
        }
    });
    Ok(())
}
