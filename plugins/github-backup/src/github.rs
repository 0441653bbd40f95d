//! GitHub's API through octocrab: its builders make the requests, its models read the answers.
//!
//! octocrab is asynchronous; here each call is waited for at once, on the component's one thread.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;

use futures_executor::LocalPool;
use futures_util::task::LocalSpawnExt as _;
use hookyard_plugin_sdk::{Failure, Settle as _, secrets};
use http::header::{ACCEPT, HeaderValue, USER_AGENT};
use octocrab::models::Repository;
use octocrab::models::git::{CreateTreeEntry, GitCommitObject, GitTree, Object};
use octocrab::models::repos::{Content, FileUpdate};
use octocrab::params::repos::Reference;
use octocrab::service::middleware::{base_uri::BaseUriLayer, extra_headers::ExtraHeadersLayer};
use octocrab::{AuthState, Octocrab, OctocrabBuilder};
use serde::{Deserialize, Serialize};

use crate::config::{Auth, Config};

mod refusal;
mod service;
mod url;

pub(crate) use refusal::Error;

/// GitHub refuses requests without one.
const AGENT: &str = concat!("hookyard-github-backup/", env!("CARGO_PKG_VERSION"));

/// A result of one request.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// One repository, and the way to it.
pub(crate) struct GitHub {
    crab: Octocrab,
    pool: RefCell<LocalPool>,
    owner: String,
    repo: String,
    /// Whether a refused token may only be too new.
    fresh: bool,
}

/// Attempts with an App's token that a refusal of it does not end. A scheduled backup nearly always has a token made
/// a moment before, and GitHub's servers learn of it one after the other.
const FRESH_ATTEMPTS: u32 = 2;

/// The part of an account that counts here; the whole has other fields for people, organisations
/// and apps.
#[derive(Debug, Deserialize)]
pub(crate) struct Account {
    pub(crate) login: String,
    /// `User` or `Organization`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// Where a branch stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// At this commit.
    At(String),
    /// The repository has commits, but no such branch.
    NoBranch,
    /// The repository has no commit at all.
    EmptyRepository,
}

/// A file taken out of a tree. octocrab's [`CreateTreeEntry`] leaves out a `sha` that is null,
/// which is how GitHub wants a removal written.
#[derive(Serialize)]
struct Removal<'a> {
    path: &'a str,
    mode: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    sha: Option<&'a str>,
}

impl GitHub {
    /// Makes the client. Nothing is sent yet.
    pub(crate) fn new(config: &Config, attempt: u32) -> std::result::Result<Self, Failure> {
        let base = config
            .api_base
            .parse()
            .or_reject("`api-base` in plugins.toml is no URL")?;
        let reference = secrets::reference(config.auth.secret())?;
        // octocrab itself adds the version of the API.
        let headers = vec![
            (USER_AGENT, HeaderValue::from_static(AGENT)),
            (ACCEPT, HeaderValue::from_static("application/vnd.github+json")),
        ];
        let pool = LocalPool::new();
        let spawner = pool.spawner();
        let Ok(crab) = OctocrabBuilder::new_empty()
            .with_service(service::Outbound)
            .with_layer(&BaseUriLayer::new(base))
            .with_layer(&ExtraHeadersLayer::new(Arc::new(headers)))
            .with_executor(Box::new(move |worker| {
                // Fails only after the pool is gone, and then nobody waits for the worker.
                let _ = spawner.spawn_local(worker);
            }))
            .with_auth(AuthState::AccessToken {
                token: reference.into(),
            })
            .build();
        Ok(Self {
            crab,
            pool: RefCell::new(pool),
            owner: config.owner.clone(),
            repo: config.repo.clone(),
            fresh: config.auth == Auth::App && attempt <= FRESH_ATTEMPTS,
        })
    }

    /// Runs a request of octocrab's to its end.
    fn wait<T>(&self, what: &'static str, request: impl Future<Output = octocrab::Result<T>>) -> Result<T> {
        self.pool
            .borrow_mut()
            .run_until(request)
            .map_err(|error| Error::new(what, error).fresh(self.fresh))
    }

    /// The repository; none when there is no such, or none that the token may see.
    pub(crate) fn repository(&self) -> Result<Option<Repository>> {
        found(self.wait(
            "reading the repository",
            self.crab.repos(&self.owner, &self.repo).get(),
        ))
    }

    /// The account that should own the repository.
    pub(crate) fn owner(&self) -> Result<Option<Account>> {
        let route = format!("/users/{}", self.owner);
        found(self.wait("reading the owner", self.crab.get(route, None::<&()>)))
    }

    /// The account that the token belongs to.
    pub(crate) fn me(&self) -> Result<Account> {
        self.wait("asking whose token it is", self.crab.get("/user", None::<&()>))
    }

    /// Makes the repository, with a first commit, for the token's own account.
    pub(crate) fn create_for_user(&self, private: bool) -> Result<Repository> {
        let current = self.crab.current();
        let request = current
            .create_repo(&self.repo)
            .description(DESCRIPTION)
            .private(private)
            .auto_init(true);
        self.wait("creating the repository", request.send())
    }

    /// Makes the repository, with a first commit, for an organisation.
    pub(crate) fn create_for_organisation(&self, private: bool) -> Result<Repository> {
        let orgs = self.crab.orgs(&self.owner);
        let request = orgs
            .create_repo(&self.repo)
            .description(DESCRIPTION)
            .private(private)
            .auto_init(true);
        self.wait("creating the repository", request.send())
    }

    /// Where a branch stands.
    pub(crate) fn head(&self, branch: &str) -> Result<Head> {
        let reference = Reference::Branch(url::escape(branch));
        let answer = self.wait(
            "reading the branch",
            self.crab.repos(&self.owner, &self.repo).get_ref(&reference),
        );
        match answer {
            Ok(reference) => Ok(match reference.object {
                Object::Commit { sha, .. } => Head::At(sha),
                _ => Head::NoBranch,
            }),
            Err(error) if error.is_not_found() => Ok(Head::NoBranch),
            Err(error) if error.is_empty_repository() => Ok(Head::EmptyRepository),
            Err(error) => Err(error),
        }
    }

    /// A commit.
    pub(crate) fn commit(&self, sha: &str) -> Result<GitCommitObject> {
        self.wait(
            "reading the commit",
            self.crab.git(&self.owner, &self.repo).get_commit(sha),
        )
    }

    /// A tree, with everything below it if `recursive`.
    pub(crate) fn tree(&self, sha: &str, recursive: bool) -> Result<GitTree> {
        let git = self.crab.git(&self.owner, &self.repo);
        self.wait("reading the tree", git.get_tree(sha).recursive(recursive).send())
    }

    /// A tree like `base` with these files; its id.
    pub(crate) fn create_tree(&self, base: &str, files: Vec<CreateTreeEntry>) -> Result<String> {
        let git = self.crab.git(&self.owner, &self.repo);
        let request = git.create_tree(files).base_tree(base);
        Ok(self.wait("writing the tree", request.send())?.sha)
    }

    /// A tree like `base` without these files; its id.
    pub(crate) fn remove_from_tree(&self, base: &str, paths: &[String]) -> Result<String> {
        let entries: Vec<_> = paths
            .iter()
            .map(|path| Removal {
                path,
                mode: "100644",
                kind: "blob",
                sha: None,
            })
            .collect();
        let body = serde_json::json!({"base_tree": base, "tree": entries});
        let route = format!("/repos/{}/{}/git/trees", self.owner, self.repo);
        let tree: GitTree = self.wait("writing the tree", self.crab.post(route, Some(&body)))?;
        Ok(tree.sha)
    }

    /// Stores a file's content without any commit; its id.
    pub(crate) fn create_blob(&self, content: &[u8]) -> Result<String> {
        use base64::Engine as _;
        let text = base64::prelude::BASE64_STANDARD.encode(content);
        let git = self.crab.git(&self.owner, &self.repo);
        let request = git.create_blob(text).encoding("base64");
        Ok(self.wait("writing a blob", request.send())?.sha)
    }

    /// A commit with this tree on top of `parent`.
    pub(crate) fn create_commit(&self, message: &str, tree: &str, parent: &str) -> Result<GitCommitObject> {
        let git = self.crab.git(&self.owner, &self.repo);
        let request = git.create_commit(message, tree).parents(vec![parent.to_owned()]);
        self.wait("writing the commit", request.send())
    }

    /// Moves a branch forward to a commit, never by force.
    pub(crate) fn move_branch(&self, branch: &str, commit: &str) -> Result<()> {
        let reference = Reference::Branch(url::escape(branch));
        let git = self.crab.git(&self.owner, &self.repo);
        let request = git.update_ref(&reference, commit).force(false);
        self.wait("moving the branch", request.send()).map(drop)
    }

    /// Makes a branch at a commit.
    pub(crate) fn create_branch(&self, branch: &str, commit: &str) -> Result<()> {
        let reference = Reference::Branch(branch.to_owned());
        let git = self.crab.git(&self.owner, &self.repo);
        self.wait("creating the branch", git.create_ref(&reference, commit))
            .map(drop)
    }

    /// A folder's entries by the contents API, at most 1,000; none when there is no such folder.
    pub(crate) fn folder(&self, folder: &str, branch: &str) -> Result<Vec<Content>> {
        let repos = self.crab.repos(&self.owner, &self.repo);
        let request = repos.get_content().path(url::escape(folder)).r#ref(branch);
        let items = found(self.wait("listing the folder", request.send()))?;
        Ok(items.map_or_else(Vec::new, |items| items.items))
    }

    /// Writes one file in a commit of its own, in place of the blob `sha` if there is one.
    pub(crate) fn put_file(
        &self,
        path: &str,
        message: &str,
        content: &str,
        sha: Option<&str>,
        branch: Option<&str>,
    ) -> Result<FileUpdate> {
        let repos = self.crab.repos(&self.owner, &self.repo);
        let path = url::escape(path);
        let mut request = match sha {
            Some(sha) => repos.update_file(path, message, content, sha),
            None => repos.create_file(path, message, content),
        };
        if let Some(branch) = branch {
            request = request.branch(branch);
        }
        self.wait("writing a file", request.send())
    }

    /// Removes one file in a commit of its own; the commit's id.
    pub(crate) fn delete_file(
        &self,
        path: &str,
        message: &str,
        sha: &str,
        branch: &str,
    ) -> Result<Option<String>> {
        let repos = self.crab.repos(&self.owner, &self.repo);
        let request = repos.delete_file(url::escape(path), message, sha).branch(branch);
        Ok(self.wait("removing a file", request.send())?.commit.sha)
    }
}

/// What a repository that the backup makes says about itself.
const DESCRIPTION: &str = "Processes, backed up by Hookyard";

/// Not found is none.
fn found<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
