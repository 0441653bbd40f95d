//! Slack: the Web API at `/api/{method}`, incoming webhooks at `/services/…`, a page at `/`, and `/control/…`.
//!
//! [`Slack::start`] gives a running stand-in on a free loopback port; dropping it stops it.

mod answering;
mod api;
mod arguments;
mod blocks;
mod content;
pub mod contract;
mod control;
mod history;
mod methods;
mod mrkdwn;
mod outcome;
mod page;
mod shapes;
mod state;
mod webhook;
mod workspace;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::fault::{Fault, FaultBook, FaultError};
use crate::journal::{Journal, RequestSeen, reached};
use crate::wire::{Server, serve};

pub use state::{HookState, TokenState};
pub use workspace::{Channel, ChannelKind, Message, User};

use contract::{ContractError, Method};
use state::State;

/// A channel to set up.
#[derive(Clone, Debug)]
pub struct ChannelSpec {
    /// The name without `#`.
    pub name: String,
    /// Whether only members know that it exists.
    pub private: bool,
    /// Whether the app is in it.
    pub joined: bool,
    /// Whether it is archived.
    pub archived: bool,
}

/// How a stand-in is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes any free one. Loopback only.
    pub listen: SocketAddr,
    /// E-mail address and name of each member.
    pub users: Vec<(String, String)>,
    /// The channels; the webhook posts to the first.
    pub channels: Vec<ChannelSpec>,
    /// What the first token may do.
    pub scopes: Vec<String>,
    /// Whether more than one message per second and channel is refused with 429.
    pub pace: bool,
}

impl Default for Options {
    fn default() -> Self {
        let channel = |name: &str, private, joined, archived| ChannelSpec {
            name: name.to_owned(),
            private,
            joined,
            archived,
        };
        let user = |email: &str, name: &str| (email.to_owned(), name.to_owned());
        let scopes = "chat:write,users:read,users:read.email,im:write,mpim:write,channels:read,channels:join,groups:read,channels:history,groups:history,im:history";
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            users: vec![
                user("ada@example.com", "Ada Lovelace"),
                user("grace@example.com", "Grace Hopper"),
            ],
            channels: vec![
                channel("general", false, true, false),
                channel("deploys", false, true, false),
                channel("random", false, false, false),
                channel("leadership", true, true, false),
                channel("payroll", true, false, false),
                channel("old-news", false, true, true),
            ],
            scopes: scopes.split(',').map(str::to_owned).collect(),
            pace: false,
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
    /// Slack's description cannot be used.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// The description has a method without code behind it.
    #[error("contracts/slack/web-api.json describes {0}, which the stand-in does not serve")]
    NotServed(String),
    /// There is no channel for the webhook.
    #[error("no channel is set up; give at least one, the webhook posts to the first")]
    NoChannel,
}

/// What the stand-in's parts share.
#[derive(Debug)]
struct Shared {
    methods: BTreeMap<String, Method>,
    state: Mutex<State>,
    faults: FaultBook,
    journal: Journal,
    messages: watch::Sender<u64>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who wait how many messages there are.
    fn arrived(&self, messages: u64) {
        self.messages
            .send_if_modified(|before| std::mem::replace(before, messages) != messages);
    }

    fn inject(&self, fault: Fault) -> Result<(), FaultError> {
        let target = fault.target.as_str();
        if target != "*" && target != "webhook" && !self.methods.contains_key(target) {
            return Err(FaultError::Target(fault.target));
        }
        self.faults.add(fault)
    }

    fn reset(&self) {
        self.faults.clear();
        self.journal.clear();
        self.state().workspace.messages.clear();
        self.arrived(0);
    }
}

/// A running stand-in of Slack.
#[derive(Debug)]
pub struct Slack {
    /// Its origin, `http://127.0.0.1:port`, without a slash at the end; the page is there.
    pub base_url: String,
    /// What takes the place of `https://slack.com/api`.
    pub api_base: String,
    /// A token with the scopes of the options, new at every start.
    pub bot_token: String,
    /// A webhook into the first channel, new at every start.
    pub webhook_url: String,
    shared: Arc<Shared>,
    _server: Server,
}

impl Slack {
    /// Starts a stand-in.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        if !options.listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(options.listen));
        }
        let methods = contract::methods()?;
        if let Some(name) = methods.keys().find(|name| methods::call(name).is_none()) {
            return Err(StartError::NotServed(name.clone()));
        }
        let mut state = State::new(&options);
        let bot_token = state.issue_token(options.scopes);
        let first = state
            .workspace
            .channels
            .keys()
            .next()
            .cloned()
            .ok_or(StartError::NoChannel)?;
        let hook = state.add_hook(&first);
        let shared = Arc::new(Shared {
            methods,
            state: Mutex::new(state),
            faults: FaultBook::default(),
            journal: Journal::default(),
            messages: watch::Sender::new(0),
        });
        let refused = |error| StartError::Listen(options.listen, error);
        let listener = TcpListener::bind(options.listen).await.map_err(refused)?;
        let server = serve(listener, shared.clone()).await.map_err(refused)?;
        let base_url = format!("http://{}", server.addr);
        Ok(Self {
            api_base: format!("{base_url}/api"),
            webhook_url: format!("{base_url}{hook}"),
            base_url,
            bot_token,
            shared,
            _server: server,
        })
    }

    /// The messages accepted, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.shared.state().workspace.messages.iter().cloned().collect()
    }

    /// The requests seen, oldest first, with their verdicts.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestSeen> {
        self.shared.journal.requests()
    }

    /// Waits until `count` messages were accepted; false when `timeout` passed first.
    pub async fn wait_for_messages(&self, count: u64, timeout: Duration) -> bool {
        reached(&self.shared.messages, count, timeout).await
    }

    /// Waits until `count` requests were answered; false when `timeout` passed first.
    pub async fn wait_for_requests(&self, count: u64, timeout: Duration) -> bool {
        self.shared.journal.wait_for(count, timeout).await
    }

    /// Lets a fault meet the next requests of its target.
    pub fn inject(&self, fault: Fault) -> Result<(), FaultError> {
        self.shared.inject(fault)
    }

    /// Drops the faults still waiting.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// Forgets messages, requests and faults; people, channels, tokens and webhooks stay.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Hands out another token.
    #[must_use]
    pub fn issue_token(&self, scopes: &[&str]) -> String {
        self.shared
            .state()
            .issue_token(scopes.iter().map(|scope| (*scope).to_owned()).collect())
    }

    /// Revokes a token or brings it back; false when it was never handed out.
    #[must_use]
    pub fn set_token(&self, token: &str, to: TokenState) -> bool {
        self.shared
            .state()
            .tokens
            .get_mut(token)
            .map(|token| token.state = to)
            .is_some()
    }

    /// Makes a webhook into a conversation, by its id, and gives its address. The conversation need not exist.
    #[must_use]
    pub fn add_webhook(&self, channel: &str) -> String {
        format!("{}{}", self.base_url, self.shared.state().add_hook(channel))
    }

    /// Sets every webhook working, removed or prohibited.
    pub fn set_webhooks(&self, to: HookState) {
        self.shared
            .state()
            .hooks
            .values_mut()
            .for_each(|hook| hook.state = to);
    }

    /// Adds a member and gives the id.
    #[expect(
        clippy::must_use_candidate,
        reason = "adding is what matters; the id can be asked for"
    )]
    pub fn add_user(&self, email: &str, real_name: &str) -> String {
        self.shared.state().workspace.add_user(email, real_name)
    }

    /// Adds a channel and gives the id.
    #[expect(
        clippy::must_use_candidate,
        reason = "adding is what matters; the id can be asked for"
    )]
    pub fn add_channel(&self, spec: &ChannelSpec) -> String {
        let kind = if spec.private {
            ChannelKind::Private
        } else {
            ChannelKind::Public
        };
        self.shared
            .state()
            .workspace
            .add_channel(&spec.name, kind, spec.joined, spec.archived)
    }

    /// The id of the member with that e-mail address.
    #[must_use]
    pub fn user_id(&self, email: &str) -> Option<String> {
        self.shared
            .state()
            .workspace
            .users
            .iter()
            .find(|user| user.email == email)
            .map(|user| user.id.clone())
    }

    /// The id of the conversation with that name.
    #[must_use]
    pub fn channel_id(&self, name: &str) -> Option<String> {
        let state = self.shared.state();
        state
            .workspace
            .channels
            .values()
            .find(|channel| channel.name == name)
            .map(|channel| channel.id.clone())
    }
}
