//! Senders: bounded in number and pace, each noting every id that was acknowledged to it. Each sends with a token, some of
//! that under keys of its own, and a share of its events as a provider that signs; a few send batches.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::api::{Answer, Api};
use crate::batches::Batches;
use crate::keyed::Keyed;
use crate::signed::{Key, Provider};

/// Pause after a connection that broke or was refused, so that a server that is away is not flooded.
const BROKEN_PAUSE: Duration = Duration::from_millis(10);

/// How a request brings what it brings.
enum Way {
    /// With a token.
    Token,
    /// With a token, under a key.
    Key,
    /// As a provider that signs.
    Signed,
    /// As several events at once, by those who do so; with a token by the others.
    Batch,
}

/// What each sender does in turn.
const TURNS: [Way; 6] = [
    Way::Key,
    Way::Token,
    Way::Signed,
    Way::Token,
    Way::Batch,
    Way::Signed,
];

/// How many senders send batches: fewer than the host stores at a time (it refuses the fifth), since in calm weather nobody
/// may be refused.
const BATCHING: u32 = 2;

/// What a request may be answered with: it was stored, it could not be stored, and, where it was repeated, the first with
/// its key is still being dealt with.
const EXPECTED: [u16; 3] = [200, 503, 409];

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
    /// What was acknowledged as repeated.
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

    /// Whether each answer was one of those that a request may get.
    pub fn are_as_documented(&self) -> bool {
        self.answers.keys().all(|status| EXPECTED.contains(status))
    }

    /// Notes an answer.
    fn note(&mut self, answer: &Answer) {
        *self.answers.entry(answer.status).or_default() += 1;
        if answer.is_success() {
            for event in events_of(&answer.body) {
                let Some(id) = event["id"].as_str() else {
                    continue;
                };
                self.acknowledged.insert(id.to_owned());
                self.last_acknowledged = Some(Instant::now());
                self.duplicates += u64::from(answer.replayed || event["duplicate"] == true);
            }
        }
        if answer.status == 503 && !answer.retry_after {
            self.unhelpful += 1;
        }
    }
}

/// What an answer says of each event that the request brought.
fn events_of(body: &Value) -> &[Value] {
    let events = body["events"].as_array();
    events.map_or_else(|| slice::from_ref(body), Vec::as_slice)
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
    let mut keyed = Keyed::new(&path);
    let mut provider = Provider::new(&plan.key, &plan.source);
    let mut batches = (sender < BATCHING).then(|| Batches::new(plan.key.secret(), &plan.source));
    for (number, way) in (1_u64..).zip(TURNS.iter().cycle()) {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let began = Instant::now();
        let answer = match (way, &mut batches) {
            (Way::Key, _) => keyed.send(&api),
            (Way::Signed, _) => provider.send(&api),
            (Way::Batch, Some(batches)) => batches.send(&api),
            (Way::Batch | Way::Token, _) => {
                api.post(&path, &json!({"sender": sender, "number": number}).to_string())
            }
        };
        let took = began.elapsed();
        let mut pause = plan.pause;
        {
            let mut notes = lock(notes);
            notes.slowest = notes.slowest.max(took);
            if let Ok(answer) = answer {
                notes.note(&answer);
            } else {
                notes.broken += 1;
                pause = pause.max(BROKEN_PAUSE);
            }
        }
        thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_of_a_batch_is_acknowledged_and_repeats_are_counted() {
        let answer = |replayed, body| Answer {
            status: 200,
            retry_after: false,
            replayed,
            body,
        };
        let mut notes = Notes::default();
        notes.note(&answer(false, json!({"id": "a"})));
        notes.note(&answer(true, json!({"id": "a"})));
        let batch = json!({"events": [{"id": "b", "duplicate": true}, {"id": "c"}]});
        notes.note(&answer(false, batch));
        assert_eq!(Vec::from_iter(&notes.acknowledged), ["a", "b", "c"]);
        assert_eq!((notes.duplicates, notes.refused()), (2, 0));
        assert!(notes.are_as_documented());
    }
}
