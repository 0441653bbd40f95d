//! Writes to Google Sheets: a formatted table in the place of what a sheet has (`write`), or one
//! row for each event at its end (`append`).
//!
//! Each path takes one read and one `batchUpdate`; `docs/integrations/gsheets.md` lists the
//! requests. Neither the service account's key nor its token is ever here: the host puts the token
//! in when a request leaves.

use hookyard_plugin_sdk::{Failure, Job, Manifest, Outcome, Plugin, register};

mod api;
mod append;
mod book;
mod cell;
mod check;
mod column;
mod config;
mod date;
mod errors;
mod header;
mod locate;
mod manifest;
mod open;
mod pending;
mod requests;
mod share;
mod size;
mod stored;
mod table;
mod work;
mod write;

pub use cell::Type;
pub use column::Column;
pub use config::{Config, Mode};

/// The plugin.
pub struct Gsheets;

impl Plugin for Gsheets {
    type Config = Config;

    fn manifest() -> Manifest {
        manifest::manifest()
    }

    fn jobs(config: Config, jobs: Vec<Job>) -> Vec<Result<Outcome, Failure>> {
        work::all(&config, jobs)
    }
}

register!(Gsheets);

#[cfg(test)]
mod tests;
