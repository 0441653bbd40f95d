//! What a backup did, for people and programs.

use hookyard_plugin_sdk::{Failure, Outcome};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::inventory::Inventory;
use crate::plan::{Failed, Plan};

/// Bytes of the lists in an outcome; the host keeps 64 KiB of it all.
pub(crate) const MAX_LISTS: usize = 48 * 1024;

/// Characters of one reason in the lists.
const MAX_REASON: usize = 300;

/// The outcome's output.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// `owner/name`.
    pub(crate) repository: String,
    pub(crate) branch: String,
    pub(crate) folder: String,
    /// Whether only what would be done is told.
    pub(crate) dry_run: bool,
    /// Whether the repository was made (in a dry run: would be).
    pub(crate) repository_created: bool,
    pub(crate) created: usize,
    pub(crate) updated: usize,
    pub(crate) unchanged: usize,
    pub(crate) deleted: usize,
    /// Each process that could not be backed up; the first of them when there are very many.
    pub(crate) failed: Vec<Failed>,
    /// How many failed beside those in `failed`.
    pub(crate) failed_not_listed: usize,
    /// Each file that changed; the first of them when there are very many.
    pub(crate) changes: Vec<Change>,
    /// How many changed beside those in `changes`.
    pub(crate) changes_not_listed: usize,
    /// The last commit made.
    pub(crate) commit: Option<String>,
    /// Where to look at it.
    pub(crate) url: Option<String>,
}

/// One file that changed.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Change {
    path: String,
    change: String,
}

impl Report {
    pub(crate) fn new(config: &Config, branch: &str, dry_run: bool) -> Self {
        Self {
            repository: format!("{}/{}", config.owner, config.repo),
            branch: branch.to_owned(),
            folder: config.folder.clone(),
            dry_run,
            repository_created: false,
            created: 0,
            updated: 0,
            unchanged: 0,
            deleted: 0,
            failed: Vec::new(),
            failed_not_listed: 0,
            changes: Vec::new(),
            changes_not_listed: 0,
            commit: None,
            url: None,
        }
    }

    /// Takes over what the plan says about files that are not written.
    pub(crate) fn start(&mut self, plan: &Plan) {
        self.unchanged = plan.unchanged;
        self.failed.clone_from(&plan.failed);
        self.created = 0;
        self.updated = 0;
        self.deleted = 0;
        self.changes.clear();
    }

    /// A file was (or would be) written.
    pub(crate) fn wrote(&mut self, file: &str, new: bool) {
        let (count, change) = if new {
            (&mut self.created, "created")
        } else {
            (&mut self.updated, "updated")
        };
        *count += 1;
        self.list(file, change);
    }

    /// A file was (or would be) removed.
    pub(crate) fn removed(&mut self, file: &str) {
        self.deleted += 1;
        self.list(file, "deleted");
    }

    fn list(&mut self, file: &str, change: &str) {
        let path = format!("{}/{file}", self.folder);
        let change = change.to_owned();
        self.changes.push(Change { path, change });
    }

    /// Takes all that the plan wants for done.
    pub(crate) fn assume_done(&mut self, plan: &Plan, inventory: &Inventory) {
        self.start(plan);
        for write in &plan.writes {
            self.wrote(&inventory.items[write.index].file, write.replaces.is_none());
        }
        for (file, _) in &plan.removals {
            self.removed(file);
        }
    }

    /// `1 created, 2 updated, 0 deleted`, for the commit.
    pub(crate) fn counts(&self) -> String {
        format!(
            "{} created, {} updated, {} deleted",
            self.created, self.updated, self.deleted
        )
    }

    fn summary(&self) -> String {
        let failed = match self.failed.len() {
            0 => String::new(),
            failed => format!(", {failed} FAILED"),
        };
        let end = match &self.commit {
            _ if self.dry_run => " (dry run, nothing was written)".to_owned(),
            Some(commit) => format!("; commit {}", commit.get(..7).unwrap_or(commit)),
            None => String::new(),
        };
        format!(
            "{}: {}, {} unchanged{failed}{end}",
            self.repository,
            self.counts(),
            self.unchanged
        )
    }

    /// The outcome, with the lists cut to what the host keeps.
    pub(crate) fn outcome(mut self) -> Result<Outcome, Failure> {
        let summary = self.summary();
        for failed in &mut self.failed {
            failed.reason = failed.reason.chars().take(MAX_REASON).collect();
        }
        let mut room = MAX_LISTS;
        self.failed_not_listed = cut(&mut self.failed, &mut room);
        self.changes_not_listed += cut(&mut self.changes, &mut room);
        Outcome::new(summary).with_output(&self)
    }
}

/// Keeps as many as there is room for; how many went.
pub(crate) fn cut<T: Serialize>(list: &mut Vec<T>, room: &mut usize) -> usize {
    let fits = list
        .iter()
        .take_while(|entry| {
            let size = serde_json::to_vec(entry).map_or(usize::MAX, |text| text.len() + 1);
            let left = room.checked_sub(size);
            *room = left.unwrap_or(0);
            left.is_some()
        })
        .count();
    let gone = list.len() - fits;
    list.truncate(fits);
    gone
}
