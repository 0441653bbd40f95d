//! What became of the names that senders gave: each is one event, and of a batch all are there or none.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::Broken;
use crate::{batches, signed};

/// The named events of a load.
#[derive(Default)]
pub(super) struct Arrived {
    /// By the names that their senders gave them.
    events: HashMap<String, String>,
    /// How many of each batch.
    batches: BTreeMap<String, usize>,
    /// How many came which way.
    pub signed: u64,
    pub keyed: u64,
    pub batched: u64,
}

impl Arrived {
    /// However often its sender repeats it, it is one event.
    pub(super) fn note(&mut self, event: &Value, broken: &mut Broken) {
        let payload = &event["payload"];
        let (name, count) = match event["source"].as_str() {
            Some(signed::SOURCE) => (&payload["delivery"], &mut self.signed),
            Some(batches::SOURCE) => (&payload["id"], &mut self.batched),
            _ => (&payload["delivery"], &mut self.keyed),
        };
        let Some(name) = name.as_str() else {
            return;
        };
        *count += 1;
        if let Some(batch) = payload["data"]["batch"].as_str() {
            *self.batches.entry(batch.to_owned()).or_default() += 1;
        }
        let id = event["id"].as_str().unwrap_or("?");
        if let Some(other) = self.events.insert(name.to_owned(), id.to_owned()) {
            broken.note("doubled", &format!("{id} and {other} are both {name}"));
        }
    }

    /// Batches of which only some events are there.
    pub(super) fn torn(&self, broken: &mut Broken) {
        for (batch, there) in self.batches.iter().filter(|(_, there)| **there < batches::SIZE) {
            broken.note(
                "torn",
                &format!("{there} of the {} events of {batch}", batches::SIZE),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_batch(id: &str, place: usize) -> Value {
        let payload = json!({"id": format!("b/{place}"), "data": {"batch": "b"}});
        json!({"id": id, "source": batches::SOURCE, "payload": payload})
    }

    /// What is found wrong with these events.
    fn kinds(events: &[Value]) -> Vec<&'static str> {
        let (mut arrived, mut broken) = (Arrived::default(), Broken::default());
        for event in events {
            arrived.note(event, &mut broken);
        }
        arrived.torn(&mut broken);
        broken.0.into_keys().collect()
    }

    #[test]
    fn a_name_that_became_two_events_is_found() {
        let became = |id: &str, source: &str, name: &str| json!({"id": id, "source": source, "payload": {"delivery": name}});
        let right = [
            became("a", signed::SOURCE, "msg_1"),
            became("b", signed::SOURCE, "msg_2"),
            became("c", "load", "key_1"),
            json!({"id": "d", "source": "load", "payload": {"sender": 1, "number": 2}}),
            json!({"id": "e", "source": "load", "payload": {"sender": 1, "number": 2}}),
        ];
        assert!(kinds(&right).is_empty());
        for twice in [became("f", signed::SOURCE, "msg_2"), became("f", "load", "key_1")] {
            let mut events = right.to_vec();
            events.push(twice);
            assert_eq!(kinds(&events), ["doubled"]);
        }
    }

    #[test]
    fn a_batch_that_is_there_in_part_is_found() {
        let mut events: Vec<_> = (0..batches::SIZE)
            .map(|place| of_batch(&place.to_string(), place))
            .collect();
        assert!(kinds(&events).is_empty());
        events.push(of_batch("again", 0));
        assert_eq!(kinds(&events), ["doubled"]);
        assert_eq!(kinds(&events[1..batches::SIZE]), ["torn"]);
    }
}
