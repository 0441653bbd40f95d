//! `keys create|list|revoke`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;

use super::output::{Output, cell, table};
use crate::control::{Caller, KeyCommand, Request};
use crate::domain::time::Timestamp;

#[derive(Subcommand)]
pub enum KeysCommand {
    /// Make an API key for a program that sends webhooks; it is shown this once
    Create {
        /// What it is for
        name: String,
        /// User whose events come with it
        #[arg(long)]
        owner: String,
        /// A source it may name, or a glob of sources; may be given again. Without: all
        #[arg(long = "source", value_name = "GLOB")]
        sources: Vec<String>,
        /// Its own limit, such as 600/min
        #[arg(long, value_name = "RATE")]
        rate: Option<String>,
        /// How long it works, such as 90d
        #[arg(long, value_name = "TIME", conflicts_with = "expires_at")]
        expires_in: Option<humantime::Duration>,
        /// Until when it works, such as 2027-01-01T00:00:00Z
        #[arg(long, value_name = "MOMENT")]
        expires_at: Option<String>,
    },
    /// List keys, newest first: whose, for what, and when last used; never the keys themselves
    List {
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        page: u32,
    },
    /// Revoke a key, for good
    Revoke {
        #[arg(help = "The six characters after hk_")]
        id: String,
    },
}

pub async fn run(caller: &Caller, command: KeysCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        KeysCommand::List { page } => {
            let request = Request::Keys(KeyCommand::List { page });
            let columns = [
                ("id", "ID"),
                ("name", "NAME"),
                ("sources", "SOURCES"),
                ("rate", "RATE"),
                ("expires_at", "EXPIRES"),
                ("revoked_at", "REVOKED"),
                ("last_used_at", "LAST USED"),
                ("created_by", "MADE BY"),
            ];
            let none = "no API keys; make one with `hookyard keys create NAME --owner USER`";
            let answer = caller.call(request).await?;
            output.print(&answer, |page| {
                table(&page["results"], &columns, none);
                println!("{} in all", cell(&page["count"]));
            });
        }
        KeysCommand::Create {
            name,
            owner,
            sources,
            rate,
            expires_in,
            expires_at,
        } => {
            let moment = |text: String| {
                Timestamp::parse(&text).with_context(|| {
                    format!("--expires-at: `{text}` is no moment with a zone, such as 2027-01-01T00:00:00Z")
                })
            };
            let request = Request::Keys(KeyCommand::Create {
                name,
                owner,
                sources,
                rate,
                lives_ms: expires_in.map(|lives| u64::try_from(lives.as_millis()).unwrap_or(u64::MAX)),
                expires_at: expires_at.map(moment).transpose()?,
            });
            let answer = caller.call(request).await?;
            output.print(&answer, |made| {
                println!("{}", cell(&made["key"]));
                eprintln!(
                    "made key {} ({}); it is shown this once",
                    cell(&made["id"]),
                    cell(&made["name"])
                );
            });
        }
        KeysCommand::Revoke { id } => {
            let answer = caller.call(Request::Keys(KeyCommand::Revoke { id })).await?;
            output.print(&answer, |key| {
                println!(
                    "key {} is revoked since {}",
                    cell(&key["id"]),
                    cell(&key["revoked_at"])
                );
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}
