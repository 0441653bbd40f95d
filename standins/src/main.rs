//! `standins`: serves the stand-ins until stopped, and says in one line of JSON where and with which tokens.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;
use serde_json::json;
use standins::github::{self, GitHub};
use standins::google::{self, Google};
use standins::slack::{Options, Slack};
use tokio::signal::unix::{SignalKind, signal};

/// Loopback stand-ins of the vendors, for development and tests.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where Slack's stand-in listens; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:0")]
    slack_listen: SocketAddr,
    /// Refuse more than one message per second and channel, as Slack does
    #[arg(long)]
    slack_pace: bool,
    /// Where GitHub's stand-in listens; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:0")]
    github_listen: SocketAddr,
    /// Where Google's stand-in listens; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:0")]
    google_listen: SocketAddr,
    /// Write the key file of Google's service account here, readable by its owner alone
    #[arg(long)]
    google_key_file: Option<PathBuf>,
    /// Refuse more requests of Sheets in a minute than Google grants a new project
    #[arg(long)]
    google_quota: bool,
    /// Also write the line of JSON to this file, readable by its owner alone, once everything listens
    #[arg(long)]
    ready_file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let options = Options {
        listen: arguments.slack_listen,
        pace: arguments.slack_pace,
        ..Options::default()
    };
    let slack = Slack::start(options)
        .await
        .context("cannot start Slack's stand-in")?;
    let options = github::Options {
        listen: arguments.github_listen,
        ..github::Options::default()
    };
    let github = GitHub::start(options)
        .await
        .context("cannot start GitHub's stand-in")?;
    let google = start_google(&arguments).await?;
    let line = format!("{}\n", ready(&slack, &github, &google));
    if let Some(path) = &arguments.ready_file {
        write_whole(path, &line).with_context(|| format!("cannot write {}", path.display()))?;
    }
    print!("{line}");
    tokio::select! {
        _ = terminate.recv() => {}
        stopped = tokio::signal::ctrl_c() => stopped.context("cannot listen for ctrl-c")?,
    }
    Ok(())
}

/// Starts Google's stand-in with a shared drive, and writes its key file where asked.
async fn start_google(arguments: &Arguments) -> anyhow::Result<Google> {
    let mut options = google::Options {
        listen: arguments.google_listen,
        ..google::Options::default()
    };
    if arguments.google_quota {
        options.quota = google::Quota::GOOGLES;
    }
    let google = Google::start(options)
        .await
        .context("cannot start Google's stand-in")?;
    if let Some(path) = &arguments.google_key_file {
        write_whole(path, &google.service_account_json())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(google)
}

fn ready(slack: &Slack, github: &GitHub, google: &Google) -> serde_json::Value {
    json!({
        "slack": {
            "base_url": slack.base_url,
            "api_base": slack.api_base,
            "bot_token": slack.bot_token,
            "webhook_url": slack.webhook_url,
            "user_id": slack.user_id("ada@example.com"),
            "user_email": "ada@example.com",
            "channel": "general",
        },
        "github": {
            "base_url": github.base_url(),
            "token": github.token(),
            "owner": github.owner(),
            "org": github.org(),
            "app_id": github.app_id(),
            "installation_id": github.installation_id(),
            "app_private_key_pem": github.app_private_key_pem(),
        },
        "google": {
            "base_url": google.base_url(),
            "api_base": google.api_base(),
            "drive_base": google.drive_base(),
            "token_url": google.token_url(),
            "service_account_email": google.service_account_email(),
            "shared_drive": google.add_shared_drive("Hookyard"),
        },
    })
}

/// Writes beside and renames, so that a reader who waits for the file never sees half of it.
fn write_whole(path: &Path, line: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let beside = path.with_extension("partial");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}
