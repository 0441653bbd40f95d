//! `serve`.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::bail;

use crate::app::App;
use crate::config::Settings;
use crate::data_dir::{DataDir, Ownership};
use crate::environment::Environment;
use crate::lifecycle::Stopped;

pub async fn serve(settings: Settings, env: Environment) -> anyhow::Result<ExitCode> {
    let dir = match DataDir::own(&settings.data_dir)? {
        Ownership::Owned(dir) => dir,
        Ownership::Taken => bail!(
            "another hookyard process owns the data directory {}; stop it, or name another with --data-dir",
            settings.data_dir.display()
        ),
    };
    let app = App::build(settings, env, dir).await?;
    let stopped = app
        .serve(|address| {
            println!("listening on http://{address}");
            // Whoever waits for the line must not wait for a buffer to fill.
            let _closed = std::io::stdout().flush();
        })
        .await?;
    Ok(match stopped {
        Stopped::Clean => ExitCode::SUCCESS,
        Stopped::Forced => ExitCode::FAILURE,
    })
}
