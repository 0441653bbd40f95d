//! Google: `POST /token`, Sheets v4 below `/v4/`, Drive v3 below `/drive/v3/`, pages at `/` and
//! `/spreadsheets/d/{id}`, and `/control/…`.
//!
//! [`Google::start`] gives a running stand-in on a free loopback port; dropping it stops it.

mod a1;
mod access;
mod answering;
mod append;
mod batch;
mod book;
mod cell;
mod check;
mod contract;
mod control;
mod drive;
mod drive_list;
mod drive_query;
mod files;
mod handle;
mod key;
mod look;
mod mask;
mod metadata;
mod number;
mod page;
mod query;
mod quota;
mod reading;
mod refusal;
mod resource;
mod sharing;
mod sheets;
mod span;
mod state;
mod table;
mod token;
mod values;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;

use self::refusal::Code;
use crate::fault::{Fault, FaultBook, FaultError, FaultKind};
use crate::journal::Journal;
use crate::wire::{Server, serve};

pub use a1::Area;
pub use book::{Band, Cell, Dimension, Entered, Format, Sheet, Spreadsheet};
pub use contract::ContractError;
pub use files::{File, Mime, Permission, Role, SharedDrive};
pub use key::KeyError;
pub use metadata::{Metadata, Place};
pub use quota::Quota;

use contract::Contract;
use files::Files;
use key::ServiceAccount;
use quota::Meter;
use state::State;

/// How a stand-in is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes any free one. Loopback only.
    pub listen: SocketAddr,
    /// People with an account, and whether the service account may act for them.
    pub users: Vec<(String, bool)>,
    /// How many requests pass in a minute; nothing is limited when left out.
    pub quota: Quota,
    /// Whether service accounts may own files, as they could before 2025.
    pub accounts_own_files: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            users: vec![
                ("ada@example.com".to_owned(), true),
                ("grace@example.com".to_owned(), false),
            ],
            quota: Quota::default(),
            accounts_own_files: false,
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
    /// Google's description cannot be used.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// The service account's key cannot be made.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What the stand-in's parts share.
#[derive(Debug)]
struct Shared {
    base_url: String,
    contract: Contract,
    state: Mutex<State>,
    faults: FaultBook,
    journal: Journal,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inject(&self, fault: Fault) -> Result<(), FaultError> {
        let target = fault.target.as_str();
        let served = ["*", "token"].contains(&target)
            || self.contract.methods().iter().any(|method| method.id == target);
        if !served {
            return Err(FaultError::Target(fault.target));
        }
        if let FaultKind::Error { error } = &fault.kind
            && target != "token"
            && Code::named(error).is_none()
        {
            return Err(FaultError::Error(
                error.clone(),
                "Google's canonical codes".to_owned(),
            ));
        }
        self.faults.add(fault)
    }

    fn reset(&self) {
        self.faults.clear();
        self.journal.clear();
        let mut state = self.state();
        state.books.clear();
        state.files.by_id.clear();
        state.tokens.clear();
        let quota = state.meter.quota;
        state.meter.set(quota);
    }
}

/// A running stand-in of Google.
#[derive(Debug)]
pub struct Google {
    shared: Arc<Shared>,
    _server: Server,
}

impl Google {
    /// Starts a stand-in.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        if !options.listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(options.listen));
        }
        let contract = Contract::read()?;
        let account = tokio::task::spawn_blocking(ServiceAccount::make)
            .await
            .unwrap_or_else(|error| Err(KeyError::stopped(&error)))?;
        let refused = |error| StartError::Listen(options.listen, error);
        let listener = TcpListener::bind(options.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let shared = Arc::new(Shared {
            base_url: format!("http://{address}"),
            contract,
            state: Mutex::new(state_of(account, &options)),
            faults: FaultBook::default(),
            journal: Journal::default(),
        });
        let server = serve(listener, shared.clone()).await.map_err(refused)?;
        Ok(Self {
            shared,
            _server: server,
        })
    }
}

fn state_of(account: ServiceAccount, options: &Options) -> State {
    let mut meter = Meter::default();
    meter.set(options.quota);
    State {
        account,
        users: options.users.iter().cloned().collect(),
        tokens: BTreeMap::new(),
        books: BTreeMap::new(),
        files: Files::default(),
        meter,
        skew_s: 0,
        accounts_own_files: options.accounts_own_files,
    }
}
