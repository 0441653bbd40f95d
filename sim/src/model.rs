//! The simulation: requests come, share commits, are claimed, run and recorded, and each step waits for what it needs.
//!
//! The database is one server that takes `busy` of each step in turn and answers after `alone` at the earliest. A node has
//! processors, a bounded number of commits at a time (of intake and of results each), and as many slots as
//! `limits.concurrency`.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::costs::{Costs, Step};

/// Commits of one kind that a node has under way at a time, and items of one: as the host has them.
const COMMITS: u32 = 4;
const COMMIT_ITEMS: usize = 256;

/// What comes first does not count: queues are still empty.
const WARM_UP: Duration = Duration::from_secs(1);

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub nodes: u32,
    pub cores: u32,
    pub concurrency: u32,
    pub vendor: Duration,
    /// Events per second, of all nodes.
    pub rate: f64,
    pub lasts: Duration,
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// From a request to its answer.
    pub answers: Vec<Duration>,
    /// From a request to its recorded result.
    pub results: Vec<Duration>,
    /// Events that were not finished at the end.
    pub left: usize,
    /// Shares of the time that the database and the processors were busy.
    pub database: f64,
    pub processors: f64,
}

/// What happens next. Events are known by when their request came.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Request,
    Parsed(usize, Duration),
    Stored(usize, Vec<Duration>),
    Claimed(usize, Vec<Duration>),
    Marked(usize, Vec<Duration>),
    Ran(usize, Duration),
    Recorded(usize, Vec<Duration>),
}

#[derive(Default)]
struct Node {
    /// When each processor is free.
    cores: Vec<Duration>,
    to_store: VecDeque<Duration>,
    storing: u32,
    to_record: VecDeque<Duration>,
    recording: u32,
    free_slots: u32,
    claims: bool,
}

/// Everything at one moment.
struct World<'c> {
    costs: &'c Costs,
    shape: Shape,
    chance: StdRng,
    now: Duration,
    /// Ties go by number, so that the same seed gives the same run.
    agenda: BinaryHeap<Reverse<(Duration, u64, Next)>>,
    number: u64,
    nodes: Vec<Node>,
    /// Who got the last request, and who looked for work last.
    turn: usize,
    waiting: VecDeque<Duration>,
    database_free: Duration,
    database_busy: Duration,
    processors_busy: Duration,
    open: usize,
    outcome: Outcome,
}

/// Runs it to the end of its time.
pub fn simulate(costs: &Costs, shape: Shape) -> Outcome {
    let node = || Node {
        cores: vec![Duration::ZERO; shape.cores as usize],
        free_slots: shape.concurrency,
        ..Node::default()
    };
    let mut world = World {
        costs,
        shape,
        chance: StdRng::seed_from_u64(shape.seed),
        now: Duration::ZERO,
        agenda: BinaryHeap::new(),
        number: 0,
        nodes: (0..shape.nodes).map(|_| node()).collect(),
        turn: 0,
        waiting: VecDeque::new(),
        database_free: Duration::ZERO,
        database_busy: Duration::ZERO,
        processors_busy: Duration::ZERO,
        open: 0,
        outcome: Outcome::default(),
    };
    world.at(Duration::ZERO, Next::Request);
    let end = WARM_UP + shape.lasts;
    while let Some(Reverse((at, _, next))) = world.agenda.pop() {
        if at > end {
            break;
        }
        world.now = at;
        world.happen(next);
    }
    let all_cores = f64::from(shape.nodes * shape.cores);
    world.outcome.left = world.open;
    world.outcome.database = world.database_busy.as_secs_f64() / end.as_secs_f64();
    world.outcome.processors = world.processors_busy.as_secs_f64() / (end.as_secs_f64() * all_cores);
    world.outcome
}

impl World<'_> {
    fn at(&mut self, at: Duration, next: Next) {
        self.number += 1;
        self.agenda.push(Reverse((at, self.number, next)));
    }

    fn happen(&mut self, next: Next) {
        match next {
            Next::Request => self.request(),
            Next::Parsed(node, came) => {
                self.nodes[node].to_store.push_back(came);
                self.store(node);
            }
            Next::Stored(node, events) => {
                self.nodes[node].storing -= 1;
                for came in events {
                    self.count(came, |outcome| &mut outcome.answers);
                    self.waiting.push_back(came);
                }
                self.store(node);
                self.wake();
            }
            Next::Claimed(node, events) => {
                self.nodes[node].claims = false;
                let done = self.ask(self.costs.mark, events.len());
                self.at(done, Next::Marked(node, events));
                self.claim(node);
            }
            Next::Marked(node, events) => {
                for came in events {
                    let ran = self.compute(node, self.costs.run_cpu) + self.shape.vendor;
                    self.at(ran, Next::Ran(node, came));
                }
            }
            Next::Ran(node, came) => {
                self.nodes[node].to_record.push_back(came);
                self.record(node);
            }
            Next::Recorded(node, events) => {
                self.nodes[node].recording -= 1;
                self.nodes[node].free_slots += u32::try_from(events.len()).unwrap_or(u32::MAX);
                self.open -= events.len();
                for came in events {
                    self.count(came, |outcome| &mut outcome.results);
                }
                self.record(node);
                self.claim(node);
            }
        }
    }

    /// A request comes to one node after the other, and the next at a random time.
    fn request(&mut self) {
        self.turn = (self.turn + 1) % self.nodes.len();
        self.open += 1;
        let parsed = self.compute(self.turn, self.costs.request_cpu);
        self.at(parsed, Next::Parsed(self.turn, self.now));
        let share: f64 = self.chance.random();
        // Independent senders: exponential gaps.
        let gap = -(1.0 - share).ln() / self.shape.rate;
        self.at(self.now + Duration::from_secs_f64(gap), Next::Request);
    }

    fn count(&mut self, came: Duration, times: impl FnOnce(&mut Outcome) -> &mut Vec<Duration>) {
        if came >= WARM_UP {
            times(&mut self.outcome).push(self.now.saturating_sub(came));
        }
    }

    /// When a step that is asked for now is done.
    fn ask(&mut self, step: Step, items: usize) -> Duration {
        let items = u32::try_from(items).unwrap_or(u32::MAX);
        let busy = step.busy.of(items);
        self.database_busy += busy;
        self.database_free = self.database_free.max(self.now) + busy;
        self.database_free.max(self.now + step.alone.of(items))
    }

    /// When the processor that is free first has done so much.
    fn compute(&mut self, node: usize, time: Duration) -> Duration {
        self.processors_busy += time;
        let now = self.now;
        let cores = self.nodes[node].cores.iter_mut();
        cores.min().map_or(now + time, |free| {
            *free = (*free).max(now) + time;
            *free
        })
    }

    fn store(&mut self, node: usize) {
        while self.nodes[node].storing < COMMITS && !self.nodes[node].to_store.is_empty() {
            let events = take(&mut self.nodes[node].to_store, COMMIT_ITEMS);
            self.nodes[node].storing += 1;
            let done = self.ask(self.costs.accept, events.len());
            self.at(done, Next::Stored(node, events));
        }
    }

    fn record(&mut self, node: usize) {
        while self.nodes[node].recording < COMMITS && !self.nodes[node].to_record.is_empty() {
            let events = take(&mut self.nodes[node].to_record, COMMIT_ITEMS);
            self.nodes[node].recording += 1;
            let done = self.ask(self.costs.finish, events.len());
            self.at(done, Next::Recorded(node, events));
        }
    }

    /// Every node is told that something waits; another is the first each time.
    fn wake(&mut self) {
        for step in 0..self.nodes.len() {
            self.claim((self.turn + step) % self.nodes.len());
        }
    }

    fn claim(&mut self, node: usize) {
        let one = &mut self.nodes[node];
        if one.claims || one.free_slots == 0 || self.waiting.is_empty() {
            return;
        }
        let events = take(&mut self.waiting, one.free_slots as usize);
        one.free_slots -= u32::try_from(events.len()).unwrap_or(u32::MAX);
        one.claims = true;
        let done = self.ask(self.costs.claim, events.len());
        self.at(done, Next::Claimed(node, events));
    }
}

fn take(queue: &mut VecDeque<Duration>, most: usize) -> Vec<Duration> {
    let count = queue.len().min(most);
    queue.drain(..count).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::costs::Line;

    /// Made-up times, round ones: nothing here was measured.
    pub fn made_up() -> Costs {
        let step = |alone, busy| {
            let line = |each| Line {
                each: Duration::from_micros(each),
                item: Duration::from_micros(10),
            };
            Step {
                alone: line(alone),
                busy: line(busy),
            }
        };
        Costs {
            accept: step(2_000, 200),
            claim: step(1_000, 100),
            mark: step(1_000, 100),
            finish: step(2_000, 200),
            run_cpu: Duration::from_micros(500),
            request_cpu: Duration::from_micros(100),
        }
    }

    pub fn shape(nodes: u32, rate: f64) -> Shape {
        Shape {
            nodes,
            cores: 2,
            concurrency: 32,
            vendor: Duration::from_millis(20),
            rate,
            lasts: Duration::from_secs(2),
            seed: 7,
        }
    }

    #[test]
    fn a_quiet_service_takes_what_its_steps_take() {
        let outcome = simulate(&made_up(), shape(1, 5.0));
        // Request and commit; claim, mark, run, vendor and commit on top.
        let (answer, result) = (Duration::from_micros(2_110), Duration::from_micros(26_640));
        assert!(
            outcome
                .answers
                .iter()
                .all(|took| *took >= answer && *took < answer * 2)
        );
        assert!(
            outcome
                .results
                .iter()
                .all(|took| *took >= result && *took < result * 2)
        );
        assert!(outcome.left <= 1, "{outcome:?}");
    }

    #[test]
    fn nothing_is_lost_and_the_same_seed_is_the_same_run() {
        let (one, two) = (
            simulate(&made_up(), shape(3, 500.0)),
            simulate(&made_up(), shape(3, 500.0)),
        );
        assert_eq!(one.answers, two.answers);
        assert!(
            one.answers.len() > 800 && one.left < 50,
            "{} {}",
            one.answers.len(),
            one.left
        );
    }

    #[test]
    fn too_much_piles_up() {
        let outcome = simulate(&made_up(), shape(1, 20_000.0));
        assert!(outcome.left > 1_000, "{}", outcome.left);
        assert!(outcome.processors > 0.9, "{}", outcome.processors);
    }
}
