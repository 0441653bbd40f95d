//! `cargo xtask run`: the product at work, from a clone, with one command.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Context as _;

use crate::demo;
use crate::plugins;
use crate::process::{Interrupt, LOOK_AGAIN};
use crate::stage::{Host, HostOptions};
use crate::standins::Standins;
use crate::workspace::{Workspace, run_to_end};

#[derive(clap::Args)]
pub struct Options {
    /// Only serve, with the repository's own plugins.toml and no stand-in
    #[arg(long)]
    pub no_demo: bool,
    /// Address to serve on; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: String,
    /// Where the database and everything else is kept
    #[arg(long, default_value = "data")]
    pub data_dir: PathBuf,
    /// End after the demo, with a failure when anything in it fails
    #[arg(long, conflicts_with = "no_demo")]
    pub exit_after_demo: bool,
    /// Run the binaries of a release build
    #[arg(long)]
    pub release: bool,
}

/// Build all, serve, show.
///
/// # Errors
/// When a build, a start or the demo fails, or a child ends by itself.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    let binary = build(workspace, options.release)?;
    plugins::run(workspace, &plugins::Options { fixtures: false })?;
    fs::create_dir_all(&options.data_dir)
        .with_context(|| format!("cannot make {}", options.data_dir.display()))?;
    let data_dir = options.data_dir.canonicalize()?;
    let interrupt = Interrupt::catch()?;
    let mut standins = if options.no_demo {
        None
    } else {
        Some(Standins::start(workspace, &data_dir)?)
    };
    let mut host = Host::start(
        workspace,
        &HostOptions {
            plugins_file: None,
            variables: &[],
            binary: &binary,
            listen: &options.listen,
            data_dir: &data_dir,
            standins: standins.as_ref(),
        },
    )?;
    println!("serving on {}", host.url);
    if let Some(standins) = &standins {
        let shown = demo::run(workspace, &host, standins, &data_dir, &interrupt);
        let token =
            shown.with_context(|| format!("the demo failed; the host's log ends with\n{}\n", host.tail()))?;
        print_urls(&host.url, Some((standins, &token)));
    } else {
        print_urls(&host.url, None);
    }
    if !options.exit_after_demo {
        println!("\nCtrl-C stops. The host's log:");
        host.show();
        while !interrupt.is_set() {
            host.check()?;
            standins.as_mut().map_or(Ok(()), Standins::check)?;
            thread::sleep(LOOK_AGAIN);
        }
        println!("stopping");
    }
    host.stop()?;
    standins.map_or(Ok(()), Standins::stop)
}

/// The host in the asked profile; the stand-ins are tools, and always of the quick one.
///
/// # Errors
/// When one does not compile.
pub fn build(workspace: &Workspace, release: bool) -> anyhow::Result<PathBuf> {
    println!("building the host and the stand-ins");
    // With the features of the whole workspace, as `cargo test --workspace` has them: nothing is compiled twice.
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--workspace", "--bin", "standins", "--bin", "hookyard"]);
    run_to_end(&mut cargo, "building the host and the stand-ins")?;
    if release {
        let mut cargo = workspace.cargo();
        run_to_end(
            cargo.args(["build", "--release", "--package", "hookyard"]),
            "building the release",
        )?;
    }
    Ok(workspace.binary(if release { "release" } else { "debug" }, "hookyard"))
}

fn print_urls(host: &str, demo: Option<(&Standins, &str)>) {
    println!("\n  admin pages            {host}/admin/");
    println!("  API, to read and try   {host}/api/docs/");
    let Some((standins, token)) = demo else { return };
    for (vendor, name) in [("slack", "Slack"), ("google", "Google"), ("github", "GitHub")] {
        println!(
            "  {:<22} {}/",
            format!("{name}'s stand-in"),
            standins.page(vendor)
        );
    }
    println!("  the events             curl -H 'Authorization: Bearer {token}' {host}/api/webhooks/list/");
}

/// The demo on a data directory that is thrown away: a step of the tests.
///
/// # Errors
/// As [`run`].
pub fn check_demo(workspace: &Workspace, release: bool) -> anyhow::Result<()> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let options = Options {
        no_demo: false,
        listen: "127.0.0.1:0".to_owned(),
        data_dir: Path::join(dir.path(), "data"),
        exit_after_demo: true,
        release,
    };
    run(workspace, &options)
}
