//! `db …`: vacuum, backup, restore, copy.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::output::{Output, cell, table};
use crate::config::Settings;
use crate::control::{AgeingCommand, Answer, Caller, Request};
use crate::data_dir::{DataDir, Ownership};
use crate::environment::Environment;
use crate::store::{self, CopyProgress};

#[derive(Subcommand)]
pub enum DbCommand {
    /// Write the database anew without what is free; nothing is taken in meanwhile
    Vacuum,
    /// Write what the database holds now to a new file and check it; a server may go on meanwhile (SQLite)
    Backup {
        /// The file to make; nothing is overwritten
        file: PathBuf,
    },
    /// Put a copy of a backup in the place of the database, while no server runs (SQLite)
    Restore(RestoreArgs),
    /// Copy one database into another, `SQLite` or `PostgreSQL`, while no server runs on either; a copy that was cut
    /// off goes on where it was
    Copy(CopyArgs),
}

#[derive(Args)]
pub struct RestoreArgs {
    /// The backup
    file: PathBuf,
    /// Take the place of a database that is there; it is kept beside it
    #[arg(long)]
    replace: bool,
}

#[derive(Args)]
pub struct CopyArgs {
    /// Database to copy: <sqlite://PATH>, postgres://…, or env:NAME for the variable that has it, so that no password
    /// stands on the command line
    #[arg(long, value_name = "URL")]
    from: String,
    /// Database to copy to, in the same forms; it must be empty, or hold an unfinished copy of the same
    #[arg(long, value_name = "URL")]
    to: String,
}

pub async fn run(
    settings: Settings,
    env: Environment,
    command: DbCommand,
    output: Output,
) -> anyhow::Result<ExitCode> {
    match command {
        DbCommand::Vacuum => {
            let caller = Caller::new(settings, env);
            let answer = caller.call(Request::Ageing(AgeingCommand::Vacuum)).await?;
            output.print(&answer, |_| println!("the database is written anew"));
        }
        DbCommand::Backup { file } => back_up(&settings, &file, output).await?,
        DbCommand::Restore(args) => restore(&settings, &args, output).await?,
        DbCommand::Copy(args) => copy(&env, &args, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The file of the database, or what to do about one that has none.
fn file_of(settings: &Settings, instead: &str) -> anyhow::Result<PathBuf> {
    let file = store::file_of(settings.database_url.expose())?;
    file.with_context(|| format!("DATABASE_URL is a PostgreSQL database: {instead} (docs/operating.md)"))
}

async fn back_up(settings: &Settings, to: &std::path::Path, output: Output) -> anyhow::Result<()> {
    let path = file_of(
        settings,
        "back it up with its own tools, such as pg_dump --format=custom",
    )?;
    let backup = store::back_up(&path, to).await?;
    output.print(&Answer::of(&backup)?, |answer| {
        println!(
            "{}: {} events, {} bytes, checked",
            to.display(),
            cell(&answer["events"]),
            cell(&answer["bytes"])
        );
        println!(
            "the keys in {} are not in it: keep a copy of keys/ and vault/ elsewhere",
            settings.data_dir.display()
        );
    });
    Ok(())
}

async fn restore(settings: &Settings, args: &RestoreArgs, output: Output) -> anyhow::Result<()> {
    let path = file_of(settings, "restore it with its own tools, such as pg_restore")?;
    let Ownership::Owned(_owned) = DataDir::own(&settings.data_dir)? else {
        bail!(
            "a server runs on {}; stop it, and restore then",
            settings.data_dir.display()
        );
    };
    if path.exists() && !args.replace {
        bail!(
            "there is a database at {}; with --replace it is kept beside it, and the backup takes its place",
            path.display()
        );
    }
    let restored = store::restore(&args.file, &path).await?;
    output.print(&Answer::of(&restored)?, |answer| {
        println!("{}: {} events", path.display(), cell(&answer["backup"]["events"]));
        if !answer["kept"].is_null() {
            println!("the database of before is {}", cell(&answer["kept"]));
        }
        println!(
            "what was delivered after the backup may be delivered again: plugins see the same delivery ids"
        );
    });
    Ok(())
}

/// How often a copy tells how far it is.
const TELL_EVERY: Duration = Duration::from_secs(2);

async fn copy(env: &Environment, args: &CopyArgs, output: Output) -> anyhow::Result<()> {
    let (from, to) = (url(env, "--from", &args.from)?, url(env, "--to", &args.to)?);
    let mut told = Instant::now();
    let mut tell = |progress: CopyProgress| {
        if told.elapsed() < TELL_EVERY {
            return;
        }
        told = Instant::now();
        match progress {
            CopyProgress::Copying { table, rows } => eprintln!("{table}: {rows} rows copied"),
            CopyProgress::Verifying { table } => eprintln!("{table}: comparing"),
        }
    };
    let copied = store::copy(&from, &to, &mut tell).await?;
    let answer = json!({ "verified": true, "tables": copied });
    output.print(&Answer::of(&answer)?, |answer| {
        let columns = [("table", "TABLE"), ("rows", "ROWS"), ("sha256", "SHA-256")];
        table(&answer["tables"], &columns, "nothing");
        println!("\nboth hold the same; name the new one in DATABASE_URL and start the server");
    });
    Ok(())
}

/// A URL as it is given, or from a variable.
fn url(env: &Environment, flag: &str, given: &str) -> anyhow::Result<String> {
    match given.strip_prefix("env:") {
        None => Ok(given.to_owned()),
        Some(name) => env
            .get(name)
            .map(str::to_owned)
            .with_context(|| format!("{flag}: the variable {name} is not set")),
    }
}
