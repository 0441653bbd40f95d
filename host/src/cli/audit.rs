//! `audit list`.

use std::process::ExitCode;

use clap::Subcommand;

use super::moment::moment;
use super::output::{Output, cell, table};
use crate::control::{Caller, Request};
use crate::domain::audit::AuditFilter;

#[derive(Subcommand)]
pub enum AuditCommand {
    /// List what people changed, newest first
    List {
        /// By this user; commands are by cli:NAME
        #[arg(long)]
        actor: Option<String>,
        /// This action, such as user.change
        #[arg(long)]
        action: Option<String>,
        /// To this plugin, user, key, process, …
        #[arg(long)]
        target: Option<String>,
        /// At or after this moment, such as 2026-08-01T12:00:00Z, or so long ago, such as 2d
        #[arg(long, value_name = "MOMENT")]
        since: Option<String>,
        /// Before this moment
        #[arg(long, value_name = "MOMENT")]
        until: Option<String>,
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
}

pub async fn run(caller: &Caller, command: AuditCommand, output: Output) -> anyhow::Result<ExitCode> {
    let AuditCommand::List {
        actor,
        action,
        target,
        since,
        until,
        limit,
    } = command;
    let filter = AuditFilter {
        actor,
        action,
        target,
        since: moment("--since", since)?,
        until: moment("--until", until)?,
    };
    let answer = caller.call(Request::Audit { filter, limit }).await?;
    let columns = [
        ("at", "AT"),
        ("actor", "ACTOR"),
        ("role", "ROLE"),
        ("address", "FROM"),
        ("action", "ACTION"),
        ("target", "TARGET"),
        ("detail", "DETAIL"),
    ];
    output.print(&answer, |page| {
        table(&page["results"], &columns, "nothing was changed");
        println!("{} in all", cell(&page["count"]));
    });
    Ok(ExitCode::SUCCESS)
}
