//! `serve`.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use tokio::net::UnixStream;

use crate::app::App;
use crate::config::Settings;
use crate::data_dir::{DataDir, Ownership, control_socket};
use crate::environment::Environment;
use crate::lifecycle::Stopped;

pub async fn serve(settings: Settings, env: Environment) -> anyhow::Result<ExitCode> {
    let dir = own(&settings).await?;
    let scheme = settings.serving.scheme();
    let app = App::build(settings, env, dir).await?;
    let stopped = app
        .serve(|address| {
            println!("listening on {scheme}://{address}");
            // Whoever waits for the line must not wait for a buffer to fill.
            let _closed = std::io::stdout().flush();
        })
        .await?;
    Ok(match stopped {
        Stopped::Clean => ExitCode::SUCCESS,
        Stopped::Forced | Stopped::Died => ExitCode::FAILURE,
    })
}

/// How often and how long a start waits for a command that holds the data directory for a moment.
const OWN_TRIES: u32 = 50;
const OWN_PAUSE: Duration = Duration::from_millis(200);

async fn own(settings: &Settings) -> anyhow::Result<DataDir> {
    for _ in 0..OWN_TRIES {
        if let Ownership::Owned(dir) = DataDir::own(&settings.data_dir)? {
            return Ok(dir);
        }
        // A server listens at its socket; a command does not.
        if UnixStream::connect(control_socket(&settings.data_dir))
            .await
            .is_ok()
        {
            break;
        }
        tokio::time::sleep(OWN_PAUSE).await;
    }
    bail!(
        "another hookyard process owns the data directory {}; stop it, or name another with --data-dir",
        settings.data_dir.display()
    )
}
