//! One backup from beginning to end.

use hookyard_plugin_sdk::{Context, Failure, Outcome, warn};
use serde::Deserialize;

use crate::config::{Config, Mode};
use crate::github::GitHub;
use crate::inventory::Inventory;
use crate::owned::Owned;
use crate::plan::{Listing, Plan};
use crate::report::Report;
use crate::target::{self, Target};
use crate::{commit, contents};

/// What a person or a schedule may ask for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Input {
    pub(crate) dry_run: bool,
    pub(crate) delete_removed: Option<bool>,
}

/// What every step of a backup looks at.
pub(crate) struct Backup<'a> {
    pub(crate) github: &'a GitHub,
    pub(crate) config: &'a Config,
    pub(crate) target: &'a Target,
    pub(crate) inventory: &'a Inventory,
    /// The delivery's id, for the commit messages.
    pub(crate) delivery: &'a str,
    /// Which attempt this is, from 1.
    pub(crate) attempt: u32,
    pub(crate) dry_run: bool,
}

impl Backup<'_> {
    /// A file's place in the repository.
    pub(crate) fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.config.folder)
    }
}

/// Brings the repository to the state of the stored processes.
pub(crate) fn run(ctx: &Context<Config>, input: &Input) -> Result<Outcome, Failure> {
    let config = &ctx.config;
    config.check()?;
    let inventory = Inventory::read()?;
    let github = GitHub::new(config, ctx.delivery.attempt)?;
    let target = match target::find(&github, config)? {
        Some(target) => target,
        None if input.dry_run => return all_new(config, &inventory),
        None => target::create(&github, config)?,
    };
    let mut report = Report::new(config, &target.branch, input.dry_run);
    report.repository_created = target.created;
    report.url.clone_from(&target.url);
    let mut owned = Owned::read(config, &target.branch)?;
    let removable = input
        .delete_removed
        .unwrap_or(config.delete_removed)
        .then(|| owned.names());
    if !input.dry_run {
        owned.add(&inventory)?;
    }
    let backup = Backup {
        github: &github,
        config,
        target: &target,
        inventory: &inventory,
        delivery: &ctx.delivery.id,
        attempt: ctx.delivery.attempt,
        dry_run: input.dry_run,
    };
    match config.mode {
        Mode::GitData => commit::run(&backup, removable.as_ref(), &mut report)?,
        Mode::Contents => contents::run(&backup, removable.as_ref(), &mut report)?,
    }
    finish(&backup, removable.is_some(), &mut owned, report)
}

fn finish(backup: &Backup<'_>, removed: bool, owned: &mut Owned, report: Report) -> Result<Outcome, Failure> {
    if removed && !backup.dry_run {
        let names = owned.names();
        let present = backup
            .inventory
            .items
            .iter()
            .map(|item| &item.file)
            .collect::<std::collections::HashSet<_>>();
        owned.forget(
            names
                .iter()
                .filter(|name| !present.contains(name))
                .map(String::as_str),
        )?;
    }
    for failed in report.failed.iter().take(MAX_WARNINGS) {
        warn!("{}: {}", failed.code, failed.reason);
    }
    report.outcome()
}

/// Failures that become lines of the log; all are in the outcome.
const MAX_WARNINGS: usize = 20;

/// A dry run without a repository.
fn all_new(config: &Config, inventory: &Inventory) -> Result<Outcome, Failure> {
    let branch = config.branch.as_deref().unwrap_or("the default branch");
    let mut report = Report::new(config, branch, true);
    report.repository_created = true;
    report.assume_done(&Plan::new(inventory, &Listing::new(), None), inventory);
    report.outcome()
}
