//! Senders: bounded in number and pace, each noting every id that was acknowledged to it. Each sends with a token, and a
//! share of its events as a provider that signs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::api::Api;
use crate::signed::{Key, Provider};

/// Pause after a connection that broke or was refused, so that a server that is away is not flooded.
const BROKEN_PAUSE: Duration = Duration::from_millis(10);

/// One request in so many is a provider's, which signs.
const SIGNED: u64 = 3;

/// What is sent.
#[derive(Clone)]
pub struct Plan {
    pub url: String,
    pub token: String,
    /// What the signed ones are signed with.
    pub key: Key,
    /// The source of what is sent with the token, and the type of what is signed.
    pub source: String,
    /// At the same time.
    pub senders: u32,
    /// Of each sender after an answer.
    pub pause: Duration,
}

/// What came back.
#[derive(Clone, Default)]
pub struct Notes {
    /// Ids of a 2xx whose whole body arrived.
    pub acknowledged: BTreeSet<String>,
    /// Answers by status.
    pub answers: BTreeMap<u16, u64>,
    /// Deliveries of the provider that were acknowledged as repeated.
    pub duplicates: u64,
    /// 503 that did not say when to come again.
    pub unhelpful: u64,
    /// No answer, or not a whole one.
    pub broken: u64,
    pub slowest: Duration,
    pub last_acknowledged: Option<Instant>,
}

impl Notes {
    /// Answers that were not a 2xx.
    pub fn refused(&self) -> u64 {
        let refused = self.answers.iter().filter(|(status, _)| **status >= 300);
        refused.map(|(_, count)| count).sum()
    }
}

/// Senders at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    notes: Arc<Mutex<Notes>>,
    senders: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts the senders.
    pub fn start(plan: &Plan) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let notes = Arc::new(Mutex::new(Notes::default()));
        let senders = (0..plan.senders)
            .map(|sender| {
                let (plan, stop, notes) = (plan.clone(), stop.clone(), notes.clone());
                thread::spawn(move || send(&plan, sender, &stop, &notes))
            })
            .collect();
        Self { stop, notes, senders }
    }

    /// What has come back so far.
    pub fn notes(&self) -> Notes {
        lock(&self.notes).clone()
    }

    /// How many are acknowledged.
    pub fn acknowledged(&self) -> usize {
        lock(&self.notes).acknowledged.len()
    }

    /// When the last acknowledgement came.
    pub fn last_acknowledged(&self) -> Option<Instant> {
        lock(&self.notes).last_acknowledged
    }

    /// Ends the senders, each after its last answer.
    pub fn stop(mut self) -> Notes {
        self.stop.store(true, Ordering::SeqCst);
        for sender in self.senders.drain(..) {
            // A sender that panicked has printed why; its notes stand.
            let _panicked = sender.join();
        }
        self.notes()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

fn lock(notes: &Mutex<Notes>) -> MutexGuard<'_, Notes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

fn send(plan: &Plan, sender: u32, stop: &AtomicBool, notes: &Mutex<Notes>) {
    let api = Api::new(&plan.url, &plan.token);
    let path = format!("/api/webhooks/receive/?source={}&type=load", plan.source);
    let mut provider = Provider::new(&plan.key, &plan.source);
    let mut number = 0_u64;
    while !stop.load(Ordering::SeqCst) {
        number += 1;
        let body = json!({"sender": sender, "number": number}).to_string();
        let began = Instant::now();
        let answer = if number.is_multiple_of(SIGNED) {
            provider.send(&api)
        } else {
            api.post(&path, &body)
        };
        let took = began.elapsed();
        let mut pause = plan.pause;
        {
            let mut notes = lock(notes);
            notes.slowest = notes.slowest.max(took);
            if let Ok(answer) = answer {
                *notes.answers.entry(answer.status).or_default() += 1;
                if answer.is_success()
                    && let Some(id) = answer.body["id"].as_str()
                {
                    notes.acknowledged.insert(id.to_owned());
                    notes.last_acknowledged = Some(Instant::now());
                    notes.duplicates += u64::from(answer.body["duplicate"] == true);
                }
                if answer.status == 503 && !answer.retry_after {
                    notes.unhelpful += 1;
                }
            } else {
                notes.broken += 1;
                pause = pause.max(BROKEN_PAUSE);
            }
        }
        thread::sleep(pause);
    }
}
