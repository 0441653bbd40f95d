//! Runs a plugin's code natively, without a host: the SDK's calls go to a [`Host`] of the test's
//! own thread.
//!
//! ```
//! use hookyard_plugin_sdk::{Context, Event, Failure, Manifest, NoConfig, Outcome, Plugin, testing};
//!
//! struct Greeter;
//! impl Plugin for Greeter {
//!     type Config = NoConfig;
//!     fn manifest() -> Manifest {
//!         Manifest::new("greeter", "1.0.0", "Greets")
//!     }
//!     fn webhook(_: &Context<NoConfig>, event: &Event) -> Result<Outcome, Failure> {
//!         Ok(Outcome::new(format!("hello {}", event.source)))
//!     }
//! }
//!
//! let host = testing::Host::new();
//! let outcome = host.webhook::<Greeter>(testing::event("github", "push", &serde_json::json!({})));
//! assert_eq!(outcome.unwrap().summary, "hello github");
//! ```

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::Value;

use crate::http::{Error, Request, Response};
use crate::log::Level;
use crate::processes::Process;
use crate::secrets::SecretError;
use crate::{Call, Delivery, Event, Failure, Header, Job, Outcome, Plugin, Tick, Trigger};

pub(crate) mod calls;

/// What a request is answered with: an answer, or the reason there was none.
pub type Answer = Result<Response, Error>;

/// The event id of [`event`], [`Host::action`] and [`Host::schedule`].
pub const EVENT_ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
/// The delivery id of every job that the harness makes.
pub const DELIVERY_ID: &str = "01890a5d-ac97-7a11-8c0e-5d6f2f1b9c33";

/// 2026-01-01T00:00:00Z.
const NEW_YEAR_MS: u64 = 1_767_225_600_000;

/// A value and its version.
type Stored = (Vec<u8>, u64);

#[derive(Default)]
struct Scene {
    config: Option<Value>,
    secrets: BTreeMap<String, Result<String, SecretError>>,
    state: BTreeMap<String, Stored>,
    database_down: bool,
    processes: BTreeMap<String, Process>,
    expected: VecDeque<(String, Answer)>,
    requests: Vec<Request>,
    logs: Vec<(Level, String)>,
    now: Duration,
    attempt: u32,
}

thread_local! {
    static SCENE: RefCell<Option<Rc<RefCell<Scene>>>> = const { RefCell::new(None) };
}

/// A stand-in for the host, for the test's thread, from [`Host::new`] until it is dropped. It
/// fails the test that left an expected request unsent.
pub struct Host {
    scene: Rc<RefCell<Scene>>,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// An empty host: configuration `{}`, no secrets, no state, and no request is expected. Its
    /// clock stands at 2026-01-01T00:00:00Z.
    ///
    /// # Panics
    /// When this thread has one already.
    #[must_use]
    pub fn new() -> Self {
        let scene = Rc::new(RefCell::new(Scene {
            now: Duration::from_millis(NEW_YEAR_MS),
            attempt: 1,
            ..Scene::default()
        }));
        let before = SCENE.replace(Some(Rc::clone(&scene)));
        assert!(before.is_none(), "this thread has a testing::Host already");
        Self { scene }
    }

    /// Sets `[plugins.NAME.config]`.
    #[must_use]
    pub fn config(self, config: Value) -> Self {
        self.scene.borrow_mut().config = Some(config);
        self
    }

    /// Grants a secret: the reference that the plugin will hold.
    #[must_use]
    pub fn secret(self, name: &str, reference: &str) -> Self {
        self.scene
            .borrow_mut()
            .secrets
            .insert(name.to_owned(), Ok(reference.to_owned()));
        self
    }

    /// Makes a secret fail.
    #[must_use]
    pub fn secret_error(self, name: &str, error: SecretError) -> Self {
        self.scene
            .borrow_mut()
            .secrets
            .insert(name.to_owned(), Err(error));
        self
    }

    /// Stores a process.
    #[must_use]
    pub fn process(self, process: Process) -> Self {
        self.scene
            .borrow_mut()
            .processes
            .insert(process.code.clone(), process);
        self
    }

    /// Removes a stored process.
    #[must_use]
    pub fn without_process(self, code: &str) -> Self {
        self.scene.borrow_mut().processes.remove(code);
        self
    }

    /// Takes the database away: state and processes are unavailable from now on.
    #[must_use]
    pub fn database_down(self) -> Self {
        self.scene.borrow_mut().database_down = true;
        self
    }

    /// Sets the clock, in seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn now(self, seconds: u64) -> Self {
        self.scene.borrow_mut().now = Duration::from_secs(seconds);
        self
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.scene.borrow_mut().now += by;
    }

    /// Sets the number of the attempt; the first is 1.
    #[must_use]
    pub fn attempt(self, attempt: u32) -> Self {
        self.scene.borrow_mut().attempt = attempt;
        self
    }

    /// The next request is expected to be this, `METHOD URL`. Requests come in the order they
    /// are expected; any other fails the test.
    pub fn expect<'a>(&'a self, request: &'a str) -> Expected<'a> {
        Expected { host: self, request }
    }

    /// The requests that were sent, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.scene.borrow().requests.clone()
    }

    /// The JSON body of the `index`-th request, counted from 0.
    ///
    /// # Panics
    /// When there is no such request or its body is no JSON.
    #[must_use]
    pub fn sent_json(&self, index: usize) -> Value {
        serde_json::from_slice(&self.scene.borrow().requests[index].body).expect("the request's body is JSON")
    }

    /// The log lines so far.
    #[must_use]
    pub fn logs(&self) -> Vec<(Level, String)> {
        self.scene.borrow().logs.clone()
    }

    /// Brings several jobs in one call; one result each.
    #[must_use]
    pub fn jobs<P: Plugin>(&self, jobs: Vec<Job>) -> Vec<Result<Outcome, Failure>> {
        let sent = jobs.len();
        let results = crate::run::<P>(jobs);
        assert_eq!(results.len(), sent, "one result per job");
        results
    }

    /// Brings one trigger to the plugin.
    pub fn run<P: Plugin>(&self, trigger: Trigger) -> Result<Outcome, Failure> {
        let attempt = self.scene.borrow().attempt;
        let delivery = Delivery {
            id: DELIVERY_ID.to_owned(),
            attempt,
        };
        let mut results = crate::run::<P>(vec![Job { trigger, delivery }]);
        assert_eq!(results.len(), 1, "one result per job");
        results.remove(0)
    }

    /// Brings a webhook to the plugin.
    pub fn webhook<P: Plugin>(&self, event: Event) -> Result<Outcome, Failure> {
        self.run::<P>(Trigger::Webhook(event))
    }

    /// Asks for an action.
    pub fn action<P: Plugin>(&self, name: &str, input: &Value) -> Result<Outcome, Failure> {
        let (id, action, input) = (EVENT_ID.to_owned(), name.to_owned(), input.to_string());
        self.run::<P>(Trigger::Action(Call { id, action, input }))
    }

    /// Lets a moment of a schedule come.
    pub fn schedule<P: Plugin>(&self, input: &Value) -> Result<Outcome, Failure> {
        let planned_at = u64::try_from(self.scene.borrow().now.as_millis()).unwrap_or(u64::MAX);
        let (id, cron, input) = (EVENT_ID.to_owned(), "0 3 * * *".to_owned(), input.to_string());
        self.run::<P>(Trigger::Schedule(Tick {
            id,
            cron,
            planned_at,
            input,
        }))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        SCENE.replace(None);
        let left: Vec<_> = self
            .scene
            .borrow()
            .expected
            .iter()
            .map(|(request, _)| request.clone())
            .collect();
        if !std::thread::panicking() {
            assert!(left.is_empty(), "expected and never sent: {left:?}");
        }
    }
}

/// A request that is expected; say what answers it.
#[must_use = "say what answers the request"]
pub struct Expected<'a> {
    host: &'a Host,
    request: &'a str,
}

impl Expected<'_> {
    /// Answers it.
    pub fn answer(self, response: Response) {
        self.end(Ok(response));
    }

    /// Gives it no answer.
    pub fn fail(self, error: Error) {
        self.end(Err(error));
    }

    fn end(self, answer: Answer) {
        self.host
            .scene
            .borrow_mut()
            .expected
            .push_back((self.request.to_owned(), answer));
    }
}

/// A JSON answer.
///
/// # Panics
/// When `body` does not go into JSON.
#[must_use]
pub fn json<T: Serialize>(status: u16, body: &T) -> Response {
    let body = serde_json::to_vec(body).expect("the test's answer goes into JSON");
    Response {
        status,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body,
    }
}

/// A plain-text answer.
#[must_use]
pub fn text(status: u16, body: &str) -> Response {
    let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
    Response {
        status,
        headers,
        body: body.as_bytes().to_vec(),
    }
}

impl Response {
    /// Adds a header, for the answers of a test.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }
}

/// A JSON webhook, received at 2026-01-01T00:00:00Z.
#[must_use]
pub fn event(source: &str, event_type: &str, body: &Value) -> Event {
    Event {
        id: EVENT_ID.to_owned(),
        source: source.to_owned(),
        event_type: event_type.to_owned(),
        received_at: NEW_YEAR_MS,
        content_type: "application/json".to_owned(),
        headers: vec![Header {
            name: "user-agent".to_owned(),
            value: "test".to_owned(),
        }],
        body: body.to_string().into_bytes(),
    }
}

fn with<T>(use_it: impl FnOnce(&mut Scene) -> T) -> T {
    SCENE.with_borrow(|scene| {
        let scene = scene
            .as_ref()
            .expect("make a testing::Host before the plugin calls the host");
        use_it(&mut scene.borrow_mut())
    })
}

fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + with(|scene| scene.now)
}

#[cfg(test)]
mod tests;
