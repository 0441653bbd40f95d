//! Mode `contents`: file by file through the contents API, each in a commit of its own.
//! <https://docs.github.com/en/rest/repos/contents>
//!
//! For tokens and proxies that let nothing else through. GitHub allows about 500 such writes an
//! hour, so a large first backup goes in portions.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use hookyard_plugin_sdk::{Failure, info};
use octocrab::models::repos::Content;

use crate::backup::Backup;
use crate::folder;
use crate::github::Head;
use crate::message;
use crate::plan::{Failed, Listing, Plan, Present, Write};
use crate::portions::Portions;
use crate::report::Report;

/// Files written by one run, so that 500 an hour are not exceeded with [`PAUSE`] between.
/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits>
const MAX_WRITES: usize = 80;

/// The pause after so many.
const PAUSE: Duration = Duration::from_mins(10);

/// Entries of one listing; GitHub leaves out the rest.
const LISTING: usize = 1_000;

/// Does the backup, or in a dry run only says what it would do.
pub(crate) fn run(
    backup: &Backup<'_>,
    owned: Option<&BTreeSet<String>>,
    report: &mut Report,
) -> Result<(), Failure> {
    let (branch, entries) = open(backup)?;
    let plan = Plan::new(backup.inventory, &listing(backup, &branch, entries)?, owned);
    if backup.dry_run {
        report.assume_done(&plan, backup.inventory);
        return Ok(());
    }
    report.start(&plan);
    let mut portions = Portions::read(backup)?;
    portions.add_to(report);
    match carry_out(backup, &plan, report) {
        Ok(()) => portions.end(),
        Err(failure) => {
            portions.keep(report);
            return Err(failure);
        }
    }
    report.url.clone_from(&backup.target.url);
    Ok(())
}

fn carry_out(backup: &Backup<'_>, plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let mut left = MAX_WRITES;
    write(backup, plan, report, &mut left)?;
    for (file, sha) in &plan.removals {
        take_one(&mut left, report)?;
        let text = message::for_one(file, "deleted", backup.delivery);
        let commit = backup
            .github
            .delete_file(&backup.path(file), &text, sha, &backup.target.branch)?;
        report.removed(file);
        report.commit = commit;
    }
    Ok(())
}

/// The branch to read and what its folder has. A configured branch that is missing begins at the default one; a dry
/// run begins none, and reads what it would begin with.
fn open(backup: &Backup<'_>) -> Result<(String, Vec<Content>), Failure> {
    let (github, target, folder) = (backup.github, backup.target, &*backup.config.folder);
    let entries = github.folder(folder, &target.branch)?;
    let is_there = target.branch == target.default_branch || !entries.is_empty();
    if is_there || github.head(&target.branch)? != Head::NoBranch {
        return Ok((target.branch.clone(), entries));
    }
    let Head::At(sha) = github.head(&target.default_branch)? else {
        return Ok((target.branch.clone(), entries));
    };
    let entries = github.folder(folder, &target.default_branch)?;
    if backup.dry_run {
        return Ok((target.default_branch.clone(), entries));
    }
    match github.create_branch(&target.branch, &sha) {
        Ok(()) => Ok((target.branch.clone(), entries)),
        Err(error) if error.is_taken() => Err(Failure::retry("somebody else has just made the branch")),
        Err(error) => Err(error.into()),
    }
}

fn write(backup: &Backup<'_>, plan: &Plan, report: &mut Report, left: &mut usize) -> Result<(), Failure> {
    let writes: HashMap<usize, &Write> = plan.writes.iter().map(|write| (write.index, write)).collect();
    let wanted: Vec<usize> = plan.writes.iter().map(|write| write.index).collect();
    // Only the configured one: in a repository without commits the default branch is no branch yet.
    let branch = backup.config.branch.as_deref();
    backup.inventory.scripts(&wanted, |index, process| {
        take_one(left, report)?;
        let sha = writes[&index].replaces.as_deref();
        let file = &backup.inventory.items[index].file;
        let change = if sha.is_none() { "created" } else { "updated" };
        let text = message::for_one(file, change, backup.delivery);
        let answer = backup
            .github
            .put_file(&backup.path(file), &text, &process.script, sha, branch);
        match answer {
            Ok(update) => {
                report.wrote(file, sha.is_none());
                report.commit = update.commit.sha;
                Ok(())
            }
            // Of this file alone; the others may do.
            Err(error) if error.status() == Some(422) => {
                report.failed.push(Failed {
                    code: process.code,
                    reason: error.text(),
                });
                Ok(())
            }
            Err(error) => Err(Failure::from(error)),
        }
    })
}

/// Counts a write; past the bound the rest waits. What is written stays and is not written again.
fn take_one(left: &mut usize, report: &Report) -> Result<(), Failure> {
    if let Some(less) = left.checked_sub(1) {
        *left = less;
        return Ok(());
    }
    info!("written so far in this portion: {}", report.counts());
    Err(Failure::defer(
        format!(
            "{MAX_WRITES} files are written; the rest follows, since GitHub bounds writes to 500 an hour"
        ),
        PAUSE,
    ))
}

fn listing(backup: &Backup<'_>, branch: &str, entries: Vec<Content>) -> Result<Listing, Failure> {
    let (github, folder) = (backup.github, &*backup.config.folder);
    if entries.len() >= LISTING {
        return match github.head(branch)? {
            Head::At(sha) => folder::list(github, &github.commit(&sha)?.tree.sha, folder),
            _ => Err(Failure::retry("the branch has gone")),
        };
    }
    if entries.iter().any(|entry| entry.path == folder) {
        return Err(Failure::reject(format!(
            "`{folder}` is no folder in the repository; set another `folder` in plugins.toml"
        )));
    }
    // A submodule is called a file too, and cannot be loaded:
    // <https://docs.github.com/en/rest/repos/contents#get-repository-content>.
    let present = |kind: &str, loads: bool, sha: String| match kind {
        "file" if loads => Present::File {
            sha,
            mode: "100644".to_owned(),
        },
        _ => Present::Other,
    };
    Ok(entries
        .into_iter()
        .map(|entry| {
            (
                entry.name,
                present(&entry.r#type, entry.download_url.is_some(), entry.sha),
            )
        })
        .collect())
}
