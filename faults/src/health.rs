//! Somebody who asks `/healthz` all the while, each time over a connection of its own, as an orchestrator does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::api::agent;

/// How often it is asked.
const EVERY: Duration = Duration::from_millis(100);

/// How long an answer may take: an orchestrator's usual patience.
const WITHIN: Duration = Duration::from_secs(5);

/// What it heard.
#[derive(Clone, Default)]
pub struct Heard {
    pub asked: u64,
    /// Not 200, or not in time.
    pub failed: u64,
    pub slowest: Duration,
}

/// The one who asks.
pub struct Health {
    stop: Arc<AtomicBool>,
    heard: Arc<Mutex<Heard>>,
    thread: JoinHandle<()>,
}

impl Health {
    /// Begins to ask.
    pub fn watch(url: &str) -> Self {
        let (stop, heard) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::default()));
        let url = format!("{url}/healthz");
        let thread = thread::spawn({
            let (stop, heard) = (stop.clone(), heard.clone());
            move || {
                while !stop.load(Ordering::SeqCst) {
                    ask(&url, &heard);
                    thread::sleep(EVERY);
                }
            }
        });
        Self { stop, heard, thread }
    }

    /// Stops asking.
    pub fn stop(self) -> Heard {
        self.stop.store(true, Ordering::SeqCst);
        let _panicked = self.thread.join();
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn ask(url: &str, heard: &Mutex<Heard>) {
    let began = Instant::now();
    // A fresh agent has a fresh connection.
    let answered = agent(WITHIN).get(url).call();
    let well = answered.is_ok_and(|answer| answer.status().as_u16() == 200);
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    heard.asked += 1;
    heard.failed += u64::from(!well);
    heard.slowest = heard.slowest.max(began.elapsed());
}
