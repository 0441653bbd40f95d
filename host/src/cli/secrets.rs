//! `secrets …`: secrets that live sealed in the database.

use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::Subcommand;
use zeroize::Zeroizing;

use super::output::{Output, cell, table};
use crate::control::{Caller, Request, SecretRequest};
use crate::vault::MAX_SECRET_BYTES;

#[derive(Subcommand)]
pub enum SecretsCommand {
    #[command(
        about = "Store a secret, or another value of it; asks for the value, or reads it from standard input",
        long_about = "Store a secret, or another value of it; asks for the value, or reads it from standard input\n\n\
                      It is sealed in the database under a master key (HOOKYARD_MASTER_KEY, else one that is made \
                      and kept in the data directory). A plugin gets it by stored:NAME in its grants, live."
    )]
    Set {
        name: String,
        /// Read the value from standard input instead of asking; one line end at its end is dropped
        #[arg(long)]
        stdin: bool,
    },
    /// List stored secrets: names and times, never values
    List,
    /// Remove a stored secret
    Remove { name: String },
    #[command(
        about = "Seal every secret anew under the first key of HOOKYARD_MASTER_KEY, so that the others can go"
    )]
    Reseal,
}

pub async fn run(caller: &Caller, command: SecretsCommand, output: Output) -> anyhow::Result<ExitCode> {
    let (request, done) = match command {
        SecretsCommand::List => {
            let answer = caller.call(Request::Secrets(SecretRequest::List)).await?;
            let columns = [
                ("name", "NAME"),
                ("updated_at", "SET"),
                ("created_at", "FIRST SET"),
                ("key", "MASTER KEY"),
                ("readable", "READABLE HERE"),
            ];
            let none = "no secrets are stored; store one with `hookyard secrets set NAME`";
            output.print(&answer, |secrets| table(secrets, &columns, none));
            return Ok(ExitCode::SUCCESS);
        }
        SecretsCommand::Set { name, stdin } => {
            let value = value(stdin)?;
            (SecretRequest::Set { name, value }, "stored")
        }
        SecretsCommand::Remove { name } => (SecretRequest::Remove { name }, "removed"),
        SecretsCommand::Reseal => {
            let answer = caller.call(Request::Secrets(SecretRequest::Reseal)).await?;
            output.print(&answer, |answer| {
                println!("sealed {} secrets anew", cell(&answer["resealed"]));
            });
            return Ok(ExitCode::SUCCESS);
        }
    };
    let answer = caller.call(Request::Secrets(request)).await?;
    output.print(&answer, |answer| println!("{done} {}", cell(&answer["name"])));
    Ok(ExitCode::SUCCESS)
}

fn value(from_stdin: bool) -> anyhow::Result<Zeroizing<String>> {
    let stdin = std::io::stdin();
    let value = if from_stdin {
        // One byte more than may be, so that too much is told and not cut; and a line end. Room for all of it, so
        // that no piece is left behind where the text grew.
        let most = MAX_SECRET_BYTES + 3;
        let mut text = Zeroizing::new(String::with_capacity(2 * most));
        stdin
            .lock()
            .take(most as u64)
            .read_to_string(&mut text)
            .context("cannot read the value from standard input")?;
        let value = text.strip_suffix('\n').unwrap_or(&text);
        Zeroizing::new(value.strip_suffix('\r').unwrap_or(value).to_owned())
    } else if stdin.is_terminal() {
        Zeroizing::new(rpassword::prompt_password("Value: ")?)
    } else {
        bail!("there is no terminal to ask at; give the value with --stdin");
    };
    ensure!(!value.is_empty(), "the value is empty");
    Ok(value)
}
