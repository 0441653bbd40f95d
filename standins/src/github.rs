//! GitHub: the REST API as at `https://api.github.com`, `git clone` at `/{owner}/{repo}.git`, pages at `/` and
//! `/ui/…`, and `/control/…`.
//!
//! [`GitHub::start`] gives a running stand-in on a free loopback port; dropping it stops it. Objects are git's own:
//! the same names, and a clone that `git fsck --strict` accepts.

mod access;
mod accounts;
mod answering;
mod api;
mod app;
mod call;
mod clone;
mod commits;
mod contents;
pub mod contract;
mod control;
mod data;
mod diff;
pub mod git;
mod handle;
mod limits;
mod operations;
mod refs;
mod refusal;
mod repositories;
mod repository;
mod shapes;
mod state;
mod token;
mod trees;
mod ui;
mod validate;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::fault::{Fault, FaultBook, FaultError, FaultKind};
use crate::journal::Journal;
use crate::wall;
use crate::wire::{Server, serve};

pub use control::RateLimit;
pub use handle::{CommitView, RepositoryView};
pub use limits::Limits;
pub use token::{Grant, Level, Permissions};

use bytes::Bytes;
use contract::{Contract, ContractError};
use git::{ObjectId, Person};
use limits::Window;
use refusal::Refusal;
use state::State;
use token::TokenText;

/// How a stand-in is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes any free one. Loopback only.
    pub listen: SocketAddr,
    /// The user's login.
    pub owner: String,
    /// The user's name for people.
    pub owner_name: String,
    /// The organisation's login.
    pub org: String,
    /// What the first token may do.
    pub grant: Grant,
    /// The bounds.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            owner: "ada".to_owned(),
            owner_name: "Ada Lovelace".to_owned(),
            org: "analytical-engines".to_owned(),
            grant: Grant::Classic {
                scopes: vec!["repo".to_owned(), "read:user".to_owned()],
            },
            limits: Limits::default(),
        }
    }
}

/// Why a stand-in does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is not on the loopback interface.
    #[error(
        "{0} is not a loopback address; stand-ins have no real accounts and listen on 127.0.0.1 or ::1 only"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// GitHub's description cannot be used.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// The description has an operation without code behind it.
    #[error("contracts/github/openapi.json describes {0}, which the stand-in does not serve")]
    NotServed(String),
}

/// What the stand-in's parts share.
struct Shared {
    base_url: String,
    contract: Contract,
    state: Mutex<State>,
    /// The token of the options.
    token: TokenText,
    faults: FaultBook,
    journal: Journal,
    /// Requests that changed something.
    changes: watch::Sender<u64>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fault's target is `METHOD /path` of a request, `METHOD /path/{template}` of an operation, or `*`.
    fn inject(&self, fault: Fault) -> Result<(), FaultError> {
        let target = fault.target.as_str();
        let served = target == "*"
            || self
                .contract
                .operations
                .iter()
                .any(|operation| operation.target() == target)
            || target
                .split_once(' ')
                .is_some_and(|(method, path)| self.contract.find(method, path).is_some());
        if !served {
            return Err(FaultError::Target(fault.target));
        }
        if let FaultKind::Error { error } = &fault.kind
            && Refusal::named(error).is_none()
        {
            return Err(FaultError::Error(error.clone(), refusal::NAMES.join(", ")));
        }
        self.faults.add(fault)
    }

    fn change_token(&self, revoked: Option<bool>, grant: Option<Grant>) {
        if let Some(token) = self.state().tokens.get_mut(&self.token) {
            token.revoked = revoked.unwrap_or(token.revoked);
            token.grant = grant.unwrap_or_else(|| token.grant.clone());
        }
    }

    fn set_rate_limit(&self, limit: RateLimit) {
        let now = wall::now_seconds();
        let window = Window {
            limit: limit.limit,
            used: limit.limit.saturating_sub(limit.remaining),
            reset: now + i64::from(limit.reset_seconds),
        };
        let mut state = self.state();
        for caller in ["user", "installation", "app", "anonymous"] {
            state.usage.set(caller, window);
        }
    }

    fn archive(&self, owner: &str, name: &str, archived: bool) -> Result<(), String> {
        let mut state = self.state();
        let repository = state.repository_mut(owner, name);
        repository.ok_or_else(|| absent(owner, name))?.archived = archived;
        Ok(())
    }

    fn move_branch(
        &self,
        owner: &str,
        name: &str,
        branch: &str,
        (path, content): (&str, &str),
    ) -> Result<ObjectId, String> {
        let somebody = Person {
            name: "Grace Hopper".to_owned(),
            email: "grace@example.com".to_owned(),
            seconds: wall::now_seconds(),
            offset_minutes: 0,
        };
        let changes = vec![(path.to_owned(), Some(Bytes::copy_from_slice(content.as_bytes())))];
        let mut state = self.state();
        let repository = state.repository_mut(owner, name);
        repository
            .ok_or_else(|| absent(owner, name))?
            .commit_onto(
                branch,
                changes,
                "A change by somebody else",
                somebody.clone(),
                somebody,
            )
            .map_err(|error| error.to_string())
    }

    fn reset(&self) {
        self.faults.clear();
        self.journal.clear();
        let mut state = self.state();
        state.repositories.clear();
        state.usage.clear();
    }
}

fn absent(owner: &str, name: &str) -> String {
    format!("there is no repository {owner}/{name}; make it first")
}

/// A running stand-in of GitHub.
#[derive(Debug)]
pub struct GitHub {
    shared: Arc<Shared>,
    _server: Server,
}

impl GitHub {
    /// Starts a stand-in.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        if !options.listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(options.listen));
        }
        let contract = Contract::read()?;
        for operation in &contract.operations {
            operations::find(&operation.method, &operation.template)
                .ok_or_else(|| StartError::NotServed(operation.target()))?;
        }
        let refused = |error| StartError::Listen(options.listen, error);
        let listener = TcpListener::bind(options.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let mut state = State::new(&options, wall::now_seconds());
        let token = state.issue_token(options.grant, None);
        let shared = Arc::new(Shared {
            base_url: format!("http://{address}"),
            contract,
            state: Mutex::new(state),
            token,
            faults: FaultBook::default(),
            journal: Journal::default(),
            changes: watch::Sender::new(0),
        });
        let server = serve(listener, shared.clone()).await.map_err(refused)?;
        Ok(Self {
            shared,
            _server: server,
        })
    }
}
