//! The proof: what was acknowledged, what is stored, what the attempts say, and what the vendor saw.

mod arrived;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;

use crate::api::Api;
use crate::figures::Found;
use crate::site::Site;
use crate::{batches, signed};
use arrived::Arrived;
use told::Told;

/// How often unfinished work is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Events on one page of the list: the most that the interface gives.
const PAGE: usize = 100;

/// How many findings of one kind are told one by one.
const SHOWN: usize = 5;

/// All kinds of them.
const KINDS: [&str; 6] = ["lost", "torn", "stuck", "failed", "doubled", "unproved"];

/// Which events a load of this name brought: those sent with a token have it as their source, those of sources that prove
/// themselves as their type.
fn of_load(source: &str) -> [String; 3] {
    let of_source = |name| format!("source={name}&type={source}");
    [
        format!("source={source}"),
        of_source(signed::SOURCE),
        of_source(batches::SOURCE),
    ]
}

/// Waits until no event of the load is unfinished; how many are left when the time is over.
///
/// # Errors
/// When the server does not answer.
pub fn settle(api: &Api, source: &str, within: Duration) -> anyhow::Result<u64> {
    let began = Instant::now();
    loop {
        let mut open = 0;
        for events in of_load(source) {
            for status in ["pending", "processing"] {
                let path = format!("/api/webhooks/list/?{events}&status={status}&page_size=1");
                let page = api.get(&path)?.success("the list of events")?;
                open += page["count"].as_u64().context("no count")?;
            }
        }
        if open == 0 || began.elapsed() > within {
            return Ok(open);
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// Settles, then checks every event of the load against the acknowledged ids and the vendor's effects; notes the
/// figures and what is wrong in `found`, and lets the vendor forget.
///
/// # Errors
/// When the server does not answer.
pub fn reconcile(
    site: &Site,
    source: &str,
    acknowledged: &BTreeSet<String>,
    within: Duration,
    found: &mut Found,
) -> anyhow::Result<()> {
    let api = site.api();
    settle(&api, source, within)?;
    let mut stored = BTreeSet::new();
    for events in of_load(source) {
        list(&api, &events, &mut stored)?;
    }
    let mut broken = Broken::default();
    let mut told = Told::default();
    for effect in site.vendor.effects() {
        if stored.contains(&effect.event) || acknowledged.contains(&effect.event) {
            told.note(&effect);
        } else if api.get(&format!("/api/webhooks/{}/", effect.event))?.status != 200 {
            // Of no source: an event that had an effect is gone.
            broken.note("lost", &effect.event);
        }
    }
    for id in acknowledged {
        // The list may be wrong; the event's own address decides.
        if !stored.contains(id) && api.get(&format!("/api/webhooks/{id}/"))?.status != 200 {
            broken.note("lost", id);
        }
    }
    let mut arrived = Arrived::default();
    for id in stored.union(acknowledged) {
        let answer = api.get(&format!("/api/webhooks/{id}/"))?;
        if answer.status != 200 {
            continue;
        }
        let plugin = site.plugin_of(answer.body["source"].as_str().unwrap_or_default());
        event(&answer.body, plugin, &mut told, &mut broken);
        arrived.note(&answer.body, &mut broken);
    }
    told.unexplained(&mut broken);
    arrived.torn(&mut broken);
    found.add("acknowledged", acknowledged.len() as u64);
    found.add("stored", stored.len() as u64);
    found.add("signed", arrived.signed);
    found.add("keyed", arrived.keyed);
    found.add("batched", arrived.batched);
    found.add("effects", told.effects);
    found.add("repeated-and-told", told.repeated);
    for kind in KINDS {
        let ids = broken.0.get(kind).map_or(&[][..], Vec::as_slice);
        found.add(kind, ids.len() as u64);
        for id in ids.iter().take(SHOWN) {
            found.wrong.push(format!("{kind}: {id}"));
        }
    }
    site.vendor.forget();
    Ok(())
}

/// What is wrong, by kind.
#[derive(Default)]
struct Broken(BTreeMap<&'static str, Vec<String>>);

impl Broken {
    fn note(&mut self, kind: &'static str, what: &str) {
        self.0.entry(kind).or_default().push(what.to_owned());
    }
}

/// Checks one event: finished, delivered to the plugin that its source's route names and to no other, each effect
/// accounted for, success proved by an effect.
fn event(event: &Value, plugin: Option<&str>, told: &mut Told, broken: &mut Broken) {
    let id = event["id"].as_str().unwrap_or("?");
    let deliveries = event["deliveries"].as_array().map_or(&[][..], Vec::as_slice);
    let mut succeeded = 0;
    for delivery in deliveries {
        succeeded += told.hold(id, delivery, broken);
    }
    let brought = |delivery: &Value| {
        plugin.is_some_and(|plugin| delivery["plugin"] == plugin) && delivery["state"] == "succeeded"
    };
    let wrong = match (event["status"].as_str(), deliveries) {
        // Whether it did so once is for its attempts to say.
        (Some("processed"), [one]) if brought(one) && succeeded > 0 => return,
        (Some("processed"), [] | [_]) => "lost",
        (Some("processed"), _) => "doubled",
        (Some("failed"), _) => "failed",
        _ => "stuck",
    };
    broken.note(
        wrong,
        &format!(
            "{id} of {}: {}, {}, {}",
            event["source"], event["status"], event["error_message"], event["deliveries"]
        ),
    );
}

/// Adds the ids of every event that matches.
fn list(api: &Api, events: &str, ids: &mut BTreeSet<String>) -> anyhow::Result<()> {
    for page in 1.. {
        let path = format!("/api/webhooks/list/?{events}&ordering=received_at&page_size={PAGE}&page={page}");
        let answer = api.get(&path)?;
        if answer.status == 404 {
            break;
        }
        let list = answer.success("the list of events")?;
        let events = list["results"].as_array().context("no results")?;
        ids.extend(
            events
                .iter()
                .filter_map(|event| Some(event["id"].as_str()?.to_owned())),
        );
        if list["next"].is_null() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::json;

    use super::*;
    use crate::effects::Effect;

    fn effect(attempt: u64) -> Effect {
        Effect {
            plugin: "effect".to_owned(),
            event: "e".to_owned(),
            delivery: "d".to_owned(),
            attempt,
            at: Instant::now(),
            status: 200,
        }
    }

    /// What is found wrong with an event that has these deliveries, when the vendor saw these effects.
    fn found(status: &str, deliveries: &Value, effects: &[Effect]) -> Vec<&'static str> {
        let (mut told, mut broken) = (Told::default(), Broken::default());
        for effect in effects {
            told.note(effect);
        }
        let shown = json!({"id": "e", "status": status, "deliveries": deliveries});
        event(&shown, Some("effect"), &mut told, &mut broken);
        told.unexplained(&mut broken);
        broken.0.into_keys().collect()
    }

    /// The same of one delivery that has these attempts.
    fn kinds(status: &str, attempts: &Value, effects: &[Effect]) -> Vec<&'static str> {
        let delivery = json!({"id": "d", "plugin": "effect", "state": "succeeded", "attempts": attempts});
        found(status, &json!([delivery]), effects)
    }

    #[test]
    fn a_repetition_that_is_told_is_right() {
        for outcome in ["unknown", "interrupted"] {
            let attempts = json!([{"number": 1, "outcome": outcome}, {"number": 2, "outcome": "succeeded"}]);
            assert!(kinds("processed", &attempts, &[effect(1), effect(2)]).is_empty());
            assert!(
                kinds("processed", &attempts, &[effect(2)]).is_empty(),
                "it died before the effect"
            );
        }
    }

    #[test]
    fn a_repetition_that_an_attempt_denies_is_found() {
        for outcome in ["retry", "deferred", "rejected", "trapped", "limit", "host"] {
            let attempts = json!([{"number": 1, "outcome": outcome}, {"number": 2, "outcome": "succeeded"}]);
            assert_eq!(
                kinds("processed", &attempts, &[effect(1), effect(2)]),
                ["doubled"],
                "{outcome}"
            );
            assert!(
                kinds("processed", &attempts, &[effect(2)]).is_empty(),
                "{outcome}"
            );
        }
    }

    #[test]
    fn an_attempt_that_was_put_off_takes_nothing_from_the_one_with_its_number() {
        let attempts = json!([{"number": 1, "outcome": "deferred"}, {"number": 1, "outcome": "succeeded"}]);
        assert!(kinds("processed", &attempts, &[effect(1)]).is_empty());
    }

    #[test]
    fn an_event_that_was_brought_to_nobody_is_lost() {
        let once = json!([{"number": 1, "outcome": "succeeded"}]);
        let delivery = |id: &str, plugin: &str, state: &str, attempts: &Value| json!({"id": id, "plugin": plugin, "state": state, "attempts": attempts});
        assert_eq!(found("processed", &json!([]), &[]), ["lost"]);
        assert_eq!(found("processed", &Value::Null, &[]), ["lost"]);
        for deliveries in [
            json!([delivery("d", "other", "succeeded", &once)]),
            json!([delivery("d", "effect", "cancelled", &once)]),
        ] {
            assert_eq!(found("processed", &deliveries, &[effect(1)]), ["lost"]);
        }
        let untried = json!([delivery("d", "effect", "succeeded", &json!([]))]);
        assert_eq!(found("processed", &untried, &[]), ["lost"]);
        let mut second = effect(1);
        "d2".clone_into(&mut second.delivery);
        let twice = json!([
            delivery("d", "effect", "succeeded", &once),
            delivery("d2", "effect", "succeeded", &once)
        ]);
        assert_eq!(found("processed", &twice, &[effect(1), second]), ["doubled"]);
    }

    #[test]
    fn what_is_wrong_is_found() {
        let once = json!([{"number": 1, "outcome": "succeeded"}]);
        let twice = json!([{"number": 1, "outcome": "succeeded"}, {"number": 2, "outcome": "succeeded"}]);
        assert_eq!(kinds("processed", &once, &[]), ["unproved"]);
        assert_eq!(kinds("processed", &once, &[effect(1), effect(1)]), ["doubled"]);
        assert_eq!(kinds("processed", &once, &[effect(1), effect(2)]), ["doubled"]);
        assert_eq!(kinds("processed", &twice, &[effect(1), effect(2)]), ["doubled"]);
        assert_eq!(kinds("processing", &json!([]), &[]), ["stuck"]);
        assert_eq!(kinds("failed", &json!([]), &[]), ["failed"]);
    }

    #[test]
    fn a_refused_request_is_no_effect() {
        let refused = Effect {
            status: 429,
            ..effect(1)
        };
        let attempts = json!([{"number": 1, "outcome": "retry"}, {"number": 2, "outcome": "succeeded"}]);
        assert!(kinds("processed", &attempts, &[refused, effect(2)]).is_empty());
    }
}
