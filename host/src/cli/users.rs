//! `createsuperuser` and `user …`.

use std::io::{BufRead as _, IsTerminal as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use super::output::{Output, cell, table};
use crate::control::{Caller, Request};
use crate::domain::access::Role;
use crate::secret::Secret;

#[derive(Args)]
pub struct CreateArgs {
    /// Name to sign in with
    #[arg(long)]
    username: String,
    #[arg(long)]
    email: String,
    /// Read the password from standard input instead of asking
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Subcommand)]
pub enum UserCommand {
    /// List all users
    List,
    /// Make a user
    Create {
        #[command(flatten)]
        account: CreateArgs,
        /// admin, operator, viewer or sender
        #[arg(long, default_value = "sender")]
        role: Role,
    },
    /// Set a password; ends all sessions of the user
    Password {
        username: String,
        /// Read the password from standard input instead of asking
        #[arg(long)]
        password_stdin: bool,
    },
    /// Let a user sign in again
    Activate { username: String },
    /// Keep a user out; its tokens stop working at once
    Deactivate { username: String },
    /// Give a user another role: admin, operator, viewer or sender
    Role { username: String, role: Role },
    /// End every session of a user; its API keys go on
    SignOut { username: String },
}

pub async fn run(caller: &Caller, command: UserCommand, output: Output) -> anyhow::Result<ExitCode> {
    let request = match command {
        UserCommand::Create { account, role } => return create(caller, account, role, output).await,
        UserCommand::List => {
            let users = caller.call(Request::UserList).await?;
            let columns = [
                ("username", "USERNAME"),
                ("email", "EMAIL"),
                ("role", "ROLE"),
                ("is_active", "ACTIVE"),
                ("date_joined", "JOINED"),
                ("id", "ID"),
            ];
            let none = "no users; make one with `hookyard createsuperuser --username NAME`";
            output.print(&users, |users| table(users, &columns, none));
            return Ok(ExitCode::SUCCESS);
        }
        UserCommand::Password {
            username,
            password_stdin,
        } => Request::UserPassword {
            username,
            password: password(password_stdin)?.expose().to_owned(),
        },
        UserCommand::Activate { username } => Request::UserSet {
            username,
            active: Some(true),
            role: None,
        },
        UserCommand::Deactivate { username } => Request::UserSet {
            username,
            active: Some(false),
            role: None,
        },
        UserCommand::Role { username, role } => Request::UserSet {
            username,
            active: None,
            role: Some(role),
        },
        UserCommand::SignOut { username } => Request::UserSignOut { username },
    };
    let user = caller.call(request).await?;
    output.print(&user, |user| println!("changed user {}", cell(&user["username"])));
    Ok(ExitCode::SUCCESS)
}

pub async fn create(
    caller: &Caller,
    args: CreateArgs,
    role: Role,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let password = password(args.password_stdin)?;
    let request = Request::UserCreate {
        username: args.username,
        email: args.email,
        password: password.expose().to_owned(),
        role,
    };
    let user = caller.call(request).await?;
    output.print(&user, |user| println!("made {role} {}", cell(&user["username"])));
    Ok(ExitCode::SUCCESS)
}

/// Longest password line that is read, in bytes.
const MAX_PASSWORD_LINE: u64 = 4096;

fn password(from_stdin: bool) -> anyhow::Result<Secret> {
    let stdin = std::io::stdin();
    if from_stdin {
        let mut line = String::new();
        let mut limited = std::io::Read::take(stdin.lock(), MAX_PASSWORD_LINE);
        limited
            .read_line(&mut line)
            .context("cannot read the password from standard input")?;
        let password = line.trim_end_matches(['\r', '\n']).to_owned();
        if password.is_empty() {
            bail!("standard input held no password");
        }
        return Ok(Secret::new(password));
    }
    if !stdin.is_terminal() {
        bail!("there is no terminal to ask at; give the password with --password-stdin");
    }
    let first = Secret::new(rpassword::prompt_password("Password: ")?);
    let second = Secret::new(rpassword::prompt_password("Password (again): ")?);
    if first.expose() != second.expose() {
        bail!("the two passwords differ");
    }
    Ok(first)
}
