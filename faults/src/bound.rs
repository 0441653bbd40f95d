//! A program that gets SIGKILL when the harness dies, however that dies, and that may be given limits.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use clap::Args;
use rustix::process::{Resource, Rlimit, Signal};

/// The hidden sub-command.
pub const COMMAND: &str = "bound";

/// What to turn into.
#[derive(Args, Clone, Debug)]
pub struct Bound {
    /// Most open files
    #[arg(long)]
    pub files: u64,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    pub program: Vec<OsString>,
}

/// The command that runs `program` through ourselves.
///
/// # Errors
/// When nobody knows where this program lies.
pub fn command(files: u64) -> anyhow::Result<Command> {
    let mut through = Command::new(std::env::current_exe().context("where this program lies")?);
    through.args([COMMAND, "--files", &files.to_string()]);
    Ok(through)
}

/// Turns into the program. Its death is bound to the thread that started us: that must be the main one.
///
/// # Errors
/// When the program cannot be started; otherwise it does not return.
pub fn become_bound(bound: &Bound) -> anyhow::Result<Infallible> {
    let (name, args) = bound.program.split_first().context("no program named")?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let limit = |most| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    // A kill in a scenario is no reason to write a core.
    rustix::process::setrlimit(Resource::Core, limit(0))?;
    rustix::process::setrlimit(Resource::Nofile, limit(bound.files))?;
    let error = Command::new(name).args(args).exec();
    Err(error).with_context(|| format!("cannot start {}", Path::new(name).display()))
}

/// Lets the harness itself open as many files as it may: it has more connections than a server.
///
/// # Errors
/// When the system refuses.
pub fn open_many() -> anyhow::Result<()> {
    let mut files = rustix::process::getrlimit(Resource::Nofile);
    files.current = files.maximum;
    Ok(rustix::process::setrlimit(Resource::Nofile, files)?)
}
