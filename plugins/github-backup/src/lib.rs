//! Keeps the stored processes as files in a GitHub repository, through octocrab.
//!
//! A backup compares git's ids: it computes them for the stored scripts, reads the repository's
//! tree once, and writes only what differs, in one commit. Doing it twice changes nothing, so an
//! attempt whose answer was lost is simply made again.

use hookyard_plugin_sdk::{Call, Context, Event, Failure, Manifest, Outcome, Plugin, Tick, register};

mod backup;
mod blob;
mod check;
mod commit;
mod config;
mod contents;
mod folder;
mod github;
mod inventory;
mod message;
mod names;
mod owned;
mod plan;
mod portions;
mod report;
mod target;

pub use config::{Auth, Config, Mode};

/// The plugin.
pub struct GithubBackup;

impl Plugin for GithubBackup {
    type Config = Config;

    fn manifest() -> Manifest {
        config::manifest()
    }

    fn webhook(_: &Context<Config>, event: &Event) -> Result<Outcome, Failure> {
        Err(Failure::reject(format!(
            "github-backup does nothing with webhooks (this is {} from {}); remove its route from plugins.toml \
             and give it a schedule, or ask for its action `backup`",
            event.event_type, event.source,
        )))
    }

    fn schedule(ctx: &Context<Config>, tick: &Tick) -> Result<Outcome, Failure> {
        backup::run(ctx, &tick.input()?)
    }

    fn action(ctx: &Context<Config>, call: &Call) -> Result<Outcome, Failure> {
        match &*call.action {
            "backup" => backup::run(ctx, &call.input()?),
            "check" => check::run(ctx),
            other => Err(Failure::reject(format!("github-backup has no action `{other}`"))),
        }
    }
}

register!(GithubBackup);

#[cfg(test)]
mod tests;
