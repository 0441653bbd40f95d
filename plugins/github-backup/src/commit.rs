//! Mode `git-data`: everything in one commit, with few requests.
//!
//! Making a blob for each file would meet GitHub's bounds of 80 writes a minute and 500 an hour,
//! so files go inside the trees: <https://docs.github.com/en/rest/git/trees#create-a-tree>. Trees
//! build on one another; nothing is visible before the branch is moved to the commit at the end.
//! The branch is never forced: when somebody else has moved it, the work starts again from there,
//! and content that GitHub has by then is named by its id.

use std::collections::{BTreeSet, HashMap};

use hookyard_plugin_sdk::{Failure, info};
use octocrab::models::git::{CreateTreeEntry, GitCommitObject};

use crate::backup::Backup;
use crate::folder;
use crate::github::{GitHub, Head};
use crate::message;
use crate::plan::{Listing, Plan, Write};
use crate::report::Report;

/// How often the branch may move under a backup before it is left to the next attempt.
const MAX_MOVES: usize = 5;

/// Entries of one tree request. GitHub names no bound; a thousand small files take it about a
/// second, and it gives up after ten.
const MAX_ENTRIES: usize = 1_000;

/// How many entries a tree request of this attempt has: fewer after each failure, which may be GitHub's time-out.
fn entries_of(attempt: u32) -> usize {
    MAX_ENTRIES >> attempt.saturating_sub(1).min(MAX_HALVINGS)
}

/// How often the entries are halved: 62 remain, at which 10,000 files still fit the shipped `requests`.
const MAX_HALVINGS: u32 = 4;

/// Bytes of one tree request: half of the host's bound for a request.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Bytes that an entry takes beside its path and content, rounded up.
const ENTRY_BYTES: usize = 120;

/// Put into a repository without commits: the git data API works only from the second on.
const FIRST_FILE: &str = "# Processes\n\nThe scripts stored in Hookyard, one file each. \
    Hookyard overwrites changes made here with its next backup.\n";

/// Where the work starts from.
struct Base {
    commit: GitCommitObject,
    branch_exists: bool,
}

/// How one round ended.
enum Round {
    Done,
    /// Somebody else moved the branch.
    Moved,
}

/// Does the backup, or in a dry run only says what it would do.
pub(crate) fn run(
    backup: &Backup<'_>,
    owned: Option<&BTreeSet<String>>,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut uploaded = HashMap::new();
    for _ in 0..MAX_MOVES {
        match round(backup, owned, report, &mut uploaded)? {
            Round::Done => return Ok(()),
            Round::Moved => info!(
                "the branch {} has moved; starting again from there",
                backup.target.branch
            ),
        }
    }
    Err(Failure::retry(format!(
        "the branch {} moved {MAX_MOVES} times during the backup",
        backup.target.branch
    )))
}

fn round(
    backup: &Backup<'_>,
    owned: Option<&BTreeSet<String>>,
    report: &mut Report,
    uploaded: &mut HashMap<usize, String>,
) -> Result<Round, Failure> {
    let base = base(backup)?;
    let listing = match &base {
        Some(base) => folder::list(backup.github, &base.commit.tree.sha, &backup.config.folder)?,
        None => Listing::new(),
    };
    let plan = Plan::new(backup.inventory, &listing, owned);
    let Some(base) = base.filter(|_| !backup.dry_run) else {
        report.assume_done(&plan, backup.inventory);
        return Ok(Round::Done);
    };
    report.start(&plan);
    if plan.is_empty() {
        message::recall(&base.commit, backup.delivery, report);
        return Ok(Round::Done);
    }
    let tree = write_tree(backup, &plan, &base.commit.tree.sha, report, uploaded)?;
    if tree == base.commit.tree.sha {
        return Ok(Round::Done);
    }
    publish(backup, &base, &tree, report)
}

/// Makes the commit and moves the branch to it.
fn publish(backup: &Backup<'_>, base: &Base, tree: &str, report: &mut Report) -> Result<Round, Failure> {
    let (github, branch) = (backup.github, &*backup.target.branch);
    let text = message::for_all(report, backup.delivery);
    let commit = github.create_commit(&text, tree, &base.commit.sha)?;
    let moved = if base.branch_exists {
        github.move_branch(branch, &commit.sha)
    } else {
        github.create_branch(branch, &commit.sha)
    };
    match moved {
        Ok(()) => {
            report.url = Some(commit.html_url);
            report.commit = Some(commit.sha);
            Ok(Round::Done)
        }
        Err(error) if error.is_moved() || error.is_taken() => Ok(Round::Moved),
        Err(error) => Err(error.into()),
    }
}

/// The commit to build on; none only in a dry run of a repository without commits.
fn base(backup: &Backup<'_>) -> Result<Option<Base>, Failure> {
    let (github, target) = (backup.github, backup.target);
    let mut head = github.head(&target.branch)?;
    let mut branch_exists = matches!(head, Head::At(_));
    if head == Head::EmptyRepository {
        if backup.dry_run {
            return Ok(None);
        }
        first_commit(github, backup)?;
        head = github.head(&target.branch)?;
        branch_exists = matches!(head, Head::At(_));
    }
    if head == Head::NoBranch && target.branch != target.default_branch {
        head = github.head(&target.default_branch)?;
    }
    match head {
        Head::At(sha) => Ok(Some(Base {
            commit: github.commit(&sha)?,
            branch_exists,
        })),
        // Just made, and not on every server of GitHub's yet.
        _ if target.created => Err(Failure::retry("the new repository has no branch yet")),
        _ => Err(Failure::reject(format!(
            "the repository has no branch `{}`, its default; set `branch` in plugins.toml",
            target.default_branch
        ))),
    }
}

fn first_commit(github: &GitHub, backup: &Backup<'_>) -> Result<(), Failure> {
    let path = format!("{}/README.md", backup.config.folder);
    let text = message::for_one("README.md", "created", backup.delivery);
    match github.put_file(&path, &text, FIRST_FILE, None, None) {
        Ok(_) => Ok(()),
        // An earlier attempt's answer was lost, or somebody else was first: it is there.
        Err(error) if error.is_moved() || error.status() == Some(422) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Puts all changes on top of the tree `base`; the id of the last tree.
fn write_tree(
    backup: &Backup<'_>,
    plan: &Plan,
    base: &str,
    report: &mut Report,
    uploaded: &mut HashMap<usize, String>,
) -> Result<String, Failure> {
    let mut trees = Trees {
        backup,
        uploaded,
        tree: base.to_owned(),
        entries: Vec::new(),
        indexes: Vec::new(),
        bytes: 0,
    };
    for write in &plan.writes {
        if let Some(sha) = trees.uploaded.get(&write.index).cloned() {
            trees.add_known(write, sha)?;
            report.wrote(
                &backup.inventory.items[write.index].file,
                write.replaces.is_none(),
            );
        }
    }
    let writes: HashMap<usize, &Write> = plan
        .writes
        .iter()
        .filter(|write| !trees.uploaded.contains_key(&write.index))
        .map(|write| (write.index, write))
        .collect();
    let wanted: Vec<usize> = plan
        .writes
        .iter()
        .map(|write| write.index)
        .filter(|index| writes.contains_key(index))
        .collect();
    backup.inventory.scripts(&wanted, |index, process| {
        let write = writes[&index];
        trees.add(write, process.script)?;
        report.wrote(&backup.inventory.items[index].file, write.replaces.is_none());
        Ok::<_, Failure>(())
    })?;
    trees.flush()?;
    for chunk in plan.removals.chunks(MAX_ENTRIES) {
        let paths: Vec<String> = chunk.iter().map(|(file, _)| backup.path(file)).collect();
        trees.tree = backup.github.remove_from_tree(&trees.tree, &paths)?;
    }
    for (file, _) in &plan.removals {
        report.removed(file);
    }
    Ok(trees.tree)
}

/// Trees on top of one another, each as large as one request may be.
struct Trees<'a> {
    backup: &'a Backup<'a>,
    /// Content that GitHub has: its blob by the index of its process.
    uploaded: &'a mut HashMap<usize, String>,
    tree: String,
    entries: Vec<CreateTreeEntry>,
    /// Of the entries that carry content: process and blob.
    indexes: Vec<(usize, String)>,
    bytes: usize,
}

impl Trees<'_> {
    /// Adds a file with its content.
    fn add(&mut self, write: &Write, script: String) -> Result<(), Failure> {
        let sha = crate::blob::id(script.as_bytes());
        let size = json_length(&script);
        // What does not fit beside others, and what JSON texts are not trusted with.
        if size > MAX_BYTES - ENTRY_BYTES * 10 || script.contains('\0') {
            let sha = self.backup.github.create_blob(script.as_bytes())?;
            self.uploaded.insert(write.index, sha.clone());
            return self.add_known(write, sha);
        }
        let entry = self.entry(write).with_content(script);
        self.push(entry, size)?;
        self.indexes.push((write.index, sha));
        Ok(())
    }

    /// Adds a file whose content GitHub has.
    fn add_known(&mut self, write: &Write, sha: String) -> Result<(), Failure> {
        let entry = self.entry(write).with_sha(sha);
        self.push(entry, 0)
    }

    fn entry(&self, write: &Write) -> CreateTreeEntry {
        let file = &self.backup.inventory.items[write.index].file;
        CreateTreeEntry::new(self.backup.path(file), &*write.mode, "blob")
    }

    fn push(&mut self, entry: CreateTreeEntry, content: usize) -> Result<(), Failure> {
        let size = ENTRY_BYTES + json_length(&entry.path) + content;
        if self.entries.len() >= entries_of(self.backup.attempt) || self.bytes + size > MAX_BYTES {
            self.flush()?;
        }
        self.bytes += size;
        self.entries.push(entry);
        Ok(())
    }

    /// Sends what has gathered.
    fn flush(&mut self) -> Result<(), Failure> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let entries = std::mem::take(&mut self.entries);
        self.tree = self.backup.github.create_tree(&self.tree, entries)?;
        self.uploaded.extend(self.indexes.drain(..));
        self.bytes = 0;
        Ok(())
    }
}

/// Bytes of a text inside JSON, quotes aside.
fn json_length(text: &str) -> usize {
    text.bytes()
        .map(|byte| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
            0..=31 => 6,
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_later_attempt_sends_smaller_trees() {
        assert_eq!([1, 2, 5, 60].map(super::entries_of), [1_000, 500, 62, 62]);
    }

    #[test]
    fn a_text_is_as_long_as_json_makes_it() {
        let text = "a\"\\\n\r\t\u{8}\u{c}\u{1}\u{1f}é🚀/";
        let json = serde_json::to_string(text).unwrap();
        assert_eq!(super::json_length(text), json.len() - 2);
    }
}
