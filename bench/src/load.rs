//! The load generator: one thread, so that it takes one processor at most and says how much of it it took.
//!
//! A request is bytes that are made once. Connections are kept; one that the server closes is made anew. In a closed
//! loop each connection asks again as soon as it has its answer. At a pace, requests have planned moments, and what a
//! request waited because the answer before it was late counts as its latency.

mod outcome;
mod wire;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use hookyard::clock::{Clock as _, SystemClock};
use tokio::task::LocalSet;

use crate::meter;
use crate::row::figure;
pub use outcome::Outcome;
use wire::Wire;

/// Longest latency that is told apart, in µs: above every time-out.
const LONGEST_US: u64 = 120_000_000;

/// Pause of a connection after one that broke or was refused.
const BROKEN_PAUSE: Duration = Duration::from_millis(5);

/// What is asked for.
#[derive(Clone)]
pub struct Shot {
    pub address: SocketAddr,
    /// The whole request.
    pub bytes: Arc<[u8]>,
}

impl Shot {
    /// A `POST` of JSON to a path of the server at `url`.
    ///
    /// # Errors
    /// When the URL is not `http://ADDRESS:PORT`.
    pub fn post(url: &str, path: &str, token: &str, body: &[u8]) -> anyhow::Result<Self> {
        let authority = url.strip_prefix("http://").context("a URL of http")?;
        let address = authority
            .parse()
            .with_context(|| format!("{authority} is no address"))?;
        let bearer = if token.is_empty() {
            String::new()
        } else {
            format!("authorization: Bearer {token}\r\n")
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\n\
             {bearer}content-length: {}\r\n\r\n",
            body.len()
        );
        let bytes = [head.as_bytes(), body].concat();
        Ok(Self {
            address,
            bytes: bytes.into(),
        })
    }
}

/// How fast.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Each connection asks again when it has its answer.
    Closed,
    /// So many a second over all connections, whatever the answers do.
    Open(f64),
}

/// A load.
#[derive(Clone)]
pub struct Plan {
    pub shot: Shot,
    pub connections: usize,
    pub pace: Pace,
    /// Not measured.
    pub warm_up: Duration,
    /// Measured.
    pub window: Duration,
    /// Ends the load when so many are answered.
    pub most: Option<u64>,
    /// Whether the ids in the answers are noted, each with the moment of its answer.
    pub notes_ids: bool,
}

impl Plan {
    /// A closed loop.
    pub fn closed(shot: Shot, connections: usize, warm_up: Duration, window: Duration) -> Self {
        Self {
            shot,
            connections,
            pace: Pace::Closed,
            warm_up,
            window,
            most: None,
            notes_ids: false,
        }
    }

    /// A pace of so many a second.
    pub fn open(shot: Shot, connections: usize, per_second: f64, window: Duration) -> Self {
        Self {
            shot,
            connections,
            pace: Pace::Open(per_second),
            warm_up: Duration::ZERO,
            window,
            most: None,
            notes_ids: false,
        }
    }

    /// So many requests and then no more, however long it takes.
    pub fn count(shot: Shot, connections: usize, most: u64) -> Self {
        Self {
            most: Some(most),
            ..Self::closed(shot, connections, Duration::ZERO, COUNT_WITHIN)
        }
    }
}

/// How long a load of a given number may take.
const COUNT_WITHIN: Duration = Duration::from_mins(30);

/// Runs a load to its end, on a thread of its own.
///
/// # Errors
/// When there is no runtime, or the thread panicked.
pub async fn run(plan: Plan) -> anyhow::Result<Outcome> {
    tokio::task::spawn_blocking(move || run_here(&plan))
        .await
        .context("the load generator")?
}

fn run_here(plan: &Plan) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let gun = Rc::new(Gun::new(plan)?);
    let cpu = LocalSet::new().block_on(&runtime, async {
        let senders: Vec<_> = (0..plan.connections)
            .map(|number| tokio::task::spawn_local(send(gun.clone(), number)))
            .collect();
        tokio::time::sleep(plan.warm_up).await;
        let cpu = meter::this_thread();
        for sender in senders {
            sender.await.context("a sender")?;
        }
        anyhow::Ok(cpu)
    })?;
    let spent = meter::this_thread().saturating_sub(cpu);
    let gun = Rc::into_inner(gun).context("senders that are over")?;
    Ok(gun.outcome(spent))
}

/// What the senders of one load share.
struct Gun {
    plan: Plan,
    began: Instant,
    /// Requests that may still be sent.
    left: Cell<u64>,
    last_answer: Cell<Instant>,
    answered: Cell<u64>,
    refused: Cell<u64>,
    broken: Cell<u64>,
    latency: RefCell<Histogram<u64>>,
    ids: RefCell<Vec<(String, i64)>>,
}

impl Gun {
    fn new(plan: &Plan) -> anyhow::Result<Self> {
        let began = Instant::now();
        Ok(Self {
            plan: plan.clone(),
            began,
            left: Cell::new(plan.most.unwrap_or(u64::MAX)),
            last_answer: Cell::new(began),
            answered: Cell::default(),
            refused: Cell::default(),
            broken: Cell::default(),
            latency: RefCell::new(Histogram::new_with_bounds(1, LONGEST_US, 3)?),
            ids: RefCell::default(),
        })
    }

    /// Whether another request may leave.
    fn may_send(&self) -> bool {
        let over = self.began.elapsed() >= self.plan.warm_up + self.plan.window;
        let left = self.left.get();
        if over || left == 0 {
            return false;
        }
        self.left.set(left - 1);
        true
    }

    fn note(&self, since: Instant, answer: &wire::Answer<'_>) {
        let now = Instant::now();
        if now.saturating_duration_since(self.began) < self.plan.warm_up {
            return;
        }
        self.last_answer.set(now);
        if !(200..300).contains(&answer.status) {
            self.refused.set(self.refused.get() + 1);
            return;
        }
        self.answered.set(self.answered.get() + 1);
        let micros = now.saturating_duration_since(since).as_micros();
        let micros = u64::try_from(micros).unwrap_or(LONGEST_US).clamp(1, LONGEST_US);
        // Within the bounds, so that it is taken.
        let _taken = self.latency.borrow_mut().record(micros);
        if self.plan.notes_ids
            && let Some(id) = answer.id()
        {
            self.ids.borrow_mut().push((id, SystemClock.now().as_millis()));
        }
    }

    fn outcome(self, spent: Duration) -> Outcome {
        // With a count the load ends by itself, and its last answer ends the window.
        let seconds = match self.plan.most {
            Some(_) => self.last_answer.get().saturating_duration_since(self.began),
            None => self.plan.window,
        };
        let seconds = seconds.as_secs_f64().max(1e-6);
        Outcome {
            answered: self.answered.get(),
            seconds,
            latency: self.latency.into_inner(),
            refused: self.refused.get(),
            broken: self.broken.get(),
            own_share: spent.as_secs_f64() / seconds,
            ids: self.ids.into_inner(),
        }
    }
}

/// One connection, to the end of the load.
async fn send(gun: Rc<Gun>, number: usize) {
    let mut wire = Wire::new(gun.plan.shot.clone());
    let mut round = 0_u32;
    loop {
        let mut since = Instant::now();
        if let Pace::Open(per_second) = gun.plan.pace {
            let step = figure(number as u64) + figure(gun.plan.connections as u64) * f64::from(round);
            let planned = gun.began + Duration::from_secs_f64(step / per_second);
            if planned > since {
                tokio::time::sleep_until(planned.into()).await;
                // The timer's own lateness, up to a millisecond, is not the server's.
                since = Instant::now();
            } else {
                since = planned;
            }
        }
        if !gun.may_send() {
            return;
        }
        round = round.wrapping_add(1);
        match wire.ask().await {
            Ok(answer) => gun.note(since, &answer),
            Err(_broken) => {
                gun.broken.set(gun.broken.get() + 1);
                tokio::time::sleep(BROKEN_PAUSE).await;
            }
        }
    }
}
