//! What tests hold: the addresses and tokens of a running stand-in, what it has, and what it shall do next.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::control::RateLimit;
use super::git::{self, Mode, ObjectId, Person};
use super::token::{Grant, Permissions};
use super::{GitHub, Limits, commits};
use crate::fault::{Fault, FaultError};
use crate::journal::{RequestSeen, reached};
use crate::wall;

/// A commit as a test reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitView {
    /// Its name.
    pub sha: ObjectId,
    /// Why it was made.
    pub message: String,
    /// The names of the commits it follows.
    pub parents: Vec<ObjectId>,
    /// Who wrote it.
    pub author: Person,
    /// Who made it.
    pub committer: Person,
    /// The paths it changed against its first parent.
    pub changed: Vec<String>,
}

/// A repository as a test reads it: a copy of its state at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryView {
    /// Whether only those invited see it.
    pub private: bool,
    /// Whether it is read-only.
    pub archived: bool,
    /// The branch that counts when none is named.
    pub default_branch: String,
    /// The commits of the branches.
    pub branches: BTreeMap<String, ObjectId>,
    /// The files of each branch by their paths.
    pub files: BTreeMap<String, BTreeMap<String, Bytes>>,
    /// The commits of each branch, newest first.
    pub commits: BTreeMap<String, Vec<CommitView>>,
}

impl RepositoryView {
    /// The files at a branch; none when there is no such branch.
    #[must_use]
    pub fn files_at(&self, branch: &str) -> BTreeMap<String, Bytes> {
        self.files.get(branch).cloned().unwrap_or_default()
    }

    /// The commits of a branch, newest first; none when there is no such branch.
    #[must_use]
    pub fn commits_of(&self, branch: &str) -> &[CommitView] {
        self.commits.get(branch).map_or(&[], Vec::as_slice)
    }
}

impl GitHub {
    /// What takes the place of `https://api.github.com`: `http://127.0.0.1:port`, without a slash at the end. The
    /// pages are there too.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.shared.base_url
    }

    /// The user's token, with the grant of the options, new at every start.
    #[must_use]
    pub fn token(&self) -> &str {
        self.shared.token.expose()
    }

    /// The user's login.
    #[must_use]
    pub fn owner(&self) -> String {
        self.shared.state().user.login.clone()
    }

    /// The organisation's login; the user is a member, the app is installed on it.
    #[must_use]
    pub fn org(&self) -> String {
        self.shared.state().org.login.clone()
    }

    /// The number of the GitHub App.
    #[must_use]
    pub fn app_id(&self) -> u64 {
        self.shared.state().app.id
    }

    /// The number of the app's installation on the organisation.
    #[must_use]
    pub fn installation_id(&self) -> u64 {
        self.shared.state().app.installation_id
    }

    /// The app's private key in PEM (PKCS#1), made when first asked for; empty when the machine could make none.
    #[must_use]
    pub fn app_private_key_pem(&self) -> String {
        let state = self.shared.state();
        state.app.private_key_pem().unwrap_or_default().to_owned()
    }

    /// A copy of a repository's state; none when there is none of that name.
    #[must_use]
    pub fn repo(&self, owner: &str, name: &str) -> Option<RepositoryView> {
        let state = self.shared.state();
        let repository = state.repository(owner, name)?;
        let objects = &repository.objects;
        let mut view = RepositoryView {
            private: repository.private,
            archived: repository.archived,
            default_branch: repository.default_branch.clone(),
            branches: BTreeMap::new(),
            files: BTreeMap::new(),
            commits: BTreeMap::new(),
        };
        for (branch, id) in repository.branches() {
            let tree = repository.tree_of(id)?;
            let files = objects.walk(tree).into_iter();
            let files = files
                .filter(|(_, entry)| entry.mode != Mode::Directory)
                .filter_map(|(path, entry)| Some((path, objects.blob(entry.id)?.clone())));
            let commits = git::ancestors(objects, id)
                .into_iter()
                .map(|(sha, commit)| CommitView {
                    sha,
                    message: commit.message.clone(),
                    parents: commit.parents.clone(),
                    author: commit.author.clone(),
                    committer: commit.committer.clone(),
                    changed: commits::changes(repository, commit)
                        .into_iter()
                        .map(|change| change.path)
                        .collect(),
                });
            view.branches.insert(branch.to_owned(), id);
            view.files.insert(branch.to_owned(), files.collect());
            view.commits.insert(branch.to_owned(), commits.collect());
        }
        Some(view)
    }

    /// The names of the repositories, `owner/name`.
    #[must_use]
    pub fn repositories(&self) -> Vec<String> {
        let state = self.shared.state();
        state
            .repositories
            .values()
            .map(super::repository::Repository::full_name)
            .collect()
    }

    /// Adds an empty repository; one of the same name is replaced.
    pub fn add_repo(&self, owner: &str, name: &str, private: bool) {
        let mut state = self.shared.state();
        state.add_repository(owner, name, private, wall::now_seconds());
    }

    /// The requests to the API seen, oldest first, with their verdicts. Those of `git clone` are not among them.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestSeen> {
        self.shared.journal.requests()
    }

    /// Waits until `count` requests to the API were answered; false when `timeout` passed first.
    pub async fn wait_for_requests(&self, count: u64, timeout: Duration) -> bool {
        self.shared.journal.wait_for(count, timeout).await
    }

    /// Waits until `count` requests changed something; false when `timeout` passed first.
    pub async fn wait_for_changes(&self, count: u64, timeout: Duration) -> bool {
        reached(&self.shared.changes, count, timeout).await
    }

    /// Lets a fault meet the next requests of its target: `METHOD /path`, `METHOD /path/{template}` as in
    /// `contracts/github/openapi.json`, or `*`.
    pub fn inject(&self, fault: Fault) -> Result<(), FaultError> {
        self.shared.inject(fault)
    }

    /// Drops the faults still waiting.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// Archives a repository or brings it back; false when there is none of that name.
    #[must_use]
    pub fn archive(&self, owner: &str, name: &str, archived: bool) -> bool {
        self.shared.archive(owner, name, archived).is_ok()
    }

    /// Puts a commit of somebody else onto a branch, with one file written, and gives its name; none when there is no
    /// such repository. A branch that is not there is made.
    #[must_use]
    pub fn move_branch(&self, owner: &str, name: &str, branch: &str, file: (&str, &str)) -> Option<ObjectId> {
        self.shared.move_branch(owner, name, branch, file).ok()
    }

    /// Sets how much of the primary limit is left, for every caller.
    pub fn set_rate_limit(&self, limit: RateLimit) {
        self.shared.set_rate_limit(limit);
    }

    /// Changes the bounds.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.state().limits = limits;
    }

    /// Makes the user's token a classic one with these scopes.
    pub fn set_token_scopes(&self, scopes: &[&str]) {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.set_token_grant(Grant::Classic { scopes });
    }

    /// Changes what the user's token may do.
    pub fn set_token_grant(&self, grant: Grant) {
        self.shared.change_token(None, Some(grant));
    }

    /// Revokes the user's token or brings it back.
    pub fn revoke_token(&self, revoked: bool) {
        self.shared.change_token(Some(revoked), None);
    }

    /// Changes what the app's installation may do; tokens handed out keep what they have.
    pub fn set_app_permissions(&self, permissions: Permissions) {
        self.shared.state().app.permissions = permissions;
    }

    /// Hands out another token.
    #[must_use]
    pub fn issue_token(&self, grant: Grant) -> String {
        let mut state = self.shared.state();
        state.issue_token(grant, None).expose().to_owned()
    }

    /// Forgets repositories, requests, faults and used limits; accounts, tokens and the app stay.
    pub fn reset(&self) {
        self.shared.reset();
    }
}
