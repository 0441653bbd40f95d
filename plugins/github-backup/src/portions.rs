//! What the runs before this one did for the same delivery, in mode `contents`: a backup that is done in portions is
//! told as a whole.

use hookyard_plugin_sdk::{Failure, state, warn};
use serde::{Deserialize, Serialize};

use crate::backup::Backup;
use crate::report::{Change, MAX_LISTS, Report, cut};

/// What was done so far.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Done {
    /// Whose work it is; another delivery begins anew.
    delivery: String,
    created: usize,
    updated: usize,
    deleted: usize,
    changes: Vec<Change>,
    changes_not_listed: usize,
    commit: Option<String>,
}

/// The memory of it, one for each repository, branch and folder.
pub(crate) struct Portions {
    key: String,
    done: Done,
}

impl Portions {
    /// What this delivery's earlier runs have kept.
    pub(crate) fn read(backup: &Backup<'_>) -> Result<Self, Failure> {
        let key = format!("portions/{}", backup.config.place(&backup.target.branch));
        let kept = state::get(&key)?.and_then(|entry| serde_json::from_slice::<Done>(&entry.value).ok());
        let fresh = || Done {
            delivery: backup.delivery.to_owned(),
            ..Done::default()
        };
        let done = kept
            .filter(|done| done.delivery == backup.delivery)
            .unwrap_or_else(fresh);
        Ok(Self { key, done })
    }

    /// Counts it in: what was written before is unchanged to the plan, and not to the person who reads.
    pub(crate) fn add_to(&mut self, report: &mut Report) {
        let done = &mut self.done;
        report.created += done.created;
        report.updated += done.updated;
        report.deleted += done.deleted;
        report.unchanged = report.unchanged.saturating_sub(done.created + done.updated);
        report.changes.append(&mut done.changes);
        report.changes_not_listed += done.changes_not_listed;
        report.commit = done.commit.take();
    }

    /// Keeps all that was done for the next run. When that fails the counts are too low, and no more.
    pub(crate) fn keep(&mut self, report: &Report) {
        let mut changes = report.changes.clone();
        let gone = cut(&mut changes, &mut { MAX_LISTS });
        let done = Done {
            delivery: std::mem::take(&mut self.done.delivery),
            created: report.created,
            updated: report.updated,
            deleted: report.deleted,
            changes,
            changes_not_listed: report.changes_not_listed + gone,
            commit: report.commit.clone(),
        };
        let kept = serde_json::to_vec(&done).map(|text| state::set(&self.key, &text));
        if !matches!(kept, Ok(Ok(_))) {
            warn!("what was done so far could not be kept; the report at the end will count less");
        }
    }

    /// Forgets it: the backup is done.
    pub(crate) fn end(&self) {
        if state::delete(&self.key).is_err() {
            warn!("what earlier runs did could not be forgotten; it is replaced by the next backup");
        }
    }
}
