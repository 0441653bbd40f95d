//! One repository: its settings, its references, its objects.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::git::{self, Commit, Entry, Mode, ObjectId, Objects, Person};
use super::refusal::Refusal;

/// A repository.
#[derive(Debug)]
pub struct Repository {
    /// Its number.
    pub id: u64,
    /// The login of its owner.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where more is to be read.
    pub homepage: Option<String>,
    /// Whether only those invited see it.
    pub private: bool,
    /// Whether it is read-only.
    pub archived: bool,
    /// The branch that counts when none is named.
    pub default_branch: String,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// When its settings changed last.
    pub updated_at: i64,
    /// When a reference moved last.
    pub pushed_at: i64,
    /// References by their full names, `refs/heads/main`.
    pub refs: BTreeMap<String, ObjectId>,
    /// Everything the references lead to, and what nothing leads to yet.
    pub objects: Objects,
}

impl Repository {
    /// `owner/name`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// Whether there is no commit yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.refs.is_empty()
    }

    /// The commit of a branch.
    #[must_use]
    pub fn branch(&self, name: &str) -> Option<ObjectId> {
        self.refs.get(&format!("refs/heads/{name}")).copied()
    }

    /// The branches and their commits.
    pub fn branches(&self) -> impl Iterator<Item = (&str, ObjectId)> {
        self.refs
            .iter()
            .filter_map(|(name, id)| Some((name.strip_prefix("refs/heads/")?, *id)))
    }

    /// The commit that a branch, a tag, a full reference or an object's name means.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<ObjectId> {
        [
            name.to_owned(),
            format!("refs/{name}"),
            format!("refs/heads/{name}"),
            format!("refs/tags/{name}"),
        ]
        .iter()
        .find_map(|full| self.refs.get(full).copied())
        .or_else(|| ObjectId::parse(name).filter(|id| self.objects.commit(*id).is_some()))
    }

    /// The tree of a commit.
    #[must_use]
    pub fn tree_of(&self, commit: ObjectId) -> Option<ObjectId> {
        self.objects.commit(commit).map(|commit| commit.tree)
    }

    /// Moves or makes a reference.
    pub fn set_ref(&mut self, name: &str, to: ObjectId, now: i64) {
        self.refs.insert(name.to_owned(), to);
        self.pushed_at = now;
    }

    /// Commits changes onto a branch, which is made when it is not there. None removes the file.
    pub fn commit_onto(
        &mut self,
        branch: &str,
        changes: Vec<(String, Option<Bytes>)>,
        message: &str,
        author: Person,
        committer: Person,
    ) -> Result<ObjectId, git::EditError> {
        let parent = self.branch(branch);
        let base = parent.and_then(|parent| self.tree_of(parent));
        let changes = changes
            .into_iter()
            .map(|(path, content)| {
                let old = base.and_then(|base| self.objects.at(base, &path));
                let mode = old.map_or(Mode::File, |entry| match entry.mode {
                    Mode::Directory | Mode::Submodule => Mode::File,
                    mode => mode,
                });
                let entry = content.map(|content| Entry {
                    mode,
                    id: self.objects.put_blob(content),
                });
                (path, entry)
            })
            .collect();
        let tree = self.objects.edit(base, changes)?;
        let now = committer.seconds;
        let commit = self.objects.put_commit(Commit {
            tree,
            parents: parent.into_iter().collect(),
            author,
            committer,
            message: message.to_owned(),
        });
        self.set_ref(&format!("refs/heads/{branch}"), commit, now);
        Ok(commit)
    }

    /// The repository when it has a commit, as the git data API asks.
    pub fn with_commits(&self) -> Result<&Self, Refusal> {
        if self.is_empty() {
            return Err(Refusal::empty_repository());
        }
        Ok(self)
    }
}

/// A name as GitHub keeps it: what is not a letter, digit, `.`, `-` or `_` becomes one `-`; a `.git` at the end
/// goes.
#[must_use]
pub fn normalized(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.trim().chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') {
            out.push(c);
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    match out.strip_suffix(".git") {
        Some(front) => front.to_owned(),
        None => out,
    }
}
